//! OCSP requests come from anybody, answers from a responder that may be a thief's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skink_x509::Time;
use skink_x509::ocsp::{OcspRequest, OcspResponse};

fuzz_target!(|der: &[u8]| {
    if let Ok(request) = OcspRequest::from_der(der) {
        let again = request.to_der().expect("what was read can be written");
        assert_eq!(OcspRequest::from_der(&again), Ok(request));
    }
    let Ok(response) = OcspResponse::from_der(der) else { return };
    let Some(basic) = response.basic else { return };
    for certificate in basic.certificates() {
        let _ = basic.verify(certificate, Time::from_secs(1_790_000_000));
    }
    for answer in basic.responses() {
        assert!(basic.find(&answer.cert_id).is_some());
    }
});
