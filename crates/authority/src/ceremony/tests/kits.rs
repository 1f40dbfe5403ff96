//! The recovery kit, and releasing what is in it.

use super::*;
use skink_signer::sealed::SealError;
use skink_x509::crl::CrlNumber;

#[tokio::test]
async fn a_kit_brings_the_standby_to_life() {
    let (_offline, server, ceremony, accepted) = begun().await;
    let kit = kit(&ceremony, "workloads-g1");
    let g2: AuthorityId = "workloads-g2".parse().unwrap();
    assert_eq!(kit.facts().standby.as_ref(), Some(&g2));
    assert!(accepted.kits.contains(kit.facts()));
    let contents = open(&KitFile::from_json(&kit.to_json().unwrap()).unwrap());
    let credential = contents.standby_credential.unwrap();
    assert_eq!(credential.expose(), server.credentials[&g2].expose());
    server.provider.adopt(&server.keys[&g2], &credential).await.unwrap();
    let how = SignatureAlgorithm::EcdsaSha256;
    let signature =
        server.provider.sign(&server.keys[&g2], how, ToSign::Message(b"m")).await.unwrap().bytes;
    let key = certificate(&accepted, "workloads-g2").public_key();
    key.verify(how, b"m", &signature).unwrap();
}

#[tokio::test]
async fn one_custodian_opens_nothing_and_nothing_secret_crosses_in_the_clear() {
    let (offline, server, ceremony, _) = begun().await;
    let kit = kit(&ceremony, "workloads-g1");
    let ada = || {
        let ada = custodian("ada");
        kit.sealed().open_share(&ada.name, &ada.passphrase).unwrap()
    };
    let refused = kit.open(&ada(), &ada()).unwrap_err();
    assert!(matches!(refused, KitError::Seal(SealError::SharesDoNotMatch)));
    let secret = server.credentials[&"workloads-g2".parse().unwrap()].expose();
    let mut texts = vec![kit.to_json().unwrap(), ceremony.response.to_json().unwrap()];
    for name in ["root.log", "signatures.log", "root.json", "opening.json"] {
        texts.push(std::fs::read_to_string(offline.root_dir().join(name)).unwrap());
    }
    for secret in [secret, offline.credential.expose()] {
        assert!(texts.iter().all(|text| !text.contains(secret)));
    }
}

#[tokio::test]
async fn a_kit_with_other_words_on_it_is_refused() {
    let (_, _, ceremony, _) = begun().await;
    let text = kit(&ceremony, "workloads-g1").to_json().unwrap();
    let altered = text.replace("\"standby\": \"workloads-g2\"", "\"standby\": \"workloads-g9\"");
    assert_ne!(text, altered);
    assert!(matches!(KitFile::from_json(&altered), Err(KitError::Altered)));
    assert!(matches!(KitFile::from_json("{}"), Err(KitError::NotOne(_))));
}

#[tokio::test]
async fn later_kits_hold_the_same_standby() {
    let (offline, mut server, ..) = begun().await;
    let (second, _) = later(&offline, &mut server, |_| {}).await;
    let kit = kit(&second, "workloads-g1");
    assert_eq!(kit.facts().escrow.number, 4);
    let credential = open(kit).standby_credential.unwrap();
    let g2: AuthorityId = "workloads-g2".parse().unwrap();
    assert_eq!(credential.expose(), server.credentials[&g2].expose());
}

#[tokio::test]
async fn only_an_escrow_that_outranks_everything_is_released() {
    let (offline, mut server, first, accepted) = begun().await;
    let routine = list(&accepted, "workloads-g1").clone();
    let (workloads, control) = (
        certificate(&accepted, "workloads-g1").clone(),
        certificate(&accepted, "control-g1").clone(),
    );
    let escrow = open(kit(&first, "workloads-g1")).escrow;
    let root = server.root.clone();
    let release = Release {
        root: &root,
        authority: &workloads,
        published: Some(&routine),
        floor: None,
        now: NOW,
    };
    let released = check_escrow(&escrow, &release).unwrap();

    // For another authority; by nobody; not one.
    let other = Release { authority: &control, published: None, ..release.clone() };
    assert!(matches!(check_escrow(&escrow, &other), Err(EscrowRefused::OtherScope { .. })));
    let by_other = Release { root: &workloads, ..release.clone() };
    assert_eq!(check_escrow(&escrow, &by_other), Err(EscrowRefused::NotByRoot));
    assert!(matches!(check_escrow(b"no", &release), Err(EscrowRefused::Unreadable(_))));
    // A second time, or behind what an agent has seen.
    let again = Release { published: Some(&released), ..release.clone() };
    assert!(matches!(check_escrow(&escrow, &again), Err(EscrowRefused::Number { .. })));
    let seen = Some((CrlNumber::from_u64(1), released.this_update()));
    let floor = Release { floor: seen, ..release.clone() };
    assert!(matches!(check_escrow(&escrow, &floor), Err(EscrowRefused::Older { .. })));
    // Before its time.
    let early = Release { now: NOW.minus(Duration::from_hours(1)), ..release.clone() };
    assert_eq!(check_escrow(&escrow, &early), Err(EscrowRefused::NotCurrent));
    // A routine list is no escrow.
    let routine_der = routine.der();
    let plain = Release { published: None, ..release.clone() };
    assert_eq!(check_escrow(routine_der, &plain), Err(EscrowRefused::RevokesNothing));

    // The next ceremony voids it.
    let (second, accepted) = later(&offline, &mut server, |_| {}).await;
    let newer = list(&accepted, "workloads-g1").clone();
    let stale = Release { published: Some(&newer), ..release.clone() };
    assert!(matches!(check_escrow(&escrow, &stale), Err(EscrowRefused::Number { .. })));
    let fresh = open(kit(&second, "workloads-g1")).escrow;
    check_escrow(&fresh, &stale).unwrap();
    // And it would win over the old one, had that been released.
    check_escrow(&fresh, &again).unwrap();
}

#[tokio::test]
async fn kits_need_two_custodians() {
    let (offline, mut server, ..) = begun().await;
    let body = server.body(Vec::new());
    let request = Request::from_json(&server.request(&body).await).unwrap();
    let one = [custodian("ada")];
    let options = SignOptions { custodians: &one, confirmed_requester: None, anchors: None };
    let refused = offline.open().await.sign(&request, &options).await;
    assert!(matches!(refused, Err(RootError::Kit(KitError::Seal(SealError::TooFewCustodians)))));
    // Nothing was spent: the same request still gets its answer.
    let ceremony = offline.sign(&server.request(&body).await, &server).await.unwrap();
    assert_eq!(ceremony.response.body().ceremony, 2);
}
