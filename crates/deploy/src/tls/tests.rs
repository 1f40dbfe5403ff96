//! Relying parties of each mechanism against a thief, over real sockets.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use skink_testkit::{Shape, TestAuthority, TestKey, machine_time};
use skink_x509::{Certificate, KeyAlgorithm};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::probe::{Dial, Outcome, ProbeServer, dial};

const MECHANISMS: [Mechanism; 3] = [Mechanism::Anchor, Mechanism::ParentCrl, Mechanism::Deny];

struct Scene {
    root: TestAuthority,
    g1: TestAuthority,
    g2: TestAuthority,
    dir: tempfile::TempDir,
}

/// A key and the chain of its certificate.
struct Holder {
    key: TestKey,
    chain: Vec<Certificate>,
}

impl Holder {
    fn of(authority: &TestAuthority) -> Self {
        let key = TestKey::generate(KeyAlgorithm::EcP256);
        let leaf = authority.issue(&key, &Shape::named("party").dns("party.test"));
        Self { key, chain: vec![leaf, authority.certificate.clone()] }
    }

    fn identity(&self) -> Identity {
        Identity::new(&self.chain, self.key_pem().as_bytes()).unwrap()
    }

    fn key_pem(&self) -> String {
        let der = base64_of(self.key.pkcs8_der());
        format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n")
    }
}

fn base64_of(der: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(der)
}

impl Scene {
    fn new() -> Self {
        let root = TestAuthority::root("Test Root", KeyAlgorithm::EcP256, machine_time());
        let g1 = root.subordinate("workloads-g1", KeyAlgorithm::EcP256);
        let g2 = root.subordinate("workloads-g2", KeyAlgorithm::EcP256);
        Self { root, g1, g2, dir: tempfile::tempdir().unwrap() }
    }

    /// The files of a party with a certificate of generation 2, before or after generation 1 is
    /// distrusted.
    fn files(&self, mechanism: Mechanism, distrusted: bool) -> EndpointFiles {
        let dir = self.dir.path().join(format!("{mechanism}-{distrusted}"));
        fs_err::create_dir_all(&dir).unwrap();
        let files = EndpointFiles::new(dir, mechanism);
        let own = Holder::of(&self.g2);
        let pem = |chain: &[&Certificate]| chain.iter().map(|it| it.to_pem()).collect::<String>();
        fs_err::write(files.certificate(), pem(&own.chain.iter().collect::<Vec<_>>())).unwrap();
        fs_err::write(files.key(), own.key_pem()).unwrap();
        let (g1, g2) = (&self.g1.certificate, &self.g2.certificate);
        let anchors = match (mechanism, distrusted) {
            (Mechanism::Anchor, false) => pem(&[g1, g2]),
            (Mechanism::Anchor, true) => pem(&[g2]),
            _ => pem(&[&self.root.certificate]),
        };
        fs_err::write(files.anchors(), anchors).unwrap();
        let denied = if distrusted { vec![g1.public_key().digest().to_string()] } else { vec![] };
        fs_err::write(files.denied(), serde_json::to_vec(&denied).unwrap()).unwrap();
        let revoked = if distrusted { vec![self.root.revoked(g1)] } else { vec![] };
        let uri = |scope: &str| format!("http://pki.test/crl/{scope}");
        let crls = [
            self.root.crl(1, Some(&uri("root/root.crl")), vec![]),
            self.root.crl(2, Some(&uri("root/workloads-g1.crl")), revoked),
            self.root.crl(1, Some(&uri("root/workloads-g2.crl")), vec![]),
            self.g1.crl(1, Some(&uri("workloads-g1/p0.crl")), vec![]),
            self.g2.crl(1, Some(&uri("workloads-g2/p0.crl")), vec![]),
        ];
        let crls: String = crls.iter().map(skink_x509::crl::Crl::to_pem).collect();
        fs_err::write(files.crls(), crls).unwrap();
        files
    }

    /// A server on those files; it ends with the test.
    async fn serve(&self, files: &EndpointFiles) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(server_config(files).unwrap()));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut tls = acceptor.accept(tcp).await?;
                    let mut request = [0; 1024];
                    let _ = tls.read(&mut request).await?;
                    tls.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
                    tls.shutdown().await
                });
            }
        });
        address
    }
}

#[tokio::test]
async fn servers_accept_before_and_refuse_after_by_each_mechanism() {
    let scene = Scene::new();
    let (rogue, honest) = (Holder::of(&scene.g1), Holder::of(&scene.g2));
    for mechanism in MECHANISMS {
        let before = Dial::new(scene.serve(&scene.files(mechanism, false)).await, "party.test");
        assert!(before.present(Some(rogue.identity())).await.unwrap().is_accepted());
        let files = scene.files(mechanism, true);
        let after = Dial::new(scene.serve(&files).await, "party.test");
        let refused = after.present(Some(rogue.identity())).await.unwrap();
        let expected = match mechanism {
            Mechanism::Anchor => "alert unknown_ca",
            _ => "alert certificate_revoked",
        };
        assert_eq!(refused.refusal(), Some(expected), "{mechanism}: {refused:?}");
        let Outcome::Accepted { presented } = after.present(Some(honest.identity())).await.unwrap()
        else {
            panic!("{mechanism}: the control is refused");
        };
        let text = fs_err::read_to_string(files.certificate()).unwrap();
        let installed = Certificate::from_pem(&text).unwrap();
        assert_eq!(presented.fingerprint(), Some(installed.fingerprint()));
        let nobody = after.present(None).await.unwrap();
        assert_eq!(nobody.refusal(), Some("alert certificate_required"), "{nobody:?}");
    }
}

#[tokio::test]
async fn clients_accept_before_and_refuse_after_by_each_mechanism() {
    let scene = Scene::new();
    let (rogue, honest) = (Holder::of(&scene.g1), Holder::of(&scene.g2));
    for mechanism in MECHANISMS {
        let before = scene.files(mechanism, false);
        let (client, server) = meet(&before, &rogue).await;
        assert!(client.is_accepted() && server.is_accepted(), "{mechanism}: {client:?} {server:?}");
        let after = scene.files(mechanism, true);
        let (client, server) = meet(&after, &rogue).await;
        assert!(client.refusal().is_some(), "{mechanism}: {client:?}");
        assert!(server.refusal().is_some_and(|it| it.starts_with("alert")), "{server:?}");
        let (client, server) = meet(&after, &honest).await;
        assert!(client.is_accepted(), "{mechanism}: {client:?}");
        let Outcome::Accepted { presented } = server else { panic!("{server:?}") };
        assert!(presented.fingerprint().is_some(), "the client shows its certificate");
    }
}

/// A client on those files meets a server of that holder: what each of them saw.
async fn meet(files: &EndpointFiles, holder: &Holder) -> (Outcome, Outcome) {
    let server = ProbeServer::bind().await.unwrap();
    let probe = Dial::new(server.address().unwrap(), "party.test");
    let config = Arc::new(client_config(files).unwrap());
    let serving = server.serve_one(holder.identity(), Duration::from_secs(5));
    let (client, server) = tokio::join!(dial(&probe, &config), serving);
    (client, server.unwrap())
}

#[tokio::test]
async fn nobody_at_home_is_no_refusal() {
    let scene = Scene::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let honest = Holder::of(&scene.g2);
    let outcome = Dial::new(address, "party.test").present(Some(honest.identity())).await.unwrap();
    assert!(matches!(outcome, Outcome::Unreachable { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_cross_certificate_for_a_denied_key_is_refused() {
    let scene = Scene::new();
    let other = TestAuthority::root("Other Root", KeyAlgorithm::EcP256, machine_time());
    let mut spec = other.spec("workloads-g1", &scene.g1.key, Duration::from_hours(24));
    spec.extensions = skink_x509::Extensions::new()
        .ca(Some(0))
        .key_usage(skink_x509::KeyUsage::KEY_CERT_SIGN)
        .subject_key_id(&scene.g1.key.public().key_id());
    let cross = other.certify(&spec);
    let mut rogue = Holder::of(&scene.g1);
    rogue.chain[1] = cross;
    let files = scene.files(Mechanism::Deny, true);
    let both = scene.root.certificate.to_pem() + &other.certificate.to_pem();
    fs_err::write(files.anchors(), both).unwrap();
    let probe = Dial::new(scene.serve(&files).await, "party.test");
    let refused = probe.present(Some(rogue.identity())).await.unwrap();
    assert_eq!(refused.refusal(), Some("alert certificate_revoked"), "{refused:?}");
    fs_err::write(files.denied(), "[]").unwrap();
    let probe = Dial::new(scene.serve(&files).await, "party.test");
    assert!(probe.present(Some(rogue.identity())).await.unwrap().is_accepted());
}

#[test]
fn each_configuration_has_storage_and_verifier_of_its_own() {
    let scene = Scene::new();
    let files = scene.files(Mechanism::ParentCrl, false);
    let (one, two) = (server_config(&files).unwrap(), server_config(&files).unwrap());
    assert!(!Arc::ptr_eq(&one.session_storage, &two.session_storage));
    let trust = Trust::load(&files).unwrap();
    let (one, two) = (trust.client_verifier().unwrap(), trust.client_verifier().unwrap());
    assert!(!Arc::ptr_eq(&one, &two));
    assert_eq!(trust.denied(), &HashSet::new());
}
