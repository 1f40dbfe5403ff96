//! PKCS #7 bundles, in DER and BER: the input is what stands inside the outermost sequence behind
//! the identifier of `SignedData`, so that mutations stay in the bundle.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skink_chain::input::{NoPassphrase, read};

const SIGNED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";

fuzz_target!(|content: &[u8]| {
    let _ = read(content, &mut NoPassphrase);
    let inside = [SIGNED_DATA, content].concat();
    let open = [b"\x30\x80", &inside[..], b"\x00\x00"].concat();
    for bundle in [wrap(0x30, &inside), open] {
        assert!(!read(&bundle, &mut NoPassphrase).is_empty());
    }
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
