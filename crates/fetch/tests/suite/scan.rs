use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use skink_fetch::{ClientAuth, Handshake, Options, Place, Scan, fetch, scan};

use crate::servers::{Clients, finish, listen, tls};

fn spoken(scan: &Scan) -> Vec<&str> {
    scan.protocols.iter().filter(|it| it.spoken).map(|it| it.version.as_str()).collect()
}

#[tokio::test]
async fn a_modern_server_gets_an_a() {
    let config = tls(Clients::NotAsked, b"an answer").config;
    let place = listen(move |stream| finish(stream, Arc::clone(&config))).await;
    let (presented, scan) = scan(&place, &Options::default(), |_| ()).await.unwrap();
    assert_eq!(presented.chain.len(), 2);
    assert_eq!(spoken(&scan), ["TLS 1.3", "TLS 1.2"]);
    assert_eq!(scan.protocols[0].ciphers.len(), 3);
    assert_eq!(scan.protocols[2].refusal.as_deref(), Some("handshake_failure"));
    assert!(scan.groups.contains(&"x25519".to_owned()), "{:?}", scan.groups);
    assert!(scan.groups.contains(&"X25519MLKEM768".to_owned()), "{:?}", scan.groups);
    assert_eq!(scan.alpn, ["h2"]);
    assert_eq!((scan.stapled.seen, scan.stapled.of), (3, 3));
    assert_eq!(scan.resumes_tls13, Some(true));
    assert_eq!(scan.resumes_by_id, Some(true));
    assert_eq!(scan.extended_master_secret, Some(true));
    assert_eq!(scan.grade().letter, 'A', "{:?}", scan.grade());
}

/// `openssl s_server`, ended when dropped.
struct OpenSsl {
    child: Child,
    place: Place,
    _folder: tempfile::TempDir,
}

impl OpenSsl {
    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem \
                    -subj /CN=old.test -days 2";
        let made = Command::new("sh").args(["-c", script]).current_dir(&folder).output().unwrap();
        assert!(made.status.success());
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new("openssl")
            .args(["s_server", "-accept", &address.to_string(), "-quiet"])
            .args(["-cert", "cert.pem", "-key", "key.pem"])
            .args(arguments)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while std::net::TcpStream::connect(address).is_err() {
            assert!(std::time::Instant::now() < deadline, "openssl s_server is not up");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Self { child, place: address.to_string().parse().unwrap(), _folder: folder }
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn old_versions_and_weak_ciphers_of_openssl_are_seen() {
    let ciphers = "AES128-SHA:AES256-SHA:ECDHE-RSA-AES128-SHA:AECDH-AES128-SHA:@SECLEVEL=0";
    let server = OpenSsl::start(&[
        "-no_tls1_3",
        "-no_tls1_2",
        "-cipher",
        ciphers,
        "-serverpref",
        "-no_ticket",
        "-www",
    ]);
    let (presented, scan) = scan(&server.place, &Options::default(), |_| ()).await.unwrap();
    assert_eq!(presented.chain.len(), 1);
    assert_eq!(spoken(&scan), ["TLS 1.1", "TLS 1.0"]);
    let old = &scan.protocols[2];
    assert_eq!(
        old.ciphers,
        [
            "TLS_RSA_WITH_AES_128_CBC_SHA",
            "TLS_RSA_WITH_AES_256_CBC_SHA",
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
            "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"
        ]
    );
    assert_eq!(old.server_prefers, Some(true));
    assert_eq!(scan.secure_renegotiation, Some(true));
    let grade = scan.grade();
    assert_eq!(grade.letter, 'F');
    assert!(grade.reasons[0].what.contains("_anon_"), "{grade:?}");
}

#[tokio::test]
async fn resumption_of_openssl_is_tried_not_believed() {
    let server = OpenSsl::start(&["-no_tls1_3", "-www"]);
    let (_, with) = scan(&server.place, &Options::default(), |_| ()).await.unwrap();
    assert_eq!((with.resumes_tls13, with.resumes_by_ticket), (None, Some(true)));
    assert_eq!(with.protocols[1].server_prefers, Some(false));
    assert!(with.groups.contains(&"x25519".to_owned()), "{:?}", with.groups);

    let server = OpenSsl::start(&["-no_ticket", "-no_cache", "-www"]);
    let (_, without) = scan(&server.place, &Options::default(), |_| ()).await.unwrap();
    assert_eq!((without.resumes_by_ticket, without.resumes_by_id), (Some(false), Some(false)));
}

#[tokio::test]
async fn a_server_of_an_old_version_that_asks_is_not_said_to_insist() {
    let old = ["-no_tls1_3", "-no_tls1_2", "-cipher", "ALL:@SECLEVEL=0", "-verify", "1"];
    let server = OpenSsl::start(&old);
    let presented = fetch(&server.place, &Options::default()).await.unwrap();
    assert_eq!(presented.version, "TLS 1.1");
    assert!(matches!(presented.handshake, Handshake::Read { .. }), "{:?}", presented.handshake);
    assert!(matches!(presented.client_auth, ClientAuth::Asked { .. }), "{presented:?}");

    let server = OpenSsl::start(&["-no_tls1_3", "-Verify", "1"]);
    let presented = fetch(&server.place, &Options::default()).await.unwrap();
    assert!(matches!(presented.client_auth, ClientAuth::Required { .. }), "{presented:?}");
}
