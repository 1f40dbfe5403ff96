//! Name constraints, form by form, and before rustls-webpki.

use der::asn1::Ia5String;
use der::{Decode, Encode};
use proptest::prelude::*;
use skink_path::{Code, Rejection, VerifiedPath, validate};
use skink_testkit::{NOW, TestAuthority};
use skink_x509::{GeneralName, KeyAlgorithm, Name, oid};
use x509_cert::ext::pkix::NameConstraints;
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
use x509_cert::ext::pkix::name::GeneralName as Base;

use crate::oracle::webpki_accepts;
use crate::shape::{authority, below, check, dns, end_entity, first, leaf, server};

fn subtree(base: Base) -> GeneralSubtree {
    GeneralSubtree { base, minimum: 0, maximum: None }
}

fn constraints(permitted: Vec<Base>, excluded: Vec<Base>) -> Vec<u8> {
    let subtrees = |bases: Vec<Base>| {
        Some(bases.into_iter().map(subtree).collect::<Vec<_>>()).filter(|some| !some.is_empty())
    };
    let (permitted_subtrees, excluded_subtrees) = (subtrees(permitted), subtrees(excluded));
    NameConstraints { permitted_subtrees, excluded_subtrees }.to_der().unwrap()
}

fn constrained(root: &TestAuthority, value: &[u8]) -> TestAuthority {
    below(root, "g1", |key, parent| {
        authority(key, parent, None).raw(oid::NAME_CONSTRAINTS, true, value.to_vec())
    })
}

fn verdict(value: &[u8], names: &[GeneralName]) -> Result<VerifiedPath, Rejection> {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let issuer = constrained(&root, value);
    let leaf = leaf(&issuer, |spec| spec.extensions = end_entity(names));
    check(&leaf, &[&issuer], &root, &server())
}

fn ia5(text: &str) -> Ia5String {
    Ia5String::new(text).unwrap()
}

fn directory(text: &str) -> Base {
    let name: Name = text.parse().unwrap();
    Base::DirectoryName(x509_cert::name::Name::from_der(name.to_der()).unwrap())
}

/// Names that a permitted base lets through, and an excluded base does not; then the opposite.
fn sorts(base: &Base, inside: &[GeneralName], outside: &[GeneralName]) {
    let permitted = constraints(vec![base.clone()], vec![]);
    let excluded = constraints(vec![], vec![base.clone()]);
    for name in inside {
        assert!(verdict(&permitted, std::slice::from_ref(name)).is_ok(), "{name}");
        let refused = verdict(&excluded, std::slice::from_ref(name));
        assert_eq!(first(refused), Code::NameConstraint, "{name}");
    }
    for name in outside {
        assert!(verdict(&excluded, std::slice::from_ref(name)).is_ok(), "{name}");
        let refused = verdict(&permitted, std::slice::from_ref(name));
        assert_eq!(first(refused), Code::NameConstraint, "{name}");
    }
}

#[test]
fn mailboxes_lie_in_a_mailbox_a_host_or_a_domain() {
    let mail = |text: &str| GeneralName::Email(text.into());
    let base = |text: &str| Base::Rfc822Name(ia5(text));
    sorts(&base("a@x.test"), &[mail("a@X.test")], &[mail("b@x.test"), mail("a@y.x.test")]);
    sorts(&base("x.test"), &[mail("a@x.test"), mail("b@x.test")], &[mail("a@y.x.test")]);
    sorts(&base(".x.test"), &[mail("a@y.x.test")], &[mail("a@x.test"), mail("a@yx.test")]);
}

#[test]
fn uris_lie_in_a_host_or_a_domain() {
    let uri = |text: &str| GeneralName::Uri(text.into());
    let base = |text: &str| Base::UniformResourceIdentifier(ia5(text));
    let (host, below) = (uri("https://x.test/a"), uri("https://me@Y.x.test:8443?q"));
    sorts(
        &base("x.test"),
        std::slice::from_ref(&host),
        &[below.clone(), uri("spiffe://yx.test/x.test")],
    );
    sorts(&base(".x.test"), &[below], &[host]);
    // What has no host lies neither inside nor outside.
    for name in [uri("urn:x"), uri("https://[::1]/"), uri("https://10.0.0.1/")] {
        let names = std::slice::from_ref(&name);
        for value in
            [constraints(vec![base("x.test")], vec![]), constraints(vec![], vec![base("x.test")])]
        {
            assert_eq!(first(verdict(&value, names)), Code::NameConstraint, "{name}");
        }
    }
}

#[test]
fn directory_names_count_in_the_subject_too() {
    let dir = |text: &str| GeneralName::Directory(text.parse().unwrap());
    let subject = |text: &str, value: &[u8]| {
        let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
        let issuer = constrained(&root, value);
        let leaf = leaf(&issuer, |spec| spec.subject = text.parse().unwrap());
        check(&leaf, &[&issuer], &root, &server())
    };
    let permitted = constraints(vec![directory("O=Ex")], vec![]);
    assert!(subject("OU=web,O=eX", &permitted).is_ok());
    assert!(subject("", &permitted).is_ok(), "no name is no breach");
    assert_eq!(first(subject("OU=web", &permitted)), Code::NameConstraint);
    assert_eq!(first(subject("O=Ex,OU=web", &permitted)), Code::NameConstraint);
    let excluded = constraints(vec![], vec![directory("O=Ex")]);
    assert_eq!(first(subject("OU=web,O=EX", &excluded)), Code::NameConstraint);
    assert!(subject("OU=web,O=Other", &excluded).is_ok());
    assert_eq!(first(verdict(&excluded, &[dir("CN=x,O=Ex")])), Code::NameConstraint);
}

#[test]
fn a_mailbox_in_the_subject_counts_where_there_is_no_other() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let value = constraints(vec![Base::Rfc822Name(ia5("x.test"))], vec![]);
    let issuer = constrained(&root, &value);
    let subject = |mailbox: &str| {
        let leaf = leaf(&issuer, |spec| {
            spec.subject = format!("emailAddress={mailbox},OU=web").parse().unwrap();
        });
        check(&leaf, &[&issuer], &root, &server())
    };
    assert!(subject("a@x.test").is_ok());
    assert_eq!(first(subject("a@y.test")), Code::NameConstraint);
    // The mailbox as an OCTET STRING, which is no text.
    let excluded = constraints(vec![], vec![Base::Rfc822Name(ia5("y.test"))]);
    let issuer = constrained(&root, &excluded);
    let strange = leaf(&issuer, |spec| {
        let text: Name = "emailAddress=a@y.test".parse().unwrap();
        let mut der = text.to_der().to_vec();
        let tag = der.len() - "a@y.test".len() - 2;
        der[tag] = 4;
        spec.subject = Name::from_der(&der).unwrap();
    });
    assert_eq!(first(check(&strange, &[&issuer], &root, &server())), Code::NameConstraint);
}

#[test]
fn a_form_that_is_not_known_is_never_inside() {
    let registered = Base::RegisteredId("1.2.3".parse().unwrap());
    let name = GeneralName::Other { tag: 8, der: vec![0x88, 2, 0x2a, 3] };
    for value in
        [constraints(vec![registered.clone()], vec![]), constraints(vec![], vec![registered])]
    {
        assert_eq!(first(verdict(&value, std::slice::from_ref(&name))), Code::NameConstraint);
        assert!(verdict(&value, &[dns("a.test")]).is_ok(), "other forms are free");
    }
}

#[test]
fn distances_and_leading_periods_are_refused() {
    let base = Base::DnsName(ia5("test"));
    let dotted = constraints(vec![Base::DnsName(ia5(".test"))], vec![]);
    assert_eq!(first(verdict(&dotted, &[dns("a.test")])), Code::UnreadableConstraint);
    for (minimum, maximum) in [(1, None), (0, Some(3))] {
        let subtrees = Some(vec![GeneralSubtree { base: base.clone(), minimum, maximum }]);
        let constraints = NameConstraints { permitted_subtrees: subtrees, excluded_subtrees: None };
        let result = verdict(&constraints.to_der().unwrap(), &[dns("a.test")]);
        assert_eq!(first(result), Code::UnreadableConstraint);
    }
}

#[test]
fn self_issued_authorities_are_exempt_and_end_entities_are_not() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let value = constraints(vec![directory("O=web-1")], vec![]);
    let old = constrained(&root, &value);
    let new = below(&old, "g1", |key, parent| authority(key, parent, None));
    let good = leaf(&new, |_| {});
    assert!(check(&good, &[&new, &old], &root, &server()).is_ok());
    let named_so = leaf(&new, |spec| spec.subject = new.certificate.subject().clone());
    let result = check(&named_so, &[&new, &old], &root, &server());
    assert_eq!(first(result), Code::NameConstraint);
    let other = below(&old, "g2", |key, parent| authority(key, parent, None));
    let result = check(&leaf(&other, |_| {}), &[&other, &old], &root, &server());
    assert_eq!(first(result), Code::NameConstraint);
}

#[test]
fn many_names_under_many_constraints_cost_bounded_work() {
    let many = |what: &str| (0..1100).map(|at| format!("{what}{at}.test")).collect::<Vec<_>>();
    let value =
        constraints(vec![], many("x").iter().map(|name| Base::DnsName(ia5(name))).collect());
    let names: Vec<_> = many("y").iter().map(|name| dns(name)).collect();
    assert!(verdict(&value, &names[..100]).is_ok());
    assert_eq!(first(verdict(&value, &names)), Code::BudgetSpent);
}

fn base_name() -> impl Strategy<Value = Base> {
    let host = prop::sample::select(vec!["test", "a.test", "b.a.test", "", "c.test"]);
    let network = prop::sample::select(vec![
        vec![10, 0, 0, 0, 255, 0, 0, 0],
        vec![10, 1, 0, 0, 255, 255, 0, 0],
        vec![0; 8],
        vec![0; 32],
    ]);
    prop_oneof![
        host.prop_map(|host| Base::DnsName(ia5(host))),
        network.prop_map(|net| Base::IpAddress(der::asn1::OctetString::new(net).unwrap())),
    ]
}

fn peer_name() -> impl Strategy<Value = GeneralName> {
    let host =
        prop::sample::select(vec!["a.test", "b.a.test", "*.a.test", "*.b.a.test", "d.b.a.test"]);
    let ip = prop::sample::select(vec!["10.1.2.3", "10.2.2.3", "11.0.0.1", "2001:db8::1"]);
    prop_oneof![host.prop_map(dns), ip.prop_map(|ip| GeneralName::Ip(ip.parse().unwrap())),]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn constraints_get_one_verdict(
        permitted in proptest::collection::vec(base_name(), 0..3),
        excluded in proptest::collection::vec(base_name(), 0..2),
        names in proptest::collection::vec(peer_name(), 1..3),
    ) {
        prop_assume!(!permitted.is_empty() || !excluded.is_empty());
        let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
        let issuer = constrained(&root, &constraints(permitted, excluded));
        let mut all = names;
        all.push(dns("a.test"));
        let leaf = leaf(&issuer, |spec| spec.extensions = end_entity(&all));
        let anchors = [root.certificate.clone()];
        let bundle = [issuer.certificate.clone()];
        let ours = validate(&leaf, &bundle, &anchors, &[], &server());
        let theirs = webpki_accepts(&leaf, &bundle, &root.certificate, NOW, "a.test");
        prop_assert_eq!(ours.is_ok(), theirs, "{:?}", ours.err());
    }
}

#[test]
fn empty_lists_and_malformed_mailboxes_cannot_be_judged() {
    let base = |text: &str| Base::Rfc822Name(ia5(text));
    let empty = |permitted: bool| {
        let list = |it: bool| it.then(Vec::new);
        let (permitted_subtrees, excluded_subtrees) = (list(permitted), list(!permitted));
        NameConstraints { permitted_subtrees, excluded_subtrees }.to_der().unwrap()
    };
    for value in [
        empty(true),
        empty(false),
        constraints(vec![base("a@b@c.test")], vec![]),
        constraints(vec![], vec![base("@c.test")]),
        constraints(vec![], vec![base("*.c.test")]),
    ] {
        let rejection = verdict(&value, &[dns("a.test")]).unwrap_err();
        assert_eq!(rejection.findings()[0].code, Code::UnreadableConstraint);
        assert_eq!(rejection.findings()[0].section(), "RFC 5280 §4.2.1.10");
    }
    // An empty one stands for every mailbox.
    let mail = [GeneralName::Email("a@x.test".into())];
    assert!(verdict(&constraints(vec![base("")], vec![]), &mail).is_ok());
    let none = constraints(vec![], vec![base("")]);
    assert_eq!(first(verdict(&none, &mail)), Code::NameConstraint);
}
