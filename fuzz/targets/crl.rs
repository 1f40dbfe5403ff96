//! A revocation list is read to its last entry.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skink_x509::crl::Crl;

fuzz_target!(|der: &[u8]| {
    if let Ok(crl) = Crl::from_der(der) {
        assert_eq!(crl.der(), der);
        let _ = (crl.number(), crl.this_update(), crl.next_update());
        for entry in crl.entries() {
            let _ = entry;
        }
    }
});
