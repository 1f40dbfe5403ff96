//! The builder: whatever certificates and lists are thrown together, it ends, does not panic, and
//! accepts nothing but a path from the leaf to an anchor.
//!
//! The input is a byte of options and then pieces, each behind its length in two bytes: the leaf,
//! the anchor, and certificates and CRLs in any order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skink_path::{
    Formalities, Options, Profile, Purpose, Question, Revocation, Verdict, decide,
};
use skink_x509::crl::Crl;
use skink_x509::{Certificate, Time};

fuzz_target!(|input: &[u8]| {
    let Some((bits, rest)) = input.split_first() else { return };
    let pieces = pieces(rest);
    let [leaf, anchor, others @ ..] = &pieces[..] else { return };
    let (Ok(leaf), Ok(anchor)) = (Certificate::from_der(leaf), Certificate::from_der(anchor))
    else {
        return;
    };
    let bundle: Vec<_> = others.iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
    let crls: Vec<_> = others.iter().filter_map(|der| Crl::from_der(der).ok()).collect();
    let flag = |bit: u8| bits & (1 << bit) != 0;
    let options = Options {
        profile: if flag(0) { Profile::Rfc5280 } else { Profile::Webpki },
        formalities: if flag(1) { Formalities::Refuse } else { Formalities::Warn },
        revocation: if flag(2) { Revocation::Chain } else { Revocation::Off },
        explicit_policy: flag(3),
        inhibit_mapping: flag(4),
        inhibit_any_policy: flag(5),
        ..Options::new(
            Time::from_secs(1_790_000_000),
            if flag(6) { Purpose::Any } else { Purpose::Server },
        )
    };
    let anchors = [anchor];
    let question =
        Question { leaf: &leaf, untrusted: &bundle, anchors: &anchors, crls: &crls, options };
    let verdict = decide(&question);
    assert!(verdict.signatures() <= 100);
    assert!(verdict.is_accepted() || !verdict.findings().is_empty());
    if let Verdict::Accepted(path) = verdict {
        assert_eq!(path.leaf(), &leaf);
        assert_eq!(path.certificates().last(), anchors.first());
        for pair in path.certificates().windows(2) {
            assert!(pair[1].is_ca());
            pair[0].danger_verify_signed_by(pair[1].public_key()).unwrap();
        }
    }
});

fn pieces(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some((len, after)) = rest.split_first_chunk::<2>() {
        let Some((piece, after)) = after.split_at_checked(u16::from_be_bytes(*len).into()) else {
            break;
        };
        pieces.push(piece);
        rest = after;
    }
    pieces
}
