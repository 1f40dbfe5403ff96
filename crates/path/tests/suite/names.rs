//! Names of peers, and constraints on them.

use skink_path::{Code, PeerName};
use skink_testkit::{NOW, TestAuthority};
use skink_x509::{GeneralName, KeyAlgorithm, oid};

use crate::shape::{authority, below, check, dns, end_entity, first, leaf, server};

fn root() -> TestAuthority {
    TestAuthority::root("root", KeyAlgorithm::EcP256, NOW)
}

#[test]
fn a_peer_is_known_by_its_alternative_names_only() {
    let root = root();
    let email = GeneralName::Email("ops@Example.test".into());
    let uri = GeneralName::Uri("spiffe://example.test/web".into());
    let ip = GeneralName::Ip("10.1.2.3".parse().unwrap());
    let leaf = leaf(&root, |spec| {
        spec.extensions = end_entity(&[dns("web-1.test"), dns("*.apps.test"), ip, email, uri]);
    });
    let has = |name: PeerName| check(&leaf, &[], &root, &server().named(name)).is_ok();
    let dns = |text: &str| has(PeerName::Dns(text.into()));
    assert!(dns("web-1.test") && dns("WEB-1.TEST.") && dns("a.apps.test"));
    assert!(!dns("web-2.test") && !dns("apps.test") && !dns("a.b.apps.test") && !dns("web-1"));
    assert!(!dns(""), "an empty name is nobody's");
    assert!(has(PeerName::Ip("10.1.2.3".parse().unwrap())));
    assert!(!has(PeerName::Ip("10.1.2.4".parse().unwrap())));
    assert!(!dns("10.1.2.3"), "an address is no DNS name");
    assert!(has(PeerName::Email("ops@example.TEST".into())));
    assert!(!has(PeerName::Email("Ops@example.test".into())));
    assert!(has(PeerName::Uri("spiffe://example.test/web".into())));
    assert!(!has(PeerName::Uri("spiffe://example.test/web/".into())));
    let wrong = check(&leaf, &[], &root, &server().named(PeerName::Dns("x.test".into())));
    assert_eq!(first(wrong), Code::NameMismatch);
}

/// nameConstraints with these subtrees, each a whole encoded general name.
fn constraints(permitted: &[&[u8]], excluded: &[&[u8]]) -> Vec<u8> {
    let short = |len: usize| u8::try_from(len).ok().filter(|len| *len < 128).unwrap();
    let wrap = |tag: u8, content: &[u8]| {
        let mut der = vec![tag, short(content.len())];
        der.extend_from_slice(content);
        der
    };
    let list = |tag: u8, bases: &[&[u8]]| {
        let trees: Vec<u8> = bases.iter().flat_map(|base| wrap(0x30, base)).collect();
        if trees.is_empty() { Vec::new() } else { wrap(tag, &trees) }
    };
    wrap(0x30, &[list(0xa0, permitted), list(0xa1, excluded)].concat())
}

fn base(name: &GeneralName) -> Vec<u8> {
    name.to_der().unwrap()
}

#[test]
fn names_must_lie_within_every_constraint_above() {
    let root = root();
    let permitted = base(&dns("example.test"));
    let excluded = base(&dns("secret.example.test"));
    let network: &[u8] = &[0x87, 8, 10, 0, 0, 0, 255, 0, 0, 0];
    let issuer = below(&root, "g1", |key, parent| {
        let value = constraints(&[&permitted, network], &[&excluded]);
        authority(key, parent, Some(0)).raw(oid::NAME_CONSTRAINTS, true, value)
    });
    let verdict = |names: &[GeneralName]| {
        let leaf = leaf(&issuer, |spec| spec.extensions = end_entity(names));
        check(&leaf, &[&issuer], &root, &server())
    };
    let ip = |text: &str| GeneralName::Ip(text.parse().unwrap());
    assert!(verdict(&[dns("example.test"), dns("a.Example.test"), ip("10.9.8.7")]).is_ok());
    // A form that is not constrained is free.
    assert!(verdict(&[GeneralName::Email("a@b.test".into())]).is_ok());
    for bad in [
        dns("other.test"),
        dns("badexample.test"),
        dns("secret.example.test"),
        dns("x.secret.example.test"),
        // It would stand for the excluded name.
        dns("*.example.test"),
        ip("11.0.0.1"),
        ip("2001:db8::1"),
    ] {
        let result = verdict(&[dns("example.test"), bad.clone()]);
        assert_eq!(first(result), Code::NameConstraint, "{bad}");
    }
}

#[test]
fn unreadable_constraints_refuse() {
    let root = root();
    let issuer = below(&root, "g1", |key, parent| {
        authority(key, parent, Some(0)).raw(oid::NAME_CONSTRAINTS, true, vec![0x30, 1])
    });
    let result = check(&leaf(&issuer, |_| {}), &[&issuer], &root, &server());
    assert_eq!(first(result), Code::UnreadableConstraint);
}
