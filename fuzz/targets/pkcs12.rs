//! PKCS #12 stores under a passphrase that is known: opening ends, in bounded work, and does not
//! panic. The second half of the input is taken for the store's content without a MAC, so that
//! mutations reach the bags.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skink_chain::input::{Unlock, read};
use zeroize::Zeroizing;

struct Known;

impl Unlock for Known {
    fn passphrase(&mut self, _what: &str) -> Option<Zeroizing<String>> {
        Some(Zeroizing::new("secret".to_owned()))
    }
}

const VERSION: &[u8] = b"\x02\x01\x03";
const DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";

fuzz_target!(|bytes: &[u8]| {
    // A file's rounds of key derivation are bounded; its size is bounded by who reads it.
    if bytes.len() > 1 << 16 {
        return;
    }
    let _ = read(bytes, &mut Known);
    let content = wrap(0xa0, &wrap(0x04, &wrap(0x30, bytes)));
    let info = wrap(0x30, &[DATA, &content].concat());
    let store = wrap(0x30, &[VERSION, &info].concat());
    assert!(!read(&store, &mut Known).is_empty());
});

fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let shortest = length.iter().position(|it| *it != 0).unwrap_or(3);
    let mut der = vec![tag];
    if content.len() >= 0x80 {
        der.push(0x80 + u8::try_from(4 - shortest).unwrap());
    }
    der.extend_from_slice(&length[shortest..]);
    der.extend_from_slice(content);
    der
}
