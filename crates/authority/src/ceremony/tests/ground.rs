//! Where the root stands, and what it remembers.

use super::*;

#[tokio::test]
async fn a_root_beside_a_database_refuses_to_open() {
    let offline = Offline::new().await;
    std::fs::write(offline.root_dir().join("skink.db"), "").unwrap();
    assert!(matches!(offline.try_open().await, Err(RootError::ServerNearby(_))));
    std::fs::remove_file(offline.root_dir().join("skink.db")).unwrap();
    std::fs::write(offline.dir.path().join("skink.db"), "").unwrap();
    assert!(matches!(offline.try_open().await, Err(RootError::ServerNearby(_))));
    let config = RootConfig::new("example", "http://pki.example");
    let (clock, rng) = (offline.clock.clone(), Arc::new(SystemRng));
    let dir = offline.dir.path().join("other");
    let refused = OfflineRoot::init(&dir, offline.credential.clone(), config, clock, rng).await;
    assert!(matches!(refused, Err(RootError::ServerNearby(_))));
    assert!(!dir.exists(), "nothing was made");
}

#[tokio::test]
async fn the_wrong_credential_opens_nothing() {
    let offline = Offline::new().await;
    let (clock, rng) = (offline.clock.clone(), Arc::new(SystemRng));
    let wrong = Credential::generate().unwrap();
    let refused = OfflineRoot::open(&offline.root_dir(), wrong, clock, rng).await;
    assert!(matches!(refused, Err(RootError::Credential(_))));
}

#[tokio::test]
async fn a_root_is_begun_once_and_open_once() {
    let offline = Offline::new().await;
    let config = RootConfig::new("example", "http://pki.example");
    let (clock, rng) = (offline.clock.clone(), Arc::new(SystemRng));
    let credential = offline.credential.clone();
    let again = OfflineRoot::init(&offline.root_dir(), credential, config, clock, rng).await;
    assert!(matches!(again, Err(RootError::AlreadyThere(_))));
    let open = offline.open().await;
    assert!(matches!(offline.try_open().await, Err(RootError::InUse(_))));
    drop(open);
    offline.open().await;
}

#[tokio::test]
async fn an_older_copy_of_the_directory_is_noticed() {
    let (offline, mut server, ..) = begun().await;
    let copy = offline.dir.path().join("copy");
    copy_dir(&offline.root_dir(), &copy);
    later(&offline, &mut server, |_| {}).await;
    std::fs::remove_dir_all(offline.root_dir()).unwrap();
    copy_dir(&copy, &offline.root_dir());
    let body = server.body(Vec::new());
    let refused = offline.refusal(&server.request(&body).await, &server).await;
    assert!(matches!(refused, CeremonyRefused::RolledBack { .. }), "{refused}");
    // Also where it went on on its own since then.
    let lie = RequestBody { ceremonies: 1, root_head: None, ..server.body(Vec::new()) };
    let refused = offline.refusal(&server.request(&lie).await, &server).await;
    assert!(matches!(refused, CeremonyRefused::RolledBack { .. }), "{refused}");
}

#[tokio::test]
async fn an_altered_log_does_not_open() {
    let (offline, ..) = begun().await;
    for name in ["root.log", "signatures.log"] {
        let path = offline.root_dir().join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let without_second = [&lines[..1], &lines[2..]].concat().join("\n") + "\n";
        std::fs::write(&path, without_second).unwrap();
        assert!(offline.try_open().await.is_err(), "{name}");
        std::fs::write(&path, text).unwrap();
    }
    offline.open().await;
}

/// A crash after numbers were reserved, before anything was answered.
#[tokio::test]
async fn a_crash_costs_numbers_but_never_uses_one_twice() {
    let (offline, mut server, ..) = begun().await;
    let body = server.body(Vec::new());
    let request = server.request(&body).await;
    let ceremony = offline.sign(&request, &server).await.unwrap();
    // The last line did not reach the disk.
    let path = offline.root_dir().join("root.log");
    let text = std::fs::read_to_string(&path).unwrap();
    let held = text.trim_end().rfind('\n').unwrap() + 1;
    assert!(text[held..].contains("\"held\""));
    std::fs::write(&path, &text[..held]).unwrap();
    let again = offline.sign(&request, &server).await.unwrap();
    let number = |ceremony: &Ceremony| ceremony.response.body().lists[0].number;
    assert_eq!((number(&ceremony), number(&again)), (3, 5));
    server.take_in(&request, &again);
    later(&offline, &mut server, |_| {}).await;
}

#[tokio::test]
async fn every_response_is_kept() {
    let (offline, _, ceremony, _) = begun().await;
    let kept = offline.root_dir().join("responses/1.json");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), ceremony.response.to_json().unwrap());
}

#[tokio::test]
async fn roots_of_every_kind_hold_ceremonies() {
    for algorithm in [KeyAlgorithm::EcP256, KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa2048] {
        let offline = Offline::with(algorithm).await;
        let mut server = Server::new(&offline).await;
        let request = first_request(&mut server).await;
        let ceremony = offline.sign(&request, &server).await.unwrap();
        let accepted = server.take_in(&request, &ceremony);
        assert_eq!(server.root.public_key().algorithm(), algorithm);
        let release = Release {
            root: &server.root,
            authority: certificate(&accepted, "workloads-g1"),
            published: Some(list(&accepted, "workloads-g1")),
            floor: None,
            now: NOW,
        };
        check_escrow(&open(kit(&ceremony, "workloads-g1")).escrow, &release).unwrap();
    }
}
