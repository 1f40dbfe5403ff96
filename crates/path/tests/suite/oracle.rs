//! The same chains before rustls-webpki: one verdict.

use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use skink_path::{Options, PeerName, Purpose, Revocation, validate};
use skink_testkit::{DAY, NOW, TestAuthority, TestPki};
use skink_x509::{Certificate, Extensions, KeyAlgorithm, KeyUsage, PublicKey, Time, oid};

use crate::shape::{below, dns, key};

pub(crate) fn webpki_accepts(
    leaf: &Certificate,
    untrusted: &[Certificate],
    anchor: &Certificate,
    time: Time,
    host: &str,
) -> bool {
    webpki_verdict(leaf, untrusted, anchor, time, host, None)
}

/// As [`webpki_accepts`], with revocation by these CRLs.
fn webpki_verdict(
    leaf: &Certificate,
    untrusted: &[Certificate],
    anchor: &Certificate,
    time: Time,
    host: &str,
    revocation: Option<webpki::RevocationOptions<'_>>,
) -> bool {
    let der = |c: &Certificate| CertificateDer::from(c.der().to_vec());
    let (leaf, anchor) = (der(leaf), der(anchor));
    let untrusted: Vec<_> = untrusted.iter().map(der).collect();
    let anchors = [webpki::anchor_from_trusted_cert(&anchor).unwrap()];
    let Ok(leaf) = webpki::EndEntityCert::try_from(&leaf) else { return false };
    let time = Duration::from_secs(time.as_secs().try_into().unwrap());
    let verified = leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        &untrusted,
        UnixTime::since_unix_epoch(time),
        webpki::KeyUsage::server_auth(),
        revocation,
        None,
    );
    verified.is_ok()
        && leaf.verify_is_valid_for_subject_name(&ServerName::try_from(host).unwrap()).is_ok()
}

/// One authority of a generated chain.
#[derive(Clone, Debug)]
struct Level {
    is_ca: bool,
    path_len: Option<u8>,
    usage: Option<bool>,
    purpose: Option<bool>,
}

fn level() -> impl Strategy<Value = Level> {
    let mostly = proptest::bool::weighted(0.9);
    (
        mostly,
        proptest::option::of(0u8..3),
        proptest::option::of(mostly),
        proptest::option::of(mostly),
    )
        .prop_map(|(is_ca, path_len, usage, purpose)| Level {
            is_ca,
            path_len,
            usage,
            purpose,
        })
}

fn extensions(level: &Level, key: &PublicKey, parent: &PublicKey) -> Extensions {
    let mut extensions =
        Extensions::new().subject_key_id(&key.key_id()).authority_key_id(&parent.key_id());
    extensions = if level.is_ca { extensions.ca(level.path_len) } else { extensions.end_entity() };
    if let Some(may_sign) = level.usage {
        let usage = if may_sign { KeyUsage::KEY_CERT_SIGN } else { KeyUsage::CRL_SIGN };
        extensions = extensions.key_usage(usage);
    }
    if let Some(server) = level.purpose {
        let purpose = if server { oid::SERVER_AUTH } else { oid::CLIENT_AUTH };
        extensions = extensions.extended_key_usages(&[purpose]);
    }
    extensions
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn generated_chains_get_one_verdict(
        levels in proptest::collection::vec(level(), 0..4),
        server in proptest::bool::weighted(0.9),
        name in prop::sample::select(vec!["web.test", "*.test", "*.web.test", "other.test"]),
        days in 0u64..40,
        drop_one in proptest::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
        let mut chain: Vec<TestAuthority> = Vec::new();
        for (at, level) in levels.iter().enumerate() {
            let parent = chain.last().unwrap_or(&root);
            chain.push(below(parent, &format!("g{at}"), |key, parent| extensions(level, key, parent)));
        }
        let issuer = chain.last().unwrap_or(&root);
        let mut spec = issuer.spec("web", &key(), 30 * DAY);
        let purpose = if server { oid::SERVER_AUTH } else { oid::CLIENT_AUTH };
        spec.extensions = Extensions::new()
            .end_entity()
            .key_usage(KeyUsage::DIGITAL_SIGNATURE)
            .extended_key_usages(&[purpose])
            .subject_alt_names(&[dns(name)])
            .authority_key_id(&issuer.key.public().key_id());
        let leaf = issuer.certify(&spec);
        let mut bundle: Vec<_> = chain.iter().map(|a| a.certificate.clone()).collect();
        if let Some(at) = drop_one
            && !bundle.is_empty()
        {
            bundle.remove(at.index(bundle.len()));
        }
        let time = NOW.plus(Duration::from_hours(24 * days));
        let options =
            Options::new(time, Purpose::Server).named(PeerName::Dns("web.test".into()));
        let ours = validate(&leaf, &bundle, std::slice::from_ref(&root.certificate), &[], &options);
        let theirs = webpki_accepts(&leaf, &bundle, &root.certificate, time, "web.test");
        // rustls-webpki does not look at an authority's keyUsage (RFC 5280 §6.1.4 (n)).
        let may_sign = levels.iter().all(|level| level.usage != Some(false));
        prop_assert_eq!(ours.is_ok(), theirs && may_sign, "{:?}", ours.err());
    }

    #[test]
    fn generated_lists_get_one_verdict(
        lists in [proptest::option::weighted(0.9, list()), proptest::option::weighted(0.9, list())],
        days in 0u64..10,
        chain in any::<bool>(),
    ) {
        static PKI: LazyLock<TestPki> = LazyLock::new(TestPki::new);
        let authorities = [&PKI.root, &PKI.issuer];
        let certificates = [&PKI.issuer.certificate, &PKI.leaf];
        let mut crls = Vec::new();
        for ((list, authority), certificate) in lists.iter().zip(authorities).zip(certificates) {
            let Some(list) = list else { continue };
            let points = certificate.crl_distribution_points();
            let uri = match list.scope {
                0 => None,
                1 => Some(points[0].as_str()),
                _ => Some("http://pki.test/crl/other.crl"),
            };
            let revoked = list.revokes.then(|| authority.revoked(certificate));
            crls.push(authority.crl(list.number, uri, revoked.into_iter().collect()));
        }
        // At nextUpdate itself a list still counts here (§6.3.3 (a)), and no longer there.
        let time = NOW.plus(Duration::from_hours(24 * days) + Duration::from_secs(1));
        let depth = if chain { Revocation::Chain } else { Revocation::Leaf };
        let options = Options::new(time, Purpose::Server).checking(depth);
        let bundle = [PKI.issuer.certificate.clone()];
        let anchor = &PKI.root.certificate;
        let ours = validate(&PKI.leaf, &bundle, std::slice::from_ref(anchor), &crls, &options);
        let parsed = crls.iter().map(|crl| webpki::OwnedCertRevocationList::from_der(crl.der()));
        let parsed: Vec<webpki::CertRevocationList<'_>> =
            parsed.map(|crl| crl.unwrap().into()).collect();
        let parsed: Vec<_> = parsed.iter().collect();
        let theirs = webpki::RevocationOptionsBuilder::new(&parsed).is_ok_and(|builder| {
            let depth = if chain {
                webpki::RevocationCheckDepth::Chain
            } else {
                webpki::RevocationCheckDepth::EndEntity
            };
            let strict = webpki::ExpirationPolicy::Enforce;
            let revocation = builder.with_depth(depth).with_expiration_policy(strict).build();
            webpki_verdict(&PKI.leaf, &bundle, anchor, time, "web-1.test", Some(revocation))
        });
        prop_assert_eq!(ours.is_ok(), theirs, "{:?}", ours.err());
    }
}

/// One generated CRL.
#[derive(Clone, Debug)]
struct List {
    scope: u8,
    number: u64,
    revokes: bool,
}

fn list() -> impl Strategy<Value = List> {
    (0u8..3, 0u64..3, proptest::bool::weighted(0.2)).prop_map(|(scope, number, revokes)| List {
        scope,
        number,
        revokes,
    })
}
