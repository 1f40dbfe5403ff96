//! An agent against a server that a test holds in its hands, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test's helper fails the test by panicking")]

mod fleet;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use fleet::endpoint::{ClientTarget, ServerTarget};
use fleet::server::{Fake, spec};
use fleet::{MachineClock, Running, ShiftedClock, SystemRng, config, eventually};
use skink_agent::{AgentError, enroll};
use skink_api::agent::{Ack, Installed, PackageRef};
use skink_api::{Code, EndpointRole, Mechanism};
use skink_deploy::Target;
use skink_testkit::TestKey;
use skink_trust::{AuthorityState, Parts};
use skink_x509::{Certificate, KeyAlgorithm, KeyDigest};

const MECHANISMS: [Mechanism; 3] = [Mechanism::Anchor, Mechanism::ParentCrl, Mechanism::Deny];

type Targets = HashMap<String, Arc<dyn Target>>;

/// One server and one client endpoint of each mechanism, tended by one agent.
struct Scene {
    fake: Arc<Fake>,
    dir: tempfile::TempDir,
    targets: Targets,
    servers: Vec<Arc<ServerTarget>>,
    names: Vec<String>,
}

impl Scene {
    async fn new(mechanisms: &[Mechanism]) -> Self {
        let (mut specs, mut targets, mut servers) = (Vec::new(), Targets::new(), Vec::new());
        for mechanism in mechanisms {
            let (target, address) = ServerTarget::start().await;
            let mut server = spec(&format!("server-{mechanism}"), EndpointRole::Server, *mechanism);
            server.address = Some(address.to_string());
            targets.insert(server.name.clone(), target.clone());
            servers.push(target);
            let client = spec(&format!("client-{mechanism}"), EndpointRole::Client, *mechanism);
            targets.insert(client.name.clone(), Arc::new(ClientTarget::default()));
            specs.extend([server, client]);
        }
        let names = specs.iter().map(|spec| spec.name.clone()).collect();
        let fake = Fake::start(specs).await;
        Self { fake, dir: tempfile::tempdir().unwrap(), targets, servers, names }
    }

    async fn enroll(&self) {
        let token = self.fake.token().encode().unwrap();
        enroll(&config(self.dir.path()), &token, &MachineClock, &SystemRng).await.unwrap();
    }

    async fn run(&self) -> Running {
        self.enroll().await;
        Running::start(self.dir.path(), self.targets.clone())
    }

    fn certificate(&self, endpoint: &str) -> Option<Certificate> {
        let path = self.dir.path().join("endpoints").join(endpoint).join("cert.pem");
        Certificate::from_pem(&std::fs::read_to_string(path).ok()?).ok()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_party_is_installed_proven_and_acknowledged() {
    let scene = Scene::new(&MECHANISMS).await;
    let running = scene.run().await;
    for name in &scene.names {
        let ack = eventually(name, || scene.fake.ack(name, 1)).await;
        verify(&scene.fake, name, &ack);
        let proof = eventually(name, || scene.fake.barrier(name, "workloads-g1")).await;
        assert!(proof.handshakes >= 3 && proof.last_ms - proof.first_ms >= 20, "{proof:?}");
        assert_eq!(proof.digest, ack.digest);
        let installed = eventually(name, || scene.fake.installed(name, "workloads-g1")).await;
        let leaf = scene.certificate(name).unwrap();
        assert_eq!(installed.fingerprint, leaf.fingerprint().to_string());
        assert_eq!(scene.fake.error(name), Some(String::new()));
    }
    running.stop().await;
    assert_private(scene.dir.path());
}

fn verify(fake: &Fake, endpoint: &str, ack: &Ack) {
    let package = PackageRef { epoch: ack.epoch, version: ack.version, digest: ack.digest.clone() };
    let input = Ack::signing_input("host-1", endpoint, &package, &ack.nonce);
    let signature = base64::engine::general_purpose::STANDARD.decode(&ack.signature).unwrap();
    let said = fake.said.lock().unwrap();
    let key = said.agent_key.as_ref().unwrap();
    key.verify(key.algorithm().signature_algorithm(), &input, &signature).unwrap();
}

/// Whatever holds a key is for its owner only.
fn assert_private(dir: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mut dirs = vec![dir.to_owned()];
    let mut keys = 0;
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            if std::fs::read_to_string(&path).unwrap().contains("PRIVATE KEY") {
                keys += 1;
                let mode = std::fs::metadata(&path).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{}", path.display());
            }
        }
    }
    assert!(keys > 6, "{keys} files with keys");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_authority_is_left_behind_and_refused() {
    let scene = Scene::new(&MECHANISMS).await;
    let fake = &scene.fake;
    let running = scene.run().await;
    for name in &scene.names {
        eventually(name, || fake.barrier(name, "workloads-g1")).await;
    }
    fake.publish(|said| {
        said.states = [AuthorityState::Tainted, AuthorityState::Active];
        said.barrier_closed = true;
    });
    for name in &scene.names {
        eventually(name, || fake.ack(name, 2)).await;
        eventually(name, || fake.barrier(name, "workloads-g2")).await;
        assert!(fake.installed(name, "workloads-g2").is_none());
        assert!(fake.distrust(name, "workloads-g1").is_none());
    }
    fake.said.lock().unwrap().barrier_closed = false;
    for name in &scene.names {
        fake.order(name, "workloads-g2");
    }
    for name in &scene.names {
        eventually(name, || fake.installed(name, "workloads-g2")).await;
    }
    scene.servers[0].is_busy.store(true, Ordering::SeqCst);
    fake.publish(|said| {
        said.denied = vec![fake.g1.key.public().digest()];
        said.revoked = true;
    });
    // A refusal without an acceptance in the same second is no proof, and is tried again.
    let busy = &scene.names[0];
    let slow = |error: &String| error.contains("within a second");
    eventually("too slow", || fake.error(busy).filter(slow)).await;
    assert!(fake.distrust(busy, "workloads-g1").is_none());
    scene.servers[0].is_busy.store(false, Ordering::SeqCst);
    for name in &scene.names {
        let proof = eventually(name, || fake.distrust(name, "workloads-g1")).await;
        assert_eq!((proof.version, proof.control_authority.as_str()), (3, "workloads-g2"));
        assert!(proof.refusal.starts_with("alert "), "{}", proof.refusal);
        assert!((0..=1000).contains(&(proof.control_at_ms - proof.refused_at_ms)));
    }
    assert!(scene.servers.iter().all(|server| server.resets.load(Ordering::SeqCst) == 1));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_away_stays_away_across_restarts_and_forgetful_packages() {
    let scene = Scene::new(&[Mechanism::Deny]).await;
    let fake = &scene.fake;
    let running = scene.run().await;
    eventually("first", || fake.ack("server-deny", 1)).await;
    fake.publish(|said| {
        said.states = [AuthorityState::Tainted, AuthorityState::Active];
        said.denied = vec![fake.g1.key.public().digest()];
    });
    eventually("denied", || fake.ack("server-deny", 2)).await;
    running.stop().await;

    let running = Running::start(scene.dir.path(), scene.targets.clone());
    assert!(!running.handle.held().authority("workloads-g1").unwrap().is_trusted());
    fake.publish(|said| {
        said.states = [AuthorityState::Active, AuthorityState::Retiring];
        said.denied = vec![];
    });
    eventually("forgetful", || fake.ack("server-deny", 3)).await;
    assert!(!running.handle.held().authority("workloads-g1").unwrap().is_trusted());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_may_be_away_and_come_back() {
    let scene = Scene::new(&[Mechanism::Anchor]).await;
    let fake = &scene.fake;
    let running = scene.run().await;
    eventually("first", || fake.ack("server-anchor", 1)).await;
    fake.go_away().await;
    fake.publish(|_| {});
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(fake.ack("server-anchor", 2).is_none());
    fake.listen(&fake.server_key).await;
    eventually("back", || fake.ack("server-anchor", 2)).await;
    running.stop().await;
}

/// A server that was restored from a backup is shown what its trust key signed since, also when it
/// has come to the same version with another package.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_has_forgotten_a_package_is_shown_it() {
    for back_to in [0, 1] {
        let scene = Scene::new(&[Mechanism::Anchor]).await;
        let fake = &scene.fake;
        let running = scene.run().await;
        fake.publish(|_| {});
        eventually("second", || fake.ack("server-anchor", 2)).await;
        let second = fake.said.lock().unwrap().package.as_ref().unwrap().1.clone();
        assert!(fake.said.lock().unwrap().reports.iter().all(|report| report.held.is_none()));
        // Across a restart of the agent, too.
        running.stop().await;
        fake.publish(|said| said.version = back_to);
        let running = Running::start(scene.dir.path(), scene.targets.clone());
        let shown = eventually("shown", || {
            let said = fake.said.lock().unwrap();
            said.reports.iter().find_map(|report| report.held.clone())
        })
        .await;
        assert_eq!(base64::engine::general_purpose::STANDARD.decode(shown).unwrap(), second);
        assert_eq!(running.handle.held().edition().version, 2);
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_to_control_with_another_key_is_no_server() {
    let scene = Scene::new(&[Mechanism::Anchor]).await;
    let fake = &scene.fake;
    let running = scene.run().await;
    eventually("first", || fake.ack("server-anchor", 1)).await;
    fake.go_away().await;
    let reports = fake.said.lock().unwrap().reports.len();
    fake.listen(&TestKey::generate(KeyAlgorithm::EcP256)).await;
    fake.publish(|_| {});
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(fake.said.lock().unwrap().reports.len(), reports);
    assert_eq!(running.handle.held().edition().version, 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_load_is_rolled_back_and_said() {
    let scene = Scene::new(&[Mechanism::ParentCrl]).await;
    let fake = &scene.fake;
    let running = scene.run().await;
    let name = "server-parent-crl";
    eventually("first", || fake.ack(name, 1)).await;
    let note = scene.dir.path().join("endpoints").join(name).join("trust.json");
    let before = std::fs::read_to_string(&note).unwrap();
    scene.servers[0].refuses_reload.store(true, Ordering::SeqCst);
    fake.publish(|_| {});
    let error = eventually("error", || fake.error(name).filter(|text| !text.is_empty())).await;
    assert!(error.contains("cannot be"), "{error}");
    eventually("client", || fake.ack("client-parent-crl", 2)).await;
    assert!(fake.ack(name, 2).is_none());
    scene.servers[0].refuses_reload.store(false, Ordering::SeqCst);
    eventually("then", || fake.ack(name, 2)).await;
    assert_ne!(std::fs::read_to_string(&note).unwrap(), before);
    eventually("over", || fake.error(name).filter(String::is_empty)).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_returns_to_its_last_good_pair() {
    let scene = Scene::new(&[Mechanism::Anchor]).await;
    let fake = &scene.fake;
    let running = scene.run().await;
    let name = "server-anchor";
    let first = eventually("g1", || fake.installed(name, "workloads-g1")).await;
    fake.publish(|said| said.states = [AuthorityState::Retiring, AuthorityState::Active]);
    fake.order(name, "workloads-g2");
    eventually("g2", || fake.installed(name, "workloads-g2")).await;
    eventually("the client", || fake.ack("client-anchor", 2)).await;
    let issued = fake.said.lock().unwrap().issued.len();
    fake.order(name, "workloads-g1");
    let back = eventually("back", || {
        fake.installed(name, "workloads-g1").filter(|installed| installed.rolled_back)
    })
    .await;
    assert_eq!(back.fingerprint, first.fingerprint);
    assert_eq!(fake.said.lock().unwrap().issued.len(), issued);
    running.stop().await;
}

impl Scene {
    /// The endpoint's newest certificate, when it is another one than `before`.
    async fn another(&self, name: &str, authority: &str, before: &Installed) -> Installed {
        eventually("another certificate", || {
            let installed = self.fake.installed(name, authority)?;
            (installed.fingerprint != before.fingerprint).then_some(installed)
        })
        .await
    }

    fn leaf_keys(&self) -> Vec<KeyDigest> {
        self.fake.said.lock().unwrap().leaf_keys.clone()
    }
}

/// Told to renew, an endpoint does, although its certificate is of the generation that is active;
/// once for each order, however often it is told, also by another process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_of_a_person_is_a_new_certificate_of_the_same_generation() {
    let scene = Scene::new(&[Mechanism::Anchor]).await;
    let fake = &scene.fake;
    let running = scene.run().await;
    let name = "server-anchor";
    let first = eventually("first", || fake.installed(name, "workloads-g1")).await;
    eventually("the client", || fake.installed("client-anchor", "workloads-g1")).await;
    let before = scene.leaf_keys().len();

    fake.order_anew(name, "workloads-g1");
    let second = scene.another(name, "workloads-g1", &first).await;
    assert_eq!(scene.leaf_keys().len(), before + 1);
    // The server goes on telling until it has heard; a package makes it tell at once.
    fake.publish(|_| {});
    eventually("told again", || fake.ack(name, 2)).await;
    running.stop().await;
    let running = Running::start(scene.dir.path(), scene.targets.clone());
    fake.publish(|_| {});
    eventually("told once more", || fake.ack(name, 3)).await;
    assert_eq!(scene.leaf_keys().len(), before + 1, "one order is one certificate");

    fake.order_anew(name, "workloads-g1");
    scene.another(name, "workloads-g1", &second).await;
    assert_eq!(scene.leaf_keys().len(), before + 2);
    running.stop().await;
}

/// Whoever is stopped after asking asks again with the same key, and so gets the same certificate;
/// unless the server says that it takes this key no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_is_stopped_while_it_asks_asks_again_with_the_same_key() {
    let scene = Scene::new(&[Mechanism::Anchor]).await;
    let fake = &scene.fake;
    let running = scene.run().await;
    let name = "server-anchor";
    let first = eventually("first", || fake.installed(name, "workloads-g1")).await;
    eventually("the client", || fake.installed("client-anchor", "workloads-g1")).await;
    let before = scene.leaf_keys().len();
    let lost = async |code| {
        let asked = scene.leaf_keys().len();
        fake.said.lock().unwrap().instead = Some(code);
        fake.order_anew(name, "workloads-g1");
        eventually("asked", || (scene.leaf_keys().len() > asked).then_some(())).await;
    };
    lost(Code::Unavailable).await;
    running.stop().await;
    fake.said.lock().unwrap().instead = None;
    let running = Running::start(scene.dir.path(), scene.targets.clone());
    let second = scene.another(name, "workloads-g1", &first).await;
    let keys = scene.leaf_keys();
    assert!(keys[before..].iter().all(|key| *key == keys[before]), "another key was made");

    lost(Code::BlockedKey).await;
    fake.said.lock().unwrap().instead = None;
    scene.another(name, "workloads-g1", &second).await;
    let keys = scene.leaf_keys();
    assert_ne!(keys[keys.len() - 1], keys[keys.len() - 2]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_renewed_when_two_thirds_of_its_life_are_over() {
    let scene = Scene::new(&[Mechanism::Anchor]).await;
    let fake = &scene.fake;
    scene.enroll().await;
    let clock = Arc::new(ShiftedClock::default());
    let running = Running::start_by(clock.clone(), scene.dir.path(), scene.targets.clone());
    let name = "server-anchor";
    let first = eventually("first", || fake.installed(name, "workloads-g1")).await;
    clock.0.store(20, Ordering::SeqCst);
    fake.publish(|_| {});
    eventually("renewed", || {
        let installed = fake.installed(name, "workloads-g1")?;
        (installed.fingerprint != first.fingerprint).then_some(())
    })
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_an_hour_off_is_said() {
    let scene = Scene::new(&[Mechanism::Anchor]).await;
    scene.enroll().await;
    let clock = Arc::new(ShiftedClock(1.into()));
    let running = Running::start_by(clock, scene.dir.path(), scene.targets.clone());
    let offset = eventually("an offset", || {
        let said = scene.fake.said.lock().unwrap();
        said.reports.iter().map(|report| report.clock_offset_ms).find(|offset| *offset != 0)
    })
    .await;
    assert!((3_599_000..3_610_000).contains(&offset), "{offset}");
    running.stop().await;
}

#[tokio::test]
async fn a_token_for_another_root_is_refused_before_it_is_shown() {
    let scene = Scene::new(&[]).await;
    let mut token = scene.fake.token();
    token.root = "00".repeat(32);
    let token = token.encode().unwrap();
    let error =
        enroll(&config(scene.dir.path()), &token, &MachineClock, &SystemRng).await.unwrap_err();
    assert!(matches!(error, AgentError::Channel(_)), "{error:?}");
    assert!(scene.fake.said.lock().unwrap().agent_key.is_none());
}

#[tokio::test]
async fn a_package_below_the_token_or_without_the_servers_key_is_refused() {
    let scene = Scene::new(&[]).await;
    let mut token = scene.fake.token();
    token.version = 7;
    let text = token.encode().unwrap();
    let error =
        enroll(&config(scene.dir.path()), &text, &MachineClock, &SystemRng).await.unwrap_err();
    assert!(matches!(error, AgentError::Package(_)), "{error:?}");
    let other = TestKey::generate(KeyAlgorithm::EcP256).public().digest();
    scene.fake.publish(|said| said.server_keys = Some(vec![other]));
    let text = scene.fake.token().encode().unwrap();
    let error =
        enroll(&config(scene.dir.path()), &text, &MachineClock, &SystemRng).await.unwrap_err();
    assert!(matches!(error, AgentError::ServerKey), "{error:?}");
    scene.fake.publish(|said| said.server_keys = None);
    scene.enroll().await;
    let again = enroll(&config(scene.dir.path()), &text, &MachineClock, &SystemRng).await;
    assert!(matches!(again, Err(AgentError::State(_))), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offered_package_is_judged_like_the_servers() {
    let scene = Scene::new(&[Mechanism::Anchor]).await;
    let running = scene.run().await;
    let (_, envelope, parts) = {
        let said = scene.fake.said.lock().unwrap();
        scene.fake.package(&said, 5)
    };
    let mut altered = envelope.clone();
    let at = altered.len() / 2;
    altered[at] ^= 1;
    assert!(running.handle.offer(&altered, &parts).is_err());
    assert!(running.handle.offer(&envelope, &Parts::new()).is_err());
    running.handle.offer(&envelope, &parts).unwrap();
    assert_eq!(running.handle.held().edition().version, 5);
    running.stop().await;
}
