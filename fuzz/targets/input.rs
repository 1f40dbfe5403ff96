//! The recogniser of inputs: whatever a file holds, reading it ends, does not panic, says
//! something, and what it read can be told.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skink_chain::Bag;
use skink_chain::describe::describe;
use skink_chain::input::{NoPassphrase, read};
use skink_x509::Time;

fuzz_target!(|bytes: &[u8]| {
    let pieces = read(bytes, &mut NoPassphrase);
    assert!(!pieces.is_empty());
    for piece in pieces.iter().take(16) {
        let told = describe(piece, Time::from_secs(1_790_000_000));
        assert!(!told.summary.is_empty());
    }
    let mut bag = Bag::default();
    let count = pieces.len();
    bag.add(pieces, "fuzz");
    let Bag { certificates, requests, crls, ocsp, keys, public_keys, unread } = bag;
    let sorted = certificates.len() + requests.len() + crls.len() + ocsp.len();
    assert_eq!(sorted + keys.len() + public_keys.len() + unread.len(), count);
});
