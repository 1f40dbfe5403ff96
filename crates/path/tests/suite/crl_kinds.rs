//! CRLs of thieves, deltas, and lists for some reasons.

use der::asn1::Uint;
use der::{Decode, Encode};
use skink_path::{Code, Options, Profile, Purpose, Rejection, Revocation, VerifiedPath, validate};
use skink_testkit::{DAY, NOW, TestAuthority, TestKey, TestPki};
use skink_x509::crl::{
    Crl, CrlNumber, CrlSpec, IssuingDistributionPoint, Reason, RevokedEntry, encode_tbs,
};
use skink_x509::{
    Certificate, Extensions, KeyAlgorithm, KeyUsage, Name, ObjectIdentifier, Time, oid,
};
use x509_cert::crl::TbsCertList;
use x509_cert::ext::pkix::crl::BaseCrlNumber;
use x509_cert::ext::pkix::crl::dp::{DistributionPoint, ReasonFlags, Reasons};
use x509_cert::ext::pkix::name::{GeneralName, GeneralNames};

use crate::shape::{authority, below, first, key, leaf};

const PARTITION: &str = "http://pki.test/crl/root/workloads-g1.crl";

fn options<'a>(profile: Profile) -> Options<'a> {
    Options { profile, ..Options::new(NOW, Purpose::Server) }.checking(Revocation::Chain)
}

fn judge(
    pki: &TestPki,
    others: &[&Certificate],
    crls: &[&Crl],
    profile: Profile,
) -> Result<VerifiedPath, Rejection> {
    let bundle: Vec<_> = others.iter().copied().chain([&pki.issuer.certificate]).cloned().collect();
    let crls: Vec<_> = crls.iter().copied().cloned().collect();
    let anchors = [pki.root.certificate.clone()];
    validate(&pki.leaf, &bundle, &anchors, &crls, &options(profile))
}

/// The certificate of somebody who signs CRLs in the name `name`, made by `parent`.
fn crl_signer(parent: &TestAuthority, name: &Name, key: &TestKey) -> Certificate {
    let mut spec = parent.spec("x", key, 30 * DAY);
    spec.subject = name.clone();
    spec.extensions = Extensions::new().end_entity().key_usage(KeyUsage::CRL_SIGN);
    parent.certify(&spec)
}

/// A CRL in the name `issuer`, signed with `key` after `bend`.
fn crl(
    issuer: &Name,
    key: &TestKey,
    number: u64,
    uri: Option<&str>,
    revoked: &[RevokedEntry],
    bend: impl FnOnce(&mut TbsCertList),
) -> Crl {
    let spec = CrlSpec {
        issuer: issuer.clone(),
        signature_algorithm: key.signature_algorithm(),
        this_update: NOW,
        next_update: NOW.plus(DAY),
        number: CrlNumber::from_u64(number),
        authority_key_id: key.public().key_id().to_vec(),
        issuing_distribution_point: uri.map(IssuingDistributionPoint::at),
    };
    let tbs = encode_tbs(&spec, revoked.iter().cloned()).unwrap();
    let mut tbs = TbsCertList::from_der(&tbs).unwrap();
    bend(&mut tbs);
    Crl::from_der(&key.finish(&tbs.to_der().unwrap())).unwrap()
}

/// Makes it a delta on the list with the number `base`.
fn delta(base: u64) -> impl FnOnce(&mut TbsCertList) {
    move |tbs| {
        let number = BaseCrlNumber(Uint::new(&base.to_be_bytes()).unwrap());
        tbs.crl_extensions.get_or_insert_default().push(x509_cert::ext::Extension {
            extn_id: skink_x509::oid::DELTA_CRL_INDICATOR,
            critical: true,
            extn_value: der::asn1::OctetString::new(number.to_der().unwrap()).unwrap(),
        });
    }
}

/// Limits it to some reasons.
fn reasons(reasons: ReasonFlags) -> impl FnOnce(&mut TbsCertList) {
    move |tbs| {
        let point = x509_cert::ext::pkix::crl::IssuingDistributionPoint {
            distribution_point: None,
            only_contains_user_certs: false,
            only_contains_ca_certs: false,
            only_some_reasons: Some(reasons),
            indirect_crl: false,
            only_contains_attribute_certs: false,
        };
        tbs.crl_extensions.get_or_insert_default().push(x509_cert::ext::Extension {
            extn_id: skink_x509::oid::ISSUING_DISTRIBUTION_POINT,
            critical: true,
            extn_value: der::asn1::OctetString::new(point.to_der().unwrap()).unwrap(),
        });
    }
}

fn entry(certificate: &Certificate, reason: Reason, revoked_at: Time) -> RevokedEntry {
    let serial = certificate.serial().clone();
    RevokedEntry { serial, revoked_at, reason: Some(reason), invalidity_date: None }
}

#[test]
fn a_thief_cannot_take_the_revocation_of_his_authority_back() {
    let pki = TestPki::new();
    let stolen = &pki.issuer;
    let (name, own) = (pki.root.certificate.subject(), key());
    // He makes himself somebody with the root's name.
    let namesake = crl_signer(stolen, name, &own);
    let empty = crl(name, &own, u64::MAX, Some(PARTITION), &[], |_| {});
    let leaves = stolen.crl(1, None, vec![]);
    let revoked = pki.root.revoked(&stolen.certificate);
    let real = pki.root.crl(1, Some(PARTITION), vec![revoked]);
    for (profile, forged) in
        [(Profile::Rfc5280, Code::CrlSigner), (Profile::Webpki, Code::CrlWrongKey)]
    {
        let result = judge(&pki, &[&namesake], &[&real, &empty, &leaves], profile);
        assert_eq!(first(result), Code::Revoked, "{profile:?}");
        let result = judge(&pki, &[&namesake], &[&empty, &leaves], profile);
        assert_eq!(first(result), forged, "{profile:?}");
    }
}

#[test]
fn nobody_clears_himself_against_his_issuer() {
    // A second key of the root, certified by the first one, and revoked by it.
    let pki = TestPki::new();
    let name = pki.root.certificate.subject();
    let own = key();
    let mut spec = pki.root.spec("x", &own, 30 * DAY);
    spec.subject = name.clone();
    spec.extensions = crate::shape::authority(own.public(), pki.root.key.public(), None);
    let second = pki.root.certify(&spec);
    let mut spec = pki.root.spec("web", &key(), DAY);
    spec.signature_algorithm = own.signature_algorithm();
    spec.extensions = crate::shape::end_entity(&[crate::shape::dns("web.test")]);
    let leaf = Certificate::from_der(&own.finish(&spec.tbs_der().unwrap())).unwrap();
    let his = crl(name, &own, 99, None, &[], |_| {});
    let hers = pki.root.crl(1, None, vec![pki.root.revoked(&second)]);
    let anchors = [pki.root.certificate.clone()];
    let bundle = [second];
    let options = options(Profile::Rfc5280);
    let judge = |crls: &[Crl]| validate(&leaf, &bundle, &anchors, crls, &options);
    assert_eq!(first(judge(&[his.clone(), hers])), Code::Revoked);
    let silent = pki.root.crl(1, None, vec![]);
    assert!(judge(&[his.clone(), silent]).is_ok());
    assert_eq!(first(judge(&[his])), Code::CrlWrongKey, "nobody else speaks");
}

#[test]
fn deltas_stand_on_their_base() {
    let pki = TestPki::new();
    let (name, own) = (pki.issuer.certificate.subject(), &pki.issuer.key);
    let root = pki.root.crl(1, Some(PARTITION), vec![]);
    let on_hold = entry(&pki.leaf, Reason::CertificateHold, NOW);
    let base = crl(name, own, 5, None, &[], |_| {});
    let held = crl(name, own, 5, None, &[on_hold], |_| {});
    let stolen = entry(&pki.leaf, Reason::KeyCompromise, NOW);
    let revoking = |on| crl(name, own, 6, None, std::slice::from_ref(&stolen), delta(on));
    let judge = |crls: &[&Crl], profile| judge(&pki, &[], &[&[&root][..], crls].concat(), profile);
    let rfc = |crls: &[&Crl]| judge(crls, Profile::Rfc5280);
    assert!(rfc(&[&base]).is_ok());
    assert_eq!(first(rfc(&[&held])), Code::Revoked);
    assert_eq!(first(rfc(&[&base, &revoking(5)])), Code::Revoked);
    assert_eq!(first(rfc(&[&base, &revoking(4)])), Code::Revoked);
    assert!(rfc(&[&base, &revoking(6)]).is_ok(), "a delta on a later list");
    assert_eq!(first(rfc(&[&revoking(5)])), Code::NoCrl);
    assert_eq!(first(judge(&[&base, &revoking(5)], Profile::Webpki)), Code::Revoked);
    assert_eq!(first(judge(&[&revoking(5)], Profile::Webpki)), Code::NoCrl);
}

#[test]
fn lists_for_some_reasons_must_make_up_all_of_them() {
    let pki = TestPki::new();
    let (name, own) = (pki.issuer.certificate.subject(), &pki.issuer.key);
    let root = pki.root.crl(1, Some(PARTITION), vec![]);
    let stolen: ReasonFlags = Reasons::KeyCompromise | Reasons::CaCompromise;
    let others = ReasonFlags::full() - stolen;
    let first_half = crl(name, own, 1, None, &[], reasons(stolen));
    let second_half = crl(name, own, 1, None, &[], reasons(others));
    let revoked = pki.issuer.revoked(&pki.leaf);
    let revoking = crl(name, own, 2, None, &[revoked], reasons(others));
    let rfc = |crls: &[&Crl]| judge(&pki, &[], &[&[&root][..], crls].concat(), Profile::Rfc5280);
    assert_eq!(first(rfc(&[&first_half])), Code::SomeReasons);
    assert!(rfc(&[&first_half, &second_half]).is_ok());
    assert_eq!(first(rfc(&[&first_half, &second_half, &revoking])), Code::Revoked);
}

/// An extension with that value.
fn extension(oid: ObjectIdentifier, value: Vec<u8>) -> x509_cert::ext::Extension {
    let extn_value = der::asn1::OctetString::new(value).unwrap();
    x509_cert::ext::Extension { extn_id: oid, critical: true, extn_value }
}

fn directory(name: &Name) -> GeneralNames {
    vec![GeneralName::DirectoryName(x509_cert::name::Name::from_der(name.to_der()).unwrap())]
}

/// Makes it a list of certificates of `issuer`.
fn indirect(issuer: &Name) -> impl FnOnce(&mut TbsCertList) {
    move |tbs| {
        let point = vec![0x30, 3, 0x84, 1, 0xff];
        let point = extension(oid::ISSUING_DISTRIBUTION_POINT, point);
        tbs.crl_extensions.get_or_insert_default().push(point);
        if let Some(first) = tbs.revoked_certificates.iter_mut().flatten().next() {
            let issuer = extension(oid::CERTIFICATE_ISSUER, directory(issuer).to_der().unwrap());
            first.crl_entry_extensions = Some(vec![issuer]);
        }
    }
}

#[test]
fn a_thief_cannot_clear_himself_as_a_signer_of_indirect_lists() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let (name, crls) = (root.certificate.subject(), Name::from_common_name("crls").unwrap());
    let at_crls = |extensions: Extensions| {
        let point = DistributionPoint {
            distribution_point: None,
            reasons: None,
            crl_issuer: Some(directory(&crls)),
        };
        let points = vec![point].to_der().unwrap();
        extensions.raw(oid::CRL_DISTRIBUTION_POINTS, false, points)
    };
    let own = key();
    let signer = crl_signer(&root, &crls, &own);
    let stolen = below(&root, "g1", |key, parent| at_crls(authority(key, parent, None)));
    let leaf = leaf(&root, |spec| spec.extensions = at_crls(spec.extensions.clone()));
    // The thief makes himself a namesake of that signer.
    let forged_key = key();
    let forged = crl_signer(&stolen, &crls, &forged_key);
    let entries = [root.revoked(&stolen.certificate), root.revoked(&leaf)];
    let real = |revoked| crl(&crls, &own, 1, None, revoked, indirect(name));
    let empty = crl(&crls, &forged_key, 99, None, &[], indirect(name));
    let (roots, his) = (root.crl(1, None, vec![]), stolen.crl(1, None, vec![]));
    let bundle = [signer, stolen.certificate.clone(), forged];
    let anchors = [root.certificate.clone()];
    let options = options(Profile::Rfc5280);
    let judge = |lists: &[Crl]| validate(&leaf, &bundle, &anchors, lists, &options);
    assert!(judge(&[real(&[]), roots.clone()]).is_ok(), "the signer counts");
    assert_eq!(first(judge(&[real(&entries), roots.clone()])), Code::Revoked);
    assert_eq!(first(judge(&[real(&entries), empty, roots, his])), Code::Revoked);
}
