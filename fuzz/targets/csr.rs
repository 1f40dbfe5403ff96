//! A request is read, and proof of possession checked, without falling over.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skink_x509::Csr;

fuzz_target!(|der: &[u8]| {
    if let Ok(csr) = Csr::from_der(der) {
        let _ = (csr.subject().to_string(), csr.subject_alt_names());
        let _ = csr.verify();
    }
});
