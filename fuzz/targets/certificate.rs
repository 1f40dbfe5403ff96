//! Certificates: reading never panics, and what the strict reader takes the lenient one takes whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skink_x509::lint::{LintContext, lint_certificate};
use skink_x509::{Certificate, PublicKey};

fuzz_target!(|der: &[u8]| {
    let _ = lint_certificate(der, &LintContext::default());
    let Ok((lenient, broken)) = Certificate::from_der_lenient(der) else {
        assert!(Certificate::from_der(der).is_err());
        return;
    };
    assert_eq!(lenient.der(), der);
    let _ = (lenient.subject().to_string(), lenient.serial().to_hex());
    let _ = lenient.verify_signed_by(lenient.public_key());
    assert_eq!(Certificate::from_der(der).is_ok(), broken.is_empty());
    // Normalising a key once is enough.
    let key = PublicKey::from_spki_der(lenient.public_key().spki_der()).unwrap();
    assert_eq!(key.digest(), lenient.public_key().digest());
    assert_eq!(Certificate::from_pem(&lenient.to_pem()).is_ok(), broken.is_empty());
});
