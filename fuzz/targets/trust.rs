//! The parts of a trust package, before any signature is checked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skink_trust::{AnchorsPart, Envelope, Limits, Status};

fuzz_target!(|bytes: &[u8]| {
    let _ = Envelope::parse(bytes, &Limits::default());
    let _ = AnchorsPart::parse(bytes);
    let _ = Status::parse(bytes);
});
