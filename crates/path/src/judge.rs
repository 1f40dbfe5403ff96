//! Everything that is judged on one candidate path whose signatures are good.

use skink_x509::{Certificate, KeyUsage, ObjectIdentifier, oid, weak};

use crate::budget::{Budget, Spent};
use crate::candidates::Context;
use crate::finding::{Code, Finding};
use crate::{Options, Profile, Purpose, constraints, names, policies, revocation};

/// Critical extensions whose rules are enforced here.
const UNDERSTOOD: [ObjectIdentifier; 10] = [
    oid::BASIC_CONSTRAINTS,
    oid::KEY_USAGE,
    oid::EXTENDED_KEY_USAGE,
    oid::SUBJECT_ALT_NAME,
    oid::NAME_CONSTRAINTS,
    oid::CRL_DISTRIBUTION_POINTS,
    oid::CERTIFICATE_POLICIES,
    oid::POLICY_MAPPINGS,
    oid::POLICY_CONSTRAINTS,
    oid::INHIBIT_ANY_POLICY,
];

/// All findings on `path`, end entity first, anchor last.
pub(crate) fn judge(
    path: &[Certificate],
    context: Context<'_>,
    budget: &mut Budget,
) -> Result<Vec<Finding>, Spent> {
    let mut findings = Vec::new();
    let options = context.options;
    let Some((leaf, issuers)) = path.split_first() else { return Ok(findings) };
    for certificate in path {
        denied(certificate, options, &mut findings);
        validity(certificate, options, &mut findings);
        strength(certificate, options, &mut findings);
        critical_extensions(certificate, &mut findings);
    }
    end_entity(leaf, options, &mut findings);
    for (below, issuer) in issuers.iter().enumerate() {
        let between = &issuers[..below];
        authority(issuer, between, options, &mut findings);
        constraints::judge(issuer, leaf, between, budget, &mut findings)?;
    }
    policies::judge(path, options, &mut findings);
    revocation::judge(path, context, budget, &mut findings)?;
    Ok(findings)
}

fn denied(certificate: &Certificate, options: &Options<'_>, findings: &mut Vec<Finding>) {
    let digest = certificate.public_key().digest();
    if options.denied.is_some_and(|denied| denied.contains(&digest)) {
        let message = format!("the key of {} is denied", certificate.subject());
        findings.push(Finding::error(Code::DeniedKey, certificate, message));
    }
}

fn validity(certificate: &Certificate, options: &Options<'_>, findings: &mut Vec<Finding>) {
    let time = options.time.truncated_to_secs();
    if time < certificate.not_before() {
        let message = format!("valid from {}, it is {time}", certificate.not_before());
        findings.push(Finding::error(Code::NotYetValid, certificate, message));
    }
    if time > certificate.not_after() {
        let message = format!("expired at {}, it is {time}", certificate.not_after());
        findings.push(Finding::error(Code::Expired, certificate, message));
    }
}

fn strength(certificate: &Certificate, options: &Options<'_>, findings: &mut Vec<Finding>) {
    if options.profile == Profile::Webpki
        && let Err(reason) = weak::check_key(certificate.public_key())
    {
        findings.push(Finding::error(Code::WeakKey, certificate, reason.to_string()));
    }
}

fn critical_extensions(certificate: &Certificate, findings: &mut Vec<Finding>) {
    let unknown = certificate
        .extensions()
        .filter(|extension| extension.critical && !UNDERSTOOD.contains(&extension.oid));
    for extension in unknown {
        let message = format!("the critical extension {} is not understood", extension.oid);
        findings.push(Finding::error(Code::UnknownCritical, certificate, message));
    }
}

fn end_entity(leaf: &Certificate, options: &Options<'_>, findings: &mut Vec<Finding>) {
    if !names::has_name(leaf, &options.name) {
        let names = leaf.subject_alt_names();
        let message = format!("wanted {:?}, the certificate has {names:?}", options.name);
        findings.push(Finding::error(Code::NameMismatch, leaf, message));
    }
    let required = options.profile == Profile::Webpki;
    purpose(leaf, options.purpose, required, findings);
    let signs = leaf.key_usage().is_none_or(|usage| usage.contains(KeyUsage::DIGITAL_SIGNATURE));
    if options.purpose != Purpose::Any && !signs {
        let message = "keyUsage lacks digitalSignature".to_owned();
        findings.push(Finding::error(Code::KeyUsage, leaf, message));
    }
}

/// The purpose must be among the extended key usages where there are any; only an end entity's
/// may be `required`.
fn purpose(
    certificate: &Certificate,
    purpose: Purpose,
    required: bool,
    findings: &mut Vec<Finding>,
) {
    let Some(wanted) = purpose.oid() else { return };
    let given = certificate.extended_key_usages();
    let any = given.contains(&oid::ANY_EXTENDED_KEY_USAGE) && !required;
    if given.contains(&wanted) || any || (given.is_empty() && !required) {
        return;
    }
    let message = format!("wanted extended key usage {wanted}, the certificate has {given:?}");
    findings.push(Finding::error(Code::Purpose, certificate, message));
}

/// What an authority must be, with the intermediates `between` it and the end entity.
fn authority(
    issuer: &Certificate,
    between: &[Certificate],
    options: &Options<'_>,
    findings: &mut Vec<Finding>,
) {
    if !issuer.is_ca() {
        let message = format!("{} is no authority by its basic constraints", issuer.subject());
        findings.push(Finding::error(Code::NotAnAuthority, issuer, message));
    }
    if issuer.key_usage().is_some_and(|usage| !usage.contains(KeyUsage::KEY_CERT_SIGN)) {
        let message = "keyUsage lacks keyCertSign".to_owned();
        findings.push(Finding::error(Code::KeyUsage, issuer, message));
    }
    let depth = between.iter().filter(|certificate| !certificate.is_self_issued()).count();
    if let Some(most) = issuer.path_len()
        && depth > usize::from(most)
    {
        let message = format!("path length {most}, but {depth} authorities below");
        findings.push(Finding::error(Code::PathLength, issuer, message));
    }
    // An authority's extended key usages limit those below it: not in RFC 5280, but what every
    // TLS stack does. Responders are certified by authorities for other purposes.
    if !matches!(options.purpose, Purpose::OcspSigning | Purpose::TrustPackage) {
        purpose(issuer, options.purpose, false, findings);
    }
}
