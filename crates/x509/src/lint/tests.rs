use super::*;
use crate::crl::{CrlNumber, CrlSpec, IssuingDistributionPoint, Reason, RevokedEntry, encode_tbs};
use crate::fixture::{self, Hierarchy, Key, NOW};
use crate::{
    CertificateSpec, Extensions, GeneralName, KeyUsage, Name, Serial, SignatureAlgorithm, Time, oid,
};

fn rules(findings: &[Finding]) -> Vec<&'static str> {
    let mut rules: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
    rules.dedup();
    rules
}

#[test]
fn the_hierarchy_is_clean() {
    let Hierarchy { root, issuer, leaf, .. } = Hierarchy::new();
    assert_eq!(lint_certificate(root.der(), &LintContext::issued_by(&root)), []);
    assert_eq!(lint_certificate(issuer.der(), &LintContext::issued_by(&root)), []);
    assert_eq!(lint_certificate(leaf.der(), &LintContext::issued_by(&issuer)), []);
    assert_eq!(lint_certificate(leaf.der(), &LintContext::default()), []);
}

/// What the rules say about a leaf after `change`.
fn leaf_after(change: impl FnOnce(&mut CertificateSpec, &Key)) -> Vec<&'static str> {
    let key = Key::generate();
    let mut spec = fixture::leaf_spec(&key.public, &key.public);
    change(&mut spec, &key);
    rules(&lint_certificate(&key.finish(&spec.tbs_der().unwrap()), &LintContext::default()))
}

fn issuer_after(change: impl FnOnce(&mut CertificateSpec, &Key)) -> Vec<&'static str> {
    let key = Key::generate();
    let mut spec = fixture::issuer_spec(&key.public, &key.public);
    change(&mut spec, &key);
    rules(&lint_certificate(&key.finish(&spec.tbs_der().unwrap()), &LintContext::default()))
}

/// The extensions of a leaf without those in `without`.
fn extensions(key: &Key, without: &[oid::ObjectIdentifier]) -> Extensions {
    let spec = fixture::leaf_spec(&key.public, &key.public);
    let all = spec.extensions.build(false).unwrap();
    all.into_iter()
        .filter(|extension| !without.contains(&extension.oid))
        .fold(Extensions::new(), |list, e| list.raw(e.oid, e.critical, e.value))
}

#[test]
fn each_fault_is_found_by_its_rule_and_no_other() {
    let serial = |bytes: &[u8]| Serial::from_be_bytes(bytes).unwrap();
    assert_eq!(leaf_after(|spec, _| spec.serial = serial(&[7])), ["serial_size"]);
    assert_eq!(
        leaf_after(|spec, _| spec.serial = serial(&[0])),
        ["serial_positive", "serial_size"]
    );
    assert_eq!(leaf_after(|spec, _| spec.not_after = Time::EPOCH), ["validity_order"]);
    let days = |days: i64| Time::from_secs(NOW.as_secs() + days * fixture::DAY);
    assert_eq!(leaf_after(|spec, _| spec.not_after = days(398)), ["lifetime"]);
    let last = |spec: &mut CertificateSpec, _: &Key| {
        spec.not_after = Time::from_secs(days(398).as_secs() - 1);
    };
    assert!(leaf_after(last).is_empty());
    assert_eq!(leaf_after(|spec, _| spec.issuer = Name::empty()), ["issuer_name"]);
    assert!(leaf_after(|spec, _| spec.subject = Name::empty()).is_empty());
    assert_eq!(issuer_after(|spec, _| spec.subject = Name::empty()), ["subject_name"]);
}

#[test]
fn extensions_that_are_missing_are_missed() {
    for (absent, rule) in [
        (oid::SUBJECT_ALT_NAME, "server_names"),
        (oid::KEY_USAGE, "end_entity_key_usage"),
        (oid::EXTENDED_KEY_USAGE, "extended_key_usage"),
        (oid::SUBJECT_KEY_IDENTIFIER, "subject_key_id"),
        (oid::AUTHORITY_KEY_IDENTIFIER, "authority_key_id"),
    ] {
        assert_eq!(leaf_after(|spec, key| spec.extensions = extensions(key, &[absent])), [rule]);
    }
}

#[test]
fn extensions_with_faults_are_found() {
    let with = |without, change: &dyn Fn(Extensions) -> Extensions| {
        leaf_after(|spec, key| spec.extensions = change(extensions(key, &[without])))
    };
    let names = |names: &'static [&str]| {
        move |list: Extensions| {
            let names: Vec<_> = names.iter().map(|n| GeneralName::Dns((*n).into())).collect();
            list.subject_alt_names(&names)
        }
    };
    let san = oid::SUBJECT_ALT_NAME;
    for bad in [["a..b"], ["-a.b"], ["a b.c"], ["*.com"], ["a.*.b"], ["*."]] {
        let list =
            move |list: Extensions| list.subject_alt_names(&[GeneralName::Dns(bad[0].into())]);
        assert_eq!(with(san, &list), ["dns_names"], "{bad:?}");
    }
    assert!(with(san, &names(&["a.b", "*.a.b", "xn--a.b_c"])).is_empty());
    assert_eq!(with(san, &names(&["localhost"])), ["dns_qualified"]);
    let mailbox = |list: Extensions| {
        list.subject_alt_names(&[GeneralName::Dns("a.b".into()), GeneralName::Email("a".into())])
    };
    assert_eq!(with(san, &mailbox), ["mailboxes"]);
    let usage = |usage| move |list: Extensions| list.key_usage(usage);
    let signing = KeyUsage::DIGITAL_SIGNATURE;
    assert_eq!(
        with(oid::KEY_USAGE, &usage(signing | KeyUsage::KEY_CERT_SIGN)),
        ["end_entity_key_usage"]
    );
    assert_eq!(
        with(oid::KEY_USAGE, &usage(signing | KeyUsage::KEY_ENCIPHERMENT)),
        ["end_entity_key_usage"]
    );
    let flags = |list: Extensions| list.raw(oid::KEY_USAGE, false, vec![3, 2, 7, 0x80]);
    assert_eq!(with(oid::KEY_USAGE, &flags), ["critical_flags"]);
    let unknown = |list: Extensions| list.raw(oid::SKINK_EPOCH, true, vec![2, 1, 1]);
    assert_eq!(with(oid::SKINK_EPOCH, &unknown), ["critical_flags"]);
    let purposes = |ids: &'static [oid::ObjectIdentifier]| {
        move |list: Extensions| list.extended_key_usages(ids)
    };
    let eku = oid::EXTENDED_KEY_USAGE;
    assert_eq!(with(eku, &purposes(&[oid::ANY_EXTENDED_KEY_USAGE])), ["extended_key_usage"]);
    assert_eq!(with(eku, &purposes(&[oid::OCSP_SIGNING])), ["ocsp_responder"]);
    assert_eq!(with(eku, &purposes(&[oid::SKINK_TRUST])), ["trust_signer"]);
    let secure = |list: Extensions| list.crl_distribution_points(&["https://a.b/c.crl"]);
    assert_eq!(with(oid::CRL_DISTRIBUTION_POINTS, &secure), ["uris"]);
    let path_length =
        |list: Extensions| list.raw(oid::BASIC_CONSTRAINTS, true, vec![0x30, 3, 2, 1, 0]);
    assert_eq!(with(oid::BASIC_CONSTRAINTS, &path_length), ["ca_basic_constraints"]);
}

#[test]
fn authorities_are_measured_by_their_own_rules() {
    let change = |extensions: Extensions| {
        issuer_after(|spec, key| {
            spec.extensions = extensions
                .subject_key_id(&key.public.key_id())
                .authority_key_id(&key.public.key_id());
        })
    };
    let usage = KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN;
    assert!(change(Extensions::new().ca(None).key_usage(usage)).is_empty());
    assert_eq!(change(Extensions::new().ca(None)), ["ca_key_usage"]);
    let half = Extensions::new().ca(None).key_usage(KeyUsage::KEY_CERT_SIGN);
    assert_eq!(change(half), ["ca_key_usage"]);
    let not_critical =
        Extensions::new().raw(oid::BASIC_CONSTRAINTS, false, vec![0x30, 3, 1, 1, 0xff]);
    assert_eq!(change(not_critical.key_usage(usage)), ["ca_basic_constraints"]);
}

#[test]
fn what_the_issuer_allows_is_compared() {
    let Hierarchy { root, issuer, leaf, issuer_key, .. } = Hierarchy::new();
    let below = |spec: &CertificateSpec, issuer| {
        let der = issuer_key.finish(&spec.tbs_der().unwrap());
        rules(&lint_certificate(&der, &LintContext::issued_by(issuer)))
    };
    let key = Key::generate();
    let mut spec = fixture::leaf_spec(&issuer_key.public, &key.public);
    assert!(below(&spec, &issuer).is_empty());
    assert_eq!(below(&spec, &root), ["issuer_name", "authority_key_id"]);
    assert_eq!(below(&spec, &leaf), ["issuer_name", "issuer_limits", "authority_key_id"]);
    spec.not_before = NOW.minus(std::time::Duration::from_secs(1));
    assert_eq!(below(&spec, &issuer), ["validity_nests"]);
    let mut sub = fixture::issuer_spec(&issuer_key.public, &key.public);
    (sub.issuer, sub.subject) = (issuer.subject().clone(), Name::from_common_name("sub").unwrap());
    assert_eq!(below(&sub, &issuer), ["issuer_limits"]);
}

#[test]
fn encodings_that_no_writer_of_ours_makes_are_found() {
    let key = Key::generate();
    let tbs = fixture::leaf_spec(&key.public, &key.public).tbs_der().unwrap();
    // ecdsa-with-SHA1 for ecdsa-with-SHA256, inside and outside: one byte shorter.
    let weak = b"\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x04\x01";
    let strong = SignatureAlgorithm::EcdsaSha256.identifier_der();
    let at = tbs.windows(strong.len()).position(|window| window == strong).unwrap();
    let content = [&tbs[4..at], weak, &tbs[at + strong.len()..]].concat();
    let tbs = crate::tlv::wrap(der::Tag::Sequence, &content).unwrap();
    let signature = crate::tlv::bit_string(&key.sign(&tbs)).unwrap();
    let der = crate::tlv::sequence(&[&tbs, weak, &signature]).unwrap();
    let findings = lint_certificate(&der, &LintContext::default());
    assert_eq!(rules(&findings), ["signature_algorithm"]);
    assert!(findings[0].message.contains("SHA-1"));
    assert_eq!(rules(&lint_certificate(&[0x30, 0], &LintContext::default())), ["structure"]);
}

#[test]
fn early_generalized_time_is_found() {
    let key = Key::generate();
    let tbs = fixture::leaf_spec(&key.public, &key.public).tbs_der().unwrap();
    let at = tbs.windows(2).position(|window| window == [0x17, 13]).unwrap();
    let century = [&[0x18, 15][..], b"20", &tbs[at + 2..at + 15]].concat();
    let validity = [&century[..], &tbs[at + 15..at + 30]].concat();
    let validity = crate::tlv::wrap(der::Tag::Sequence, &validity).unwrap();
    let content = [&tbs[4..at - 2], &validity, &tbs[at + 30..]].concat();
    let der = key.finish(&crate::tlv::wrap(der::Tag::Sequence, &content).unwrap());
    assert_eq!(rules(&lint_certificate(&der, &LintContext::default())), ["time_encoding"]);
}

fn crl_spec(hierarchy: &Hierarchy) -> CrlSpec {
    CrlSpec {
        issuer: hierarchy.root.subject().clone(),
        signature_algorithm: SignatureAlgorithm::EcdsaSha256,
        this_update: NOW,
        next_update: NOW.plus(std::time::Duration::from_hours(24)),
        number: CrlNumber::from_u64(1),
        authority_key_id: hierarchy.root.subject_key_id().unwrap().to_vec(),
        issuing_distribution_point: Some(IssuingDistributionPoint::at("http://a.b/c.crl")),
    }
}

#[test]
fn crl_faults_are_found() {
    let hierarchy = Hierarchy::new();
    let entry = |serial: u8| RevokedEntry {
        serial: Serial::from_be_bytes(&[serial]).unwrap(),
        revoked_at: NOW,
        reason: Some(Reason::KeyCompromise),
        invalidity_date: Some(NOW),
    };
    let lint = |spec: &CrlSpec, entries: Vec<RevokedEntry>| {
        let der = hierarchy.root_key.finish(&encode_tbs(spec, entries).unwrap());
        rules(&lint_crl(&der, &LintContext::issued_by(&hierarchy.root)))
    };
    let good = crl_spec(&hierarchy);
    assert!(lint(&good, vec![entry(1), entry(2)]).is_empty());
    assert_eq!(lint(&good, vec![entry(1), entry(2), entry(1)]), ["crl_unique_serials"]);
    let mut secure = good.clone();
    secure.issuing_distribution_point = Some(IssuingDistributionPoint::at("https://a.b/c"));
    assert_eq!(lint(&secure, vec![]), ["crl_distribution_point"]);
    let mut other = good.clone();
    other.issuer = hierarchy.issuer.subject().clone();
    assert_eq!(lint(&other, vec![]), ["crl_issuer"]);
    other.authority_key_id = vec![1; 20];
    assert_eq!(lint(&other, vec![]), ["crl_issuer", "crl_authority_key_id"]);
    assert_eq!(rules(&lint_crl(&[5, 0], &LintContext::default())), ["crl_structure"]);
}

#[test]
fn early_generalized_time_in_a_crl_is_found() {
    let hierarchy = Hierarchy::new();
    let tbs = encode_tbs(&crl_spec(&hierarchy), []).unwrap();
    let at = tbs.windows(2).position(|window| window == [0x17, 13]).unwrap();
    let early = [&[0x18, 15][..], b"20", &tbs[at + 2..at + 15]].concat();
    let header = if tbs[1] == 0x81 { 3 } else { 2 };
    let content = [&tbs[header..at], &early, &tbs[at + 15..]].concat();
    let der = hierarchy.root_key.finish(&crate::tlv::wrap(der::Tag::Sequence, &content).unwrap());
    assert_eq!(rules(&lint_crl(&der, &LintContext::default())), ["crl_time_encoding"]);
}
