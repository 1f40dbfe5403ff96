use std::time::Duration;

use skink_testkit::{TestKey, TestPki};
use skink_x509::KeyAlgorithm;

use super::*;

fn only(bytes: &[u8]) -> Piece {
    let mut pieces = read(bytes, &mut NoPassphrase);
    assert_eq!(pieces.len(), 1, "{pieces:?}");
    pieces.remove(0)
}

fn kinds(bytes: &[u8]) -> Vec<Kind> {
    read(bytes, &mut NoPassphrase).iter().map(|piece| piece.item.kind()).collect()
}

#[test]
fn everything_is_recognised_by_its_shape() {
    let pki = TestPki::new();
    let request = pki.leaf_key.request("web-1", &[]);
    let crl = pki.root.crl(1, None, Vec::new());
    let cases: [(&[u8], Kind); 5] = [
        (pki.leaf.der(), Kind::Certificate),
        (request.der(), Kind::Request),
        (crl.der(), Kind::Crl),
        (pki.leaf_key.pkcs8_der(), Kind::PrivateKey),
        (pki.leaf.public_key().spki_der(), Kind::PublicKey),
    ];
    for (der, kind) in cases {
        let piece = only(der);
        assert_eq!(piece.item.kind(), kind);
        assert!(!matches!(piece.item, Item::Unreadable(..)), "{piece:?}");
        assert_eq!((piece.container, piece.remarks), (Container::Der, vec![]));
    }
    let together = [pki.leaf.der(), crl.der()].concat();
    assert_eq!(kinds(&together), [Kind::Certificate, Kind::Crl]);
}

#[test]
fn a_private_key_knows_its_public_half() {
    for algorithm in [KeyAlgorithm::EcP256, KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa2048] {
        let key = TestKey::generate(algorithm);
        let Item::PrivateKey(read) = only(key.pkcs8_der()).item else { panic!("no key") };
        assert_eq!(read.public(), key.public());
        assert!(read.is_consistent() && read.form() == KeyForm::Pkcs8 && !read.was_locked());
        let Item::PrivateKey(again) = only(read.to_pem().as_bytes()).item else { panic!("no key") };
        assert_eq!(again.public(), key.public());
    }
}

#[test]
fn pem_is_read_as_it_is_met() {
    let pki = TestPki::new();
    let chain = pki.chain_pem();
    let noise = format!("0 s:CN=web-1: hello\n{}\r\nbetween\n{chain}", pki.leaf.to_pem());
    assert_eq!(kinds(noise.as_bytes()), [Kind::Certificate; 3]);
    assert_eq!(read(noise.as_bytes(), &mut NoPassphrase)[0].line, Some(2));
    let indented = format!("    {}", chain.replace('\n', "\r\n    "));
    assert_eq!(kinds(indented.as_bytes()), [Kind::Certificate; 2]);
    let one = pki.leaf.to_pem();
    let utf16: Vec<u8> = one.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(only(&utf16).remarks, [Remark::Utf16]);
    assert_eq!(only(&[&[0xff, 0xfe], &utf16[..]].concat()).remarks, [Remark::Utf16]);
    let marked = [b"\xef\xbb\xbf", one.as_bytes()].concat();
    assert_eq!(only(&marked).remarks, [Remark::ByteOrderMark]);
    let escaped = format!("{{\"pem\": \"{}\"}}", one.replace('\n', "\\n"));
    assert_eq!(only(escaped.as_bytes()).remarks, [Remark::EscapedLineBreaks]);
    let label = one.replace("CERTIFICATE", "RSA PRIVATE KEY");
    let piece = only(label.as_bytes());
    assert!(matches!(&piece.remarks[..], [Remark::WrongLabel { is: Kind::Certificate, .. }]));
    let open = one.split("-----END").next().unwrap();
    assert_eq!(only(open.as_bytes()).remarks, [Remark::NoEnd]);
    let dashes = one.replace("-----", "----");
    assert_eq!(only(dashes.as_bytes()).remarks, [Remark::WrongDashes]);
    let bare: String = one.lines().filter(|line| !line.starts_with('-')).collect();
    let piece = only(bare.as_bytes());
    assert_eq!((piece.container, piece.item.kind()), (Container::Base64, Kind::Certificate));
}

/// The search for blocks looks at every byte a few times, not at the rest of the text for each.
#[test]
fn hostile_text_is_searched_in_linear_time() {
    let shapes = ["BEGIN ", "-----BEGIN ", "-----BEGIN X-----", "--BEGIN X--\n", "--END X--", "-"];
    for shape in shapes {
        let text = shape.repeat((1 << 20) / shape.len());
        let begun = std::time::Instant::now();
        let _ = read(text.as_bytes(), &mut NoPassphrase);
        // Quadratic work takes minutes in a build with checks.
        assert!(begun.elapsed() < Duration::from_secs(10), "{shape:?}: {:?}", begun.elapsed());
    }
}

fn wrap(tag: u8, members: &[&[u8]]) -> Vec<u8> {
    let content = members.concat();
    let len = u8::try_from(content.len()).unwrap();
    let length = if len < 0x80 { vec![len] } else { vec![0x81, len] };
    [&[tag], &length[..], &content].concat()
}

/// An `EncryptedPrivateKeyInfo` under PBKDF2 with HMAC-SHA256 in so many rounds, and AES-256-CBC.
fn locked(rounds: u16) -> Vec<u8> {
    let id = |text: &str| {
        let id = skink_x509::ObjectIdentifier::new_unwrap(text);
        wrap(0x06, &[id.as_bytes()])
    };
    let hash = wrap(0x30, &[&id("1.2.840.113549.2.9"), &[5, 0]]);
    let count = wrap(0x02, &[&rounds.to_be_bytes()]);
    let parameters = wrap(0x30, &[&wrap(0x04, &[&[7; 8]]), &count, &hash]);
    let derivation = wrap(0x30, &[&id("1.2.840.113549.1.5.12"), &parameters]);
    let cipher = wrap(0x30, &[&id("2.16.840.1.101.3.4.1.42"), &wrap(0x04, &[&[9; 16]])]);
    let both = wrap(0x30, &[&derivation, &cipher]);
    let scheme = wrap(0x30, &[&id("1.2.840.113549.1.5.13"), &both]);
    wrap(0x30, &[&scheme, &wrap(0x04, &[&[1; 16]])])
}

struct Known;

impl Unlock for Known {
    fn passphrase(&mut self, _what: &str) -> Option<Zeroizing<String>> {
        Some(Zeroizing::new("secret".to_owned()))
    }
}

#[test]
fn the_rounds_of_a_file_are_bounded_together() {
    let keys: String = (0..3)
        .map(|_| {
            der::pem::encode_string("ENCRYPTED PRIVATE KEY", der::pem::LineEnding::LF, &locked(300))
                .unwrap()
        })
        .collect();
    let mut reader = Reader { unlock: &mut Known, depth: 0, work: Work::of_rounds(1500) };
    let pieces = reader.read(keys.as_bytes());
    let items: Vec<_> = pieces.into_iter().map(|it| it.item).collect();
    let [Item::Locked(..), Item::Locked(..), Item::Unreadable(_, why)] = &items[..] else {
        panic!("{items:?}")
    };
    assert_eq!(*why, Unreadable::TooMuchWork(300));
}

#[test]
fn what_is_published_is_certificates_and_nothing_to_unlock() {
    let pki = TestPki::new();
    assert_eq!(published(pki.leaf.der()).len(), 1);
    assert_eq!(published(pki.chain_pem().as_bytes()).len(), 2);
    for other in [pki.leaf_key.pkcs8_der(), &locked(300), b"<html>not found</html>"] {
        assert!(published(other).is_empty());
    }
}

#[test]
fn marks_pair_up_as_they_stand() {
    let of = |text: &str| {
        let pieces = read(text.as_bytes(), &mut NoPassphrase);
        pieces.iter().map(|it| (it.line, it.remarks.clone())).collect::<Vec<_>>()
    };
    let open =
        "--- BEGIN X ---\n-----BEGIN A-----\nAAAA\n-----BEGIN B-----\nAAAA\n-----END B----\n";
    assert_eq!(of(open), [(Some(2), vec![Remark::NoEnd]), (Some(4), vec![Remark::WrongDashes])],);
    // A label that never ends is none.
    assert_eq!(of(&format!("-----BEGIN {}-----\nAAAA\n", "A".repeat(65)))[0].0, None);
}

#[test]
fn what_cannot_be_read_says_why_beside_what_can() {
    let pki = TestPki::new();
    let bad = "-----BEGIN CERTIFICATE-----\nMII?\n-----END CERTIFICATE-----\n";
    let pieces = read(format!("{bad}{}", pki.leaf.to_pem()).as_bytes(), &mut NoPassphrase);
    let why = |piece: &Piece| match &piece.item {
        Item::Unreadable(kind, why) => Some((*kind, why.clone())),
        _ => None,
    };
    assert_eq!(why(&pieces[0]), Some((Kind::Certificate, Unreadable::NotBase64(2))));
    assert_eq!(pieces[1].item.kind(), Kind::Certificate);
    assert_eq!(why(&only(b"")), Some((Kind::Unknown, Unreadable::Empty)));
    assert_eq!(why(&only(b"hello")), Some((Kind::Unknown, Unreadable::Unknown)));
    assert!(matches!(why(&only(b"\xfe\xed\xfe\xed")), Some((Kind::JavaKeyStore, _))));
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
               DEK-Info: DES-EDE3-CBC,0011223344556677\n\nAAAA\n-----END RSA PRIVATE KEY-----";
    let (kind, why) = why(&only(old.as_bytes())).unwrap();
    assert!(kind == Kind::EncryptedKey && why.to_string().contains("DES-EDE3-CBC"));
}

#[test]
fn cut_off_anywhere_nothing_panics() {
    let pki = TestPki::new();
    let crl = pki.root.crl(1, None, Vec::new());
    for der in [pki.leaf.der(), crl.der(), pki.leaf_key.pkcs8_der()] {
        for end in 0..der.len() {
            let _ = read(&der[..end], &mut NoPassphrase);
        }
    }
    let pem = pki.chain_pem();
    for end in 0..pem.len() {
        let _ = read(&pem.as_bytes()[..end], &mut NoPassphrase);
    }
}

#[test]
fn what_is_signed_must_be_der() {
    let pki = TestPki::new();
    let der = pki.leaf.der();
    assert_eq!(der[..2], [0x30, 0x82]);
    let open = [b"\x30\x80", &der[4..], b"\x00\x00"].concat();
    let piece = only(&open);
    assert!(matches!(piece.item, Item::Unreadable(..)), "{piece:?}");
    let armored = der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, &open).unwrap();
    let piece = only(armored.as_bytes());
    assert!(matches!(piece.item, Item::Unreadable(Kind::Certificate, _)), "{piece:?}");
    let long = [der, b"junk"].concat();
    let armored = der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, &long).unwrap();
    let mut bag = crate::Bag::default();
    bag.add(read(armored.as_bytes(), &mut NoPassphrase), "test");
    assert_eq!(bag.certificates[0].broken.len(), 1, "it is read and refused");
}
