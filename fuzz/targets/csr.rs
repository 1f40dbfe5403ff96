//! Requests: reading never panics, PEM and DER say the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skink_x509::Csr;

fuzz_target!(|der: &[u8]| {
    let Ok(csr) = Csr::from_der(der) else { return };
    assert_eq!(csr.der(), der);
    assert_eq!(Csr::from_pem(&csr.to_pem()), Ok(csr.clone()));
    let _ = (csr.verify(), csr.subject().to_string(), csr.wants_ca());
});
