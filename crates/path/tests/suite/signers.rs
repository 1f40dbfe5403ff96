//! Who may sign a CRL beside the issuer, outside the strict profile.

use skink_path::{Code, Options, Profile, Purpose, Rejection, Revocation, VerifiedPath, validate};
use skink_testkit::{DAY, NOW, TestAuthority, TestPki};
use skink_x509::crl::Crl;
use skink_x509::{Certificate, Extensions, KeyAlgorithm, KeyUsage};

use crate::shape::{authority, below, first};

fn judge(
    pki: &TestPki,
    others: &[&Certificate],
    crls: &[Crl],
    profile: Profile,
) -> Result<VerifiedPath, Rejection> {
    let options =
        Options { profile, ..Options::new(NOW, Purpose::Server).checking(Revocation::Chain) };
    let mut bundle = vec![pki.issuer.certificate.clone()];
    bundle.extend(others.iter().copied().cloned());
    let anchors = [pki.root.certificate.clone()];
    validate(&pki.leaf, &bundle, &anchors, crls, &options)
}

/// Somebody of the issuer's name with another key, certified by `parent` for signing CRLs only.
fn crl_signer(parent: &TestAuthority, name: &str) -> TestAuthority {
    let mut signer = parent.subordinate(name, KeyAlgorithm::EcP256);
    let mut spec = parent.spec(name, &signer.key, 30 * DAY);
    spec.extensions = Extensions::new()
        .end_entity()
        .key_usage(KeyUsage::CRL_SIGN)
        .subject_key_id(&signer.key.public().key_id())
        .authority_key_id(&parent.key.public().key_id());
    signer.certificate = parent.certify(&spec);
    signer
}

#[test]
fn a_key_of_its_own_may_sign_crls() {
    let pki = TestPki::new();
    let signer = crl_signer(&pki.root, "workloads-g1");
    let roots = pki.root.crl(1, None, vec![]);
    let good = [roots.clone(), signer.crl(1, None, vec![])];
    let others = [&signer.certificate];
    assert!(judge(&pki, &others, &good, Profile::Rfc5280).is_ok());
    // Not to whom the strict profile speaks, and not without the signer's certificate.
    assert_eq!(first(judge(&pki, &others, &good, Profile::Webpki)), Code::CrlWrongKey);
    assert_eq!(first(judge(&pki, &[], &good, Profile::Rfc5280)), Code::CrlWrongKey);
    let revoking = [roots, signer.crl(2, None, vec![pki.issuer.revoked(&pki.leaf)])];
    assert_eq!(first(judge(&pki, &others, &revoking, Profile::Rfc5280)), Code::Revoked);
    let signer_revoked =
        [pki.root.crl(2, None, vec![pki.root.revoked(&signer.certificate)]), good[1].clone()];
    assert_eq!(first(judge(&pki, &others, &signer_revoked, Profile::Rfc5280)), Code::CrlSigner);
}

#[test]
fn a_signer_below_another_anchor_is_a_stranger() {
    let pki = TestPki::new();
    let second = TestAuthority::root("second", KeyAlgorithm::EcP256, NOW);
    let signer = crl_signer(&second, "workloads-g1");
    let crls =
        [pki.root.crl(1, None, vec![]), second.crl(1, None, vec![]), signer.crl(1, None, vec![])];
    let options = Options {
        profile: Profile::Rfc5280,
        ..Options::new(NOW, Purpose::Server).checking(Revocation::Chain)
    };
    let bundle = [pki.issuer.certificate.clone(), signer.certificate.clone()];
    let anchors = [pki.root.certificate.clone(), second.certificate];
    assert_eq!(first(validate(&pki.leaf, &bundle, &anchors, &crls, &options)), Code::CrlSigner);
}

/// The thief has a revoked authority's key. With it he certifies a namesake of the root, who signs
/// a newer and empty CRL in the root's name.
#[test]
fn a_revoked_authority_cannot_clear_itself() {
    let mut pki = TestPki::new();
    let thief = below(&pki.root, "workloads-g1", |key, parent| authority(key, parent, None));
    let leaf = crate::shape::leaf(&thief, |spec| {
        spec.extensions = spec.extensions.clone().crl_distribution_points(&["http://x.test/crl"]);
    });
    (pki.leaf, pki.issuer) = (leaf, thief);
    let namesake = crl_signer(&pki.issuer, "Test Root");
    let revoked = pki.root.crl(1, None, vec![pki.root.revoked(&pki.issuer.certificate)]);
    let own = pki.issuer.crl(1, None, vec![]);
    let forged = namesake.crl(u64::MAX, None, vec![]);
    let crls = [revoked, own, forged];
    let others = [&namesake.certificate];
    for (profile, forged) in
        [(Profile::Rfc5280, Code::CrlSigner), (Profile::Webpki, Code::CrlWrongKey)]
    {
        assert_eq!(first(judge(&pki, &others, &crls, profile)), Code::Revoked);
        let result = judge(&pki, &others, &crls[1..], profile);
        assert_eq!(first(result), forged, "the forged list alone decides nothing");
    }
}
