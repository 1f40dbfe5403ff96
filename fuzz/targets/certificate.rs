//! Certificates: reading never panics, and what the strict reader takes the lenient one takes whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skink_x509::lint::{LintContext, lint_certificate};
use skink_x509::{Certificate, KeyAlgorithm, PublicKey};

fuzz_target!(|der: &[u8]| {
    let _ = lint_certificate(der, &LintContext::default());
    let Ok((lenient, broken)) = Certificate::from_der_lenient(der) else {
        assert!(Certificate::from_der(der).is_err());
        return;
    };
    assert_eq!(lenient.der(), der);
    let _ = (lenient.subject().to_string(), lenient.serial().to_hex());
    let key = lenient.public_key();
    let strict = lenient.verify_signed_by(key);
    assert!(strict.is_err() || lenient.danger_verify_signed_by(key).is_ok());
    let _ = (lenient.signature_algorithm_oid(), key.with_parameters_of(key));
    assert_eq!(Certificate::from_der(der).is_ok(), broken.is_empty());
    // Normalising a key once is enough. What nobody may ask a certificate for is read here all the same.
    let known = !matches!(key.algorithm(), KeyAlgorithm::Other | KeyAlgorithm::Dsa);
    let again = PublicKey::from_spki_der(key.spki_der());
    assert_eq!(again.is_ok(), known && key.is_sound());
    assert!(again.is_ok_and(|again| again.digest() == key.digest()) || !known || !key.is_sound());
    assert_eq!(Certificate::from_pem(&lenient.to_pem()).is_ok(), broken.is_empty());
});
