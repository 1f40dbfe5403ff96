//! Enrolment tokens come by mail and chat.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skink_api::token::EnrolmentToken;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(token) = EnrolmentToken::decode(text) {
        let again = EnrolmentToken::decode(&token.encode().expect("a token encodes"));
        assert_eq!(again.expect("own encoding reads back"), token);
    }
});
