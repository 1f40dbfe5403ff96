use std::time::Duration;

use skink_testkit::{DAY, NOW, Shape, TestAuthority, TestKey, TestPki};
use skink_x509::KeyAlgorithm;

use super::*;
use crate::input::{self, NoPassphrase};

fn symptoms(pki: &TestPki, presented: &[&Certificate]) -> Symptoms {
    let presented: Vec<_> = presented.iter().map(|it| (*it).clone()).collect();
    let mut bag = Bag::default();
    for certificate in &presented {
        bag.certificates.push(Read { certificate: certificate.clone(), broken: Vec::new() });
    }
    let root = Read { certificate: pki.root.certificate.clone(), broken: Vec::new() };
    let settings = Settings { name: PeerName::Dns("web-1.test".to_owned()), ..Settings::at(NOW) };
    let place = Place::Files(vec!["site.pem".to_owned()]);
    Symptoms { presented, bag, anchors: vec![root], settings, place, options: Vec::new() }
}

fn wrong(diagnosis: &Diagnosis) -> Vec<Step> {
    let wrong = diagnosis.stages.iter().filter(|it| it.state == State::Wrong);
    wrong.map(|it| it.step).collect()
}

fn with_key(mut symptoms: Symptoms, key: &TestKey) -> Symptoms {
    symptoms.bag.add(input::read(key.pkcs8_der(), &mut NoPassphrase), "key");
    symptoms
}

#[test]
fn a_good_chain_has_nothing_wrong() {
    let pki = TestPki::new();
    let chain = [&pki.leaf, &pki.issuer.certificate];
    let diagnosis = diagnose(&with_key(symptoms(&pki, &chain), &pki.leaf_key)).unwrap();
    assert!(diagnosis.is_good() && diagnosis.remedies.is_empty(), "{diagnosis:?}");
    assert_eq!(diagnosis.word(), Word::Accept);
}

#[test]
fn each_failure_is_told_at_its_step() {
    let pki = TestPki::new();
    let (leaf, issuer, root) = (&pki.leaf, &pki.issuer.certificate, &pki.root.certificate);
    let of = |symptoms: &Symptoms| wrong(&diagnose(symptoms).unwrap());
    assert_eq!(of(&symptoms(&pki, &[leaf])), [Step::Completeness]);
    assert_eq!(of(&symptoms(&pki, &[issuer, leaf])), [Step::Order]);
    assert_eq!(of(&symptoms(&pki, &[leaf, issuer, issuer])), [Step::Order]);
    assert_eq!(of(&symptoms(&pki, &[leaf, issuer, root])), []);
    let other_key = TestKey::generate(KeyAlgorithm::EcP256);
    let keyed = with_key(symptoms(&pki, &[leaf, issuer]), &other_key);
    assert_eq!(of(&keyed), [Step::Key]);
    let mut named = symptoms(&pki, &[leaf, issuer]);
    named.settings.name = PeerName::Dns("other.test".to_owned());
    assert_eq!(of(&named), [Step::Name]);
    let mut untrusting = symptoms(&pki, &[leaf, issuer, root]);
    untrusting.anchors.clear();
    assert_eq!(of(&untrusting), [Step::Trust]);
    // Nothing but the root is left out; whether it is at hand or not, it is the trust that lacks.
    let mut untrusting = symptoms(&pki, &[leaf, issuer]);
    untrusting.anchors.clear();
    assert_eq!(of(&untrusting), [Step::Trust]);
    untrusting.bag.certificates.push(Read { certificate: root.clone(), broken: Vec::new() });
    assert_eq!(of(&untrusting), [Step::Trust]);
    let mut late = symptoms(&pki, &[leaf, issuer]);
    late.settings.time = NOW.plus(40 * DAY);
    assert_eq!(of(&late), [Step::Validity]);
    let mut revoking = symptoms(&pki, &[leaf, issuer]);
    revoking.bag.crls = vec![pki.issuer.crl(1, None, vec![pki.issuer.revoked(leaf)])];
    revoking.settings.revocation = Revocation::Leaf;
    assert_eq!(of(&revoking), [Step::Revocation]);
    let mut client = symptoms(&pki, &[leaf, issuer]);
    client.settings.purpose = skink_path::Purpose::CodeSigning;
    assert_eq!(of(&client), [Step::Usage]);
}

#[test]
fn several_faults_are_told_at_once_and_in_order() {
    let pki = TestPki::new();
    let mut symptoms = symptoms(&pki, &[&pki.leaf]);
    symptoms.settings.name = PeerName::Dns("other.test".to_owned());
    symptoms.settings.time = NOW.plus(40 * DAY);
    let diagnosis = diagnose(&symptoms).unwrap();
    assert_eq!(wrong(&diagnosis), [Step::Validity, Step::Completeness, Step::Name]);
    let commands: Vec<_> = diagnosis.remedies.iter().flat_map(|it| &it.commands).collect();
    assert!(commands[0].contains("DNS:web-1.test,IP:127.0.0.1,DNS:other.test"), "{commands:?}");
    assert!(commands.iter().any(|it| it.contains("issuer.pem --out")), "{commands:?}");
}

#[test]
fn a_self_signed_server_is_told_as_such() {
    let pki = TestPki::new();
    let lone =
        TestAuthority::root("lone", KeyAlgorithm::EcP256, NOW.minus(Duration::from_hours(1)));
    let mut symptoms = symptoms(&pki, &[&lone.certificate]);
    symptoms.settings.name = PeerName::None;
    let diagnosis = diagnose(&symptoms).unwrap();
    let codes = diagnosis.stages.iter().flat_map(|it| &it.findings).map(|it| it.code);
    assert!(codes.into_iter().any(|it| it == "self-signed"), "{diagnosis:?}");
}

#[test]
fn names_in_certificates_do_not_become_commands() {
    let pki = TestPki::new();
    let key = TestKey::generate(KeyAlgorithm::EcP256);
    let leaf = pki.issuer.issue(&key, &Shape::named("x'; rm -rf ~; '").dns("a.test"));
    let mut symptoms = symptoms(&pki, &[&leaf, &pki.issuer.certificate]);
    symptoms.settings.time = NOW.plus(40 * DAY);
    let diagnosis = diagnose(&symptoms).unwrap();
    let request = &diagnosis.remedies[0].commands[0];
    assert!(request.contains(r"'\''; rm -rf ~; '\''"), "{request}");
}
