use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::fixture::Key;

fn request(key: &Key) -> Csr {
    let spec = CsrSpec {
        subject: Name::from_common_name("web-1").unwrap(),
        public_key: key.public.clone(),
        subject_alt_names: vec![
            GeneralName::Dns("web-1.example".into()),
            GeneralName::Ip("::1".parse().unwrap()),
        ],
    };
    Csr::from_der(&key.finish(&spec.tbs_der().unwrap())).unwrap()
}

#[test]
fn a_request_proves_possession_of_its_key() {
    let key = Key::generate();
    let csr = request(&key);
    csr.verify().unwrap();
    assert_eq!(csr.public_key(), &key.public);
    assert_eq!(csr.subject().to_string(), "CN=web-1");
    assert_eq!(csr.subject_alt_names().len(), 2);
    assert!(!csr.wants_ca());
    let stolen = Csr::from_der(&Key::generate().finish(csr.tbs_der())).unwrap();
    assert_eq!(stolen.verify(), Err(BadSignature));
    assert_eq!(Csr::from_pem(&csr.to_pem()).unwrap(), csr);
    let old =
        csr.to_pem().replace("BEGIN CERT", "BEGIN NEW CERT").replace("END CERT", "END NEW CERT");
    assert_eq!(Csr::from_pem(&old).unwrap(), csr);
}

#[test]
fn a_request_may_ask_for_nothing() {
    let key = Key::generate();
    let spec = CsrSpec {
        subject: Name::empty(),
        public_key: key.public.clone(),
        subject_alt_names: Vec::new(),
    };
    let csr = Csr::from_der(&key.finish(&spec.tbs_der().unwrap())).unwrap();
    csr.verify().unwrap();
    assert!(csr.subject().is_empty() && csr.requested_extensions().is_empty());
}

#[test]
fn openssl_verifies_ours_and_we_verify_openssls() {
    let dir = tempfile::tempdir().unwrap();
    let openssl = |arguments: &[&str]| {
        let output =
            Command::new("openssl").args(arguments).current_dir(dir.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{text}");
        text + &String::from_utf8_lossy(&output.stdout)
    };
    std::fs::write(dir.path().join("ours.csr"), request(&Key::generate()).to_pem()).unwrap();
    let said = openssl(&["req", "-in", "ours.csr", "-verify", "-noout", "-text"]);
    assert!(said.contains("verify OK") && said.contains("DNS:web-1.example"), "{said}");
    for algorithm in
        [&["rsa:2048"][..], &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], &["ed25519"]]
    {
        let mut arguments = vec!["req", "-new", "-nodes", "-newkey"];
        arguments.extend(algorithm);
        arguments.extend(["-subj", "/O=Example/CN=theirs", "-addext", "subjectAltName=DNS:a.b"]);
        arguments.extend(["-keyout", "key.pem", "-out", "theirs.csr"]);
        openssl(&arguments);
        let text = std::fs::read_to_string(dir.path().join("theirs.csr")).unwrap();
        let csr = Csr::from_pem(&text).unwrap();
        csr.verify().unwrap();
        assert_eq!(csr.subject_alt_names(), [GeneralName::Dns("a.b".into())]);
        assert_eq!(csr.subject().common_name().as_deref(), Some("theirs"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutations_never_panic_nor_verify(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        static CSR: std::sync::LazyLock<Csr> = std::sync::LazyLock::new(|| request(&Key::generate()));
        let mut der = CSR.der().to_vec();
        let at = at.index(der.len());
        der[at] = byte;
        if let Ok(csr) = Csr::from_der(&der) {
            let same = csr.der() == CSR.der();
            prop_assert!(same || csr.verify().is_err());
        }
    }
}
