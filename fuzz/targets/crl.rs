//! Revocation lists: reading never panics, and every entry that is counted can be reached.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skink_x509::crl::Crl;
use skink_x509::lint::{LintContext, lint_crl};

fuzz_target!(|der: &[u8]| {
    let _ = lint_crl(der, &LintContext::default());
    let Ok(crl) = Crl::from_der(der) else { return };
    assert_eq!(crl.der(), der);
    assert_eq!(crl.entries().count(), crl.len());
    for entry in crl.entries().take(4) {
        let _ = crl.find(&entry.serial);
    }
    assert_eq!(Crl::from_pem(&crl.to_pem()), Ok(crl));
});
