//! Certificate policies, rule by rule (NIST's vectors say more; these need no files).

use der::Encode;
use skink_path::{Code, Options, Rejection, VerifiedPath, validate};
use skink_testkit::{NOW, TestAuthority};
use skink_x509::{Certificate, Extensions, KeyAlgorithm, ObjectIdentifier, oid};
use x509_cert::ext::pkix::certpolicy::{CertificatePolicies, PolicyInformation};
use x509_cert::ext::pkix::{PolicyConstraints, PolicyMapping, PolicyMappings};

use crate::shape::{authority, below, end_entity, first, leaf, server};

const ANY: &str = "2.5.29.32.0";

fn policy(text: &str) -> ObjectIdentifier {
    text.parse().unwrap()
}

fn policies(texts: &[&str]) -> Vec<u8> {
    let one = |text: &&str| PolicyInformation {
        policy_identifier: policy(text),
        policy_qualifiers: None,
    };
    CertificatePolicies(texts.iter().map(one).collect()).to_der().unwrap()
}

fn mappings(pairs: &[(&str, &str)]) -> Vec<u8> {
    let one = |(ours, theirs): &(&str, &str)| PolicyMapping {
        issuer_domain_policy: policy(ours),
        subject_domain_policy: policy(theirs),
    };
    PolicyMappings(pairs.iter().map(one).collect()).to_der().unwrap()
}

/// A root, an authority with these extensions, and a leaf under these policies.
struct World {
    root: TestAuthority,
    issuer: TestAuthority,
    leaf: Certificate,
}

impl World {
    fn new(authority_says: impl Fn(Extensions) -> Extensions, leaf_says: &[&str]) -> Self {
        let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
        let issuer = below(&root, "g1", |key, parent| authority_says(authority(key, parent, None)));
        let leaf = leaf(&issuer, |spec| {
            spec.extensions = end_entity(&[crate::shape::dns("web.test")]);
            if !leaf_says.is_empty() {
                let value = policies(leaf_says);
                spec.extensions =
                    spec.extensions.clone().raw(oid::CERTIFICATE_POLICIES, true, value);
            }
        });
        Self { root, issuer, leaf }
    }

    fn under(&self, acceptable: &[&str], explicit: bool) -> Result<VerifiedPath, Rejection> {
        let policies = acceptable.iter().map(|text| policy(text)).collect();
        self.judge(&Options { policies, explicit_policy: explicit, ..server() })
    }

    fn judge(&self, options: &Options<'_>) -> Result<VerifiedPath, Rejection> {
        let bundle = [self.issuer.certificate.clone()];
        validate(&self.leaf, &bundle, std::slice::from_ref(&self.root.certificate), &[], options)
    }
}

#[test]
fn a_policy_is_required_where_somebody_asks_for_one() {
    let none = World::new(|extensions| extensions, &[]);
    assert!(none.under(&[], false).is_ok());
    assert_eq!(first(none.under(&[], true)), Code::Policy);
    let says = |extensions: Extensions| {
        extensions.raw(oid::CERTIFICATE_POLICIES, false, policies(&["1.2.1", "1.2.2"]))
    };
    let some = World::new(says, &["1.2.2", "1.2.3"]);
    assert!(some.under(&[], true).is_ok());
    assert!(some.under(&["1.2.2"], true).is_ok());
    assert_eq!(first(some.under(&["1.2.1"], true)), Code::Policy);
    assert_eq!(first(some.under(&["1.2.3"], true)), Code::Policy);
    assert!(some.under(&["1.2.3"], false).is_ok(), "nobody asks");
}

#[test]
fn an_authority_can_require_a_policy() {
    let says = |extensions: Extensions| {
        let limits =
            PolicyConstraints { require_explicit_policy: Some(0), inhibit_policy_mapping: None };
        extensions.raw(oid::POLICY_CONSTRAINTS, true, limits.to_der().unwrap())
    };
    let world = World::new(says, &["1.2.1"]);
    assert_eq!(first(world.under(&[], false)), Code::Policy);
}

#[test]
fn policies_are_mapped_unless_that_is_inhibited() {
    let says = |extensions: Extensions| {
        extensions.raw(oid::CERTIFICATE_POLICIES, false, policies(&["1.2.1"])).raw(
            oid::POLICY_MAPPINGS,
            true,
            mappings(&[("1.2.1", "1.9.1")]),
        )
    };
    let world = World::new(says, &["1.9.1"]);
    assert!(world.under(&["1.2.1"], true).is_ok(), "in the words of the first authority");
    assert_eq!(first(world.under(&["1.9.1"], true)), Code::Policy);
    let inhibited = Options { explicit_policy: true, inhibit_mapping: true, ..server() };
    assert_eq!(first(world.judge(&inhibited)), Code::Policy);
}

#[test]
fn any_policy_stands_for_every_one_unless_that_is_inhibited() {
    let says =
        |extensions: Extensions| extensions.raw(oid::CERTIFICATE_POLICIES, false, policies(&[ANY]));
    let world = World::new(says, &["1.2.1"]);
    assert!(world.under(&["1.2.1"], true).is_ok());
    assert_eq!(first(world.under(&["1.2.2"], true)), Code::Policy);
    assert!(World::new(says, &[ANY]).under(&["1.2.2"], true).is_ok());
    let inhibited = Options { explicit_policy: true, inhibit_any_policy: true, ..server() };
    assert_eq!(first(world.judge(&inhibited)), Code::Policy);
}

#[test]
fn what_cannot_be_read_or_maps_any_policy_is_refused() {
    let unreadable =
        |extensions: Extensions| extensions.raw(oid::CERTIFICATE_POLICIES, false, vec![0x30, 1]);
    assert_eq!(first(World::new(unreadable, &[]).under(&[], false)), Code::UnreadablePolicy);
    let maps = |extensions: Extensions| {
        extensions.raw(oid::POLICY_MAPPINGS, true, mappings(&[(ANY, "1.2.1")]))
    };
    assert_eq!(first(World::new(maps, &[]).under(&[], false)), Code::UnreadablePolicy);
}
