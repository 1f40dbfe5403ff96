//! A certificate that reads back gives the very bytes, and every accessor has an answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skink_x509::Certificate;

fuzz_target!(|der: &[u8]| {
    let _ = Certificate::from_der_lenient(der);
    if let Ok(certificate) = Certificate::from_der(der) {
        assert_eq!(certificate.der(), der);
        let again = Certificate::from_pem(&certificate.to_pem()).expect("own PEM reads back");
        assert_eq!(again.fingerprint(), certificate.fingerprint());
        let _ = (certificate.subject().to_string(), certificate.issuer().to_string());
        let _ = (certificate.subject_alt_names(), certificate.crl_distribution_points());
        let _ = (certificate.is_ca(), certificate.path_len(), certificate.key_usage());
        let _ = certificate.verify_signed_by(certificate.public_key());
    }
});
