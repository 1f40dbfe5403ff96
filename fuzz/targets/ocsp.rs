//! OCSP requests come from anybody, answers from a responder that may be a thief's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skink_x509::ocsp::{OcspRequest, OcspResponse};

fuzz_target!(|der: &[u8]| {
    let _ = OcspRequest::from_der(der);
    let _ = OcspResponse::from_der(der);
});
