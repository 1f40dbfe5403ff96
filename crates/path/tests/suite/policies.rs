//! Certificate policies beyond PKITS: that they cost what they are worth.

use skink_path::{Code, Options, Profile, validate};
use skink_testkit::{NOW, TestAuthority};
use skink_x509::{Certificate, KeyAlgorithm, ObjectIdentifier, oid};

use crate::shape::{authority, below, dns, end_entity, leaf, server};

fn sequence(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82], &len[..], content].concat()
}

/// DER lengths in their shortest form.
fn der(content: &[u8]) -> Vec<u8> {
    match u8::try_from(content.len()) {
        Ok(short @ 0..=127) => [&[0x30, short], content].concat(),
        Ok(long) => [&[0x30, 0x81, long], content].concat(),
        Err(_) => sequence(0x30, content),
    }
}

fn encoded(policy: ObjectIdentifier) -> Vec<u8> {
    let bytes = policy.as_bytes();
    [&[6, u8::try_from(bytes.len()).unwrap()][..], bytes].concat()
}

fn policies(all: &[ObjectIdentifier]) -> Vec<u8> {
    der(&all.iter().flat_map(|policy| der(&encoded(*policy))).collect::<Vec<u8>>())
}

fn number(at: u32) -> ObjectIdentifier {
    format!("1.3.6.1.4.1.61803.9.{at}").parse().unwrap()
}

/// Every policy is mapped to every policy, level by level: the tree of RFC 5280 would have
/// 12^6 leaves.
#[test]
fn mappings_do_not_grow_the_graph_beyond_the_certificates() {
    let all: Vec<_> = (0..12).map(number).collect();
    let mappings: Vec<u8> = all
        .iter()
        .flat_map(|from| all.iter().map(|to| der(&[encoded(*from), encoded(*to)].concat())))
        .flatten()
        .collect();
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let mut chain: Vec<TestAuthority> = Vec::new();
    for at in 0..6 {
        let parent = chain.last().unwrap_or(&root);
        chain.push(below(parent, &format!("g{at}"), |key, parent| {
            authority(key, parent, None).raw(oid::CERTIFICATE_POLICIES, false, policies(&all)).raw(
                oid::POLICY_MAPPINGS,
                true,
                der(&mappings),
            )
        }));
    }
    let issuer = chain.last().unwrap();
    let with = |policy| {
        leaf(issuer, |spec| {
            let extensions = end_entity(&[dns("web-1.test")]);
            spec.extensions = extensions.raw(oid::CERTIFICATE_POLICIES, false, policies(&[policy]));
        })
    };
    let bundle: Vec<Certificate> = chain.iter().map(|a| a.certificate.clone()).collect();
    let judge = |leaf: &Certificate, initial: ObjectIdentifier| {
        let options = Options {
            profile: Profile::Rfc5280,
            policies: vec![initial],
            explicit_policy: true,
            ..server()
        };
        validate(leaf, &bundle, std::slice::from_ref(&root.certificate), &[], &options)
    };
    assert!(judge(&with(number(3)), number(7)).is_ok());
    assert!(judge(&with(number(3)), number(99)).unwrap_err().has(Code::Policy));
    assert!(judge(&with(number(99)), number(7)).unwrap_err().has(Code::Policy));
}
