//! The attacks against relying parties whose files are written by hand: before, every one that can
//! bite does; after, every one is refused by everybody.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use skink_deploy::{EndpointFiles, Mechanism, Target as _};
use skink_testkit::{Shape, TestAuthority, TestKey, machine_time};
use skink_x509::crl::Crl;
use skink_x509::{Certificate, KeyAlgorithm};

use super::scoreboard::Phase;
use super::{bites_before, handshake, lasting};
use crate::battlefield::Battlefield;
use crate::fleet::target::{ClientTarget, Habits, ServerTarget};
use crate::fleet::{Fleet, LAG, Party, Side};
use crate::options::Sabotage;
use crate::report::AttackResult;
use crate::thief::forge::{Partner, Thief};
use crate::thief::key::StolenKey;
use crate::thief::stolen::Stolen;

const ROOT_SCOPE: &str = "http://pki.test/crl/root/root.crl";

/// A hierarchy with two generations, and the folders of a small fleet.
struct Scene {
    root: TestAuthority,
    old: TestAuthority,
    new: TestAuthority,
    targets: HashMap<String, (ServerOrClient, EndpointFiles)>,
    _folder: tempfile::TempDir,
}

enum ServerOrClient {
    Server(ServerTarget),
    Client(ClientTarget),
}

impl Scene {
    fn set(fleet: &Fleet, partner: &Partner, sabotage: Option<Sabotage>) -> Self {
        let root = TestAuthority::root("Test Root", KeyAlgorithm::EcP256, machine_time());
        let old = root.subordinate("workloads-g1", KeyAlgorithm::EcP256);
        let new = root.subordinate("workloads-g2", KeyAlgorithm::EcP256);
        let folder = tempfile::tempdir().unwrap();
        let targets = fleet.parties().iter().map(|party| {
            let dir = folder.path().join(&party.name);
            fs_err::create_dir(&dir).unwrap();
            let habits = Habits::new(partner.certificate.clone(), sabotage);
            let target = match &party.side {
                Side::Server(endpoint) => {
                    ServerOrClient::Server(ServerTarget { endpoint: Arc::clone(endpoint), habits })
                }
                Side::Client(endpoint) => {
                    ServerOrClient::Client(ClientTarget { endpoint: Arc::clone(endpoint), habits })
                }
            };
            let files = EndpointFiles::new(&dir, mechanism(party));
            (party.name.clone(), (target, files))
        });
        Self { targets: targets.collect(), root, old, new, _folder: folder }
    }

    /// Installs a certificate of `issuer` and this trust in every party; the leaves by DNS name.
    async fn install(&self, fleet: &Fleet, issuer: &TestAuthority, distrusted: bool) -> Leaves {
        let mut leaves = HashMap::new();
        for party in fleet.parties() {
            let (target, files) = &self.targets[&party.name];
            let key = TestKey::generate(KeyAlgorithm::EcP256);
            let leaf = issuer.issue(&key, &Shape::named(&party.dns).dns(&party.dns));
            self.write(files.dir(), party, &leaf, &key, issuer, distrusted);
            match target {
                ServerOrClient::Server(target) => {
                    target.reload(files).await.unwrap();
                    target.reset_sessions(files).await.unwrap();
                }
                ServerOrClient::Client(target) => {
                    target.reload(files).await.unwrap();
                    target.reset_sessions(files).await.unwrap();
                }
            }
            leaves.insert(party.dns.clone(), leaf);
        }
        leaves
    }

    fn write(
        &self,
        dir: &Path,
        party: &Party,
        leaf: &Certificate,
        key: &TestKey,
        issuer: &TestAuthority,
        distrusted: bool,
    ) {
        let write = |name: &str, content: String| fs_err::write(dir.join(name), content).unwrap();
        write("cert.pem", leaf.to_pem() + &issuer.certificate.to_pem());
        let pem = pkcs8::SecretDocument::try_from(key.pkcs8_der()).unwrap();
        write("key.pem", pem.to_pem("PRIVATE KEY", pkcs8::LineEnding::LF).unwrap().to_string());
        let anchors = match (mechanism(party), distrusted) {
            (Mechanism::Anchor, false) => {
                self.old.certificate.to_pem() + &self.new.certificate.to_pem()
            }
            (Mechanism::Anchor, true) => self.new.certificate.to_pem(),
            _ => self.root.certificate.to_pem(),
        };
        write("anchors.pem", anchors);
        write("crls.pem", self.lists(distrusted).iter().map(Crl::to_pem).collect());
        let denied = if distrusted {
            vec![self.old.certificate.public_key().digest().to_string()]
        } else {
            Vec::new()
        };
        write("denied.json", serde_json::to_string(&denied).unwrap());
    }

    fn lists(&self, distrusted: bool) -> Vec<Crl> {
        let revoked =
            if distrusted { vec![self.root.revoked(&self.old.certificate)] } else { Vec::new() };
        let partition = |name: &str| format!("http://pki.test/crl/root/{name}.crl");
        let own = |name: &str| format!("http://pki.test/crl/{name}/p0.crl");
        vec![
            self.root.crl(1, Some(ROOT_SCOPE), Vec::new()),
            self.root.crl(2, Some(&partition("workloads-g1")), revoked),
            self.root.crl(1, Some(&partition("workloads-g2")), Vec::new()),
            self.old.crl(1, Some(&own("workloads-g1")), Vec::new()),
            self.new.crl(1, Some(&own("workloads-g2")), Vec::new()),
        ]
    }
}

type Leaves = HashMap<String, Certificate>;

fn mechanism(party: &Party) -> Mechanism {
    party.mechanism.as_str().parse().unwrap()
}

/// All attacks of this kind before and after distrust.
async fn campaign(sabotage: Option<Sabotage>) -> Vec<AttackResult> {
    let fleet = Fleet::start("attack.test", 3, 3, LAG).await.unwrap();
    let partner = Partner::new().unwrap();
    let scene = Scene::set(&fleet, &partner, sabotage);
    let leaves = scene.install(&fleet, &scene.old, false).await;
    let stolen = Stolen::Copy(StolenKey::from_pkcs8(scene.old.key.pkcs8_der()).unwrap());
    let thief = Thief::new(stolen, scene.old.certificate.clone(), leaves.values().next()).unwrap();
    let field = Arc::new(crate::run::prepare(fleet, thief, &partner, leaves).unwrap());
    let footholds = lasting::Footholds::default();
    strike_everywhere(&field, Phase::Before).await;
    footholds.take(&field).await.unwrap();
    scene.install(&field.fleet, &scene.new, true).await;
    strike_everywhere(&field, Phase::After).await;
    footholds.use_all(&field, Phase::After).await;
    field.scoreboard.results(std::time::Instant::now(), crate::thief::stolen::ThiefKind::Copy)
}

async fn strike_everywhere(field: &Arc<Battlefield>, phase: Phase) {
    for name in handshake::ALL {
        handshake::strike_all(name, phase, field).await.unwrap();
    }
}

fn refused_everywhere(result: &AttackResult) -> bool {
    result.refused_after == result.targets && result.controls_ok == result.targets
}

#[tokio::test]
async fn every_attack_bites_before_and_is_refused_after() {
    let results = campaign(None).await;
    assert_eq!(results.len(), handshake::ALL.len() + 2);
    for result in &results {
        assert!(refused_everywhere(result), "{result:?}");
        let biting = if bites_before(&result.name) {
            result.targets
        } else {
            // webpki takes name and key of an anchor, not its path length: a sub-authority below
            // an issuing authority that is an anchor is accepted as long as that anchor is there.
            result.refused_by.anchor
        };
        assert_eq!(result.accepted_before, biting, "{result:?}");
    }
}

#[tokio::test]
async fn without_the_deny_list_the_cross_certificate_gets_in() {
    let results = campaign(Some(Sabotage::DenyList)).await;
    let cross = results.iter().find(|one| one.name == handshake::CROSS_CERTIFICATE).unwrap();
    assert_eq!(cross.refused_after, 0, "{cross:?}");
}

#[tokio::test]
async fn without_the_roots_crl_the_rogue_gets_in() {
    let results = campaign(Some(Sabotage::ParentCrl)).await;
    let rogue = results.iter().find(|one| one.name == handshake::ROGUE_SERVER).unwrap();
    assert_eq!(rogue.refused_by.parent_crl, 0, "{rogue:?}");
    assert!(rogue.refused_by.anchor > 0, "{rogue:?}");
}

#[tokio::test]
async fn without_a_session_reset_the_thief_stays_in() {
    let results = campaign(Some(Sabotage::SessionReset)).await;
    for name in [lasting::RESUMED_SESSION, lasting::OPEN_CONNECTION] {
        let result = results.iter().find(|one| one.name == name).unwrap();
        assert!(!refused_everywhere(result), "{result:?}");
    }
}
