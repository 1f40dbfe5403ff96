//! Everything that is judged on one candidate path whose signatures are good.

use skink_x509::{Certificate, Fingerprint, KeyUsage, oid};

use crate::distinguished::is_self_issued;
use crate::finding::{Code, Finding};
use crate::form::{self, Place};
use crate::work::{COMPARISONS, JUDGE, Spent, Work};
use crate::world::World;
use crate::{
    Options, PeerName, Profile, Purpose, algorithms, constraints, names, policy, revocation,
};

/// What the first certificate of the path is to be.
#[derive(Clone, Debug)]
pub(crate) enum Role<'r> {
    /// What the options ask for.
    EndEntity,
    /// The signer of a CRL: its path must lead to the same anchor (RFC 5280 §6.3.3 (f)).
    CrlSigner {
        /// The anchor.
        anchor: Fingerprint,
        /// The signers whose own revocation is being judged.
        within: &'r [Fingerprint],
        /// Certificates whose revocation is being judged: nothing that they issued can clear them.
        judged: &'r [Fingerprint],
    },
}

impl Role<'_> {
    /// Whether the certificate counts as an issuer on such a path.
    pub(crate) fn may_issue(&self, issuer: &Certificate) -> bool {
        match self {
            Self::EndEntity => true,
            Self::CrlSigner { judged, .. } => !judged.contains(&issuer.fingerprint()),
        }
    }
}

/// Adds all findings on `path`, end entity first, anchor last.
pub(crate) fn judge(
    path: &[Certificate],
    role: &Role<'_>,
    world: &World<'_>,
    work: &mut Work,
    findings: &mut Vec<Finding>,
) -> Result<(), Spent> {
    let options = world.options;
    work.steps(JUDGE)?;
    let Some((leaf, issuers)) = path.split_first() else { return Ok(()) };
    for (at, certificate) in path.iter().enumerate() {
        let place = place(at, path.len());
        let names = certificate.subject_alt_names().len();
        work.steps(names.div_ceil(COMPARISONS) + certificate.extensions().count())?;
        denied(certificate, options, findings);
        validity(certificate, options, findings);
        algorithms::judge(certificate, place, options, work, findings)?;
        form::judge(certificate, place, path.len() == 1, options, findings);
    }
    let (within, judged): (&[Fingerprint], &[Fingerprint]) = match role {
        Role::EndEntity => {
            end_entity(leaf, options, findings);
            (&[], &[])
        }
        Role::CrlSigner { anchor, within, judged } => {
            crl_signer(path, *anchor, findings);
            (within, judged)
        }
    };
    for (below, issuer) in issuers.iter().enumerate() {
        let between = &issuers[..below];
        authority(issuer, between, role, options, findings);
        constraints::judge(issuer, leaf, between, options, work, findings)?;
    }
    policy::judge(path, options, work, findings)?;
    revocation::judge(path, within, judged, world, work, findings)
}

/// What is to be said about an end entity's certificate by itself, whoever issued it.
pub(crate) fn alone(
    leaf: &Certificate,
    options: &Options<'_>,
    work: &mut Work,
    findings: &mut Vec<Finding>,
) -> Result<(), Spent> {
    denied(leaf, options, findings);
    validity(leaf, options, findings);
    algorithms::judge(leaf, Place::EndEntity, options, work, findings)?;
    form::judge(leaf, Place::EndEntity, false, options, findings);
    end_entity(leaf, options, findings);
    Ok(())
}

const fn place(at: usize, len: usize) -> Place {
    match at {
        0 => Place::EndEntity,
        at if at + 1 == len => Place::Anchor,
        _ => Place::Intermediate,
    }
}

fn denied(certificate: &Certificate, options: &Options<'_>, findings: &mut Vec<Finding>) {
    let digest = certificate.public_key().digest();
    if options.denied.is_some_and(|denied| denied.contains(&digest)) {
        let message = format!("the key of {} is denied", certificate.subject());
        let finding = Finding::error(Code::DeniedKey, certificate, message);
        findings.push(finding.with("a key that is not denied", digest));
    }
}

fn validity(certificate: &Certificate, options: &Options<'_>, findings: &mut Vec<Finding>) {
    let time = options.time.truncated_to_secs();
    if time < certificate.not_before() {
        let from = certificate.not_before();
        let message = format!("valid from {from}, it is {time}");
        let finding = Finding::error(Code::NotYetValid, certificate, message);
        findings.push(finding.with(format_args!("valid from {time} or before"), from));
    }
    if time > certificate.not_after() {
        let until = certificate.not_after();
        let message = format!("expired at {until}, it is {time}");
        let finding = Finding::error(Code::Expired, certificate, message);
        findings.push(finding.with(format_args!("valid until {time} or later"), until));
    }
}

fn end_entity(leaf: &Certificate, options: &Options<'_>, findings: &mut Vec<Finding>) {
    if !names::has_name(leaf, &options.name, options.profile) {
        let names: Vec<_> = leaf.subject_alt_names().iter().map(ToString::to_string).collect();
        let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
        let message = format!("wanted {}, the certificate has {names}", options.name);
        let finding = Finding::error(Code::NameMismatch, leaf, message);
        findings.push(finding.with(&options.name, names));
    }
    // Under the strict profile a server's certificate is looked at for them anyhow.
    let strict = options.profile == Profile::Webpki && options.purpose == Purpose::Server;
    if options.name != PeerName::None && leaf.subject_alt_names().is_empty() && !strict {
        let message = "it has no subject alternative names, where names must stand".to_owned();
        let finding = Finding::warning(Code::NoAltNames, leaf, message);
        findings.push(finding.with(&options.name, "none"));
    }
    let required = options.profile == Profile::Webpki;
    purpose(leaf, options.purpose, required, findings);
    if let Some(given) = leaf.key_usage().filter(|given| !may_be_used(*given, options)) {
        findings.push(misused(leaf, given, options));
    }
    if options.purpose == Purpose::TimeStamping {
        time_stamping(leaf, findings);
    }
}

/// A key that its keyUsage does not allow for the purpose.
///
/// Of an authority that is a path's end entity this is only a warning under `rfc5280`: §6.1.5 does
/// not look at the last certificate's keyUsage, §4.2.1.3 has keyCertSign say what an authority does,
/// and §4.2.1.12 asks for a keyUsage that is consistent with the extKeyUsage, of which there is none.
/// It is the protocol that refuses such a key (RFC 8446 §4.4.2.2), where it is used.
fn misused(leaf: &Certificate, given: KeyUsage, options: &Options<'_>) -> Finding {
    let wanted = usages_for(options);
    let as_authority = options.profile == Profile::Rfc5280
        && leaf.is_ca()
        && given.contains(KeyUsage::KEY_CERT_SIGN)
        && leaf.extension(oid::EXTENDED_KEY_USAGE).is_none();
    let names: Vec<_> = wanted.iter().map(ToString::to_string).collect();
    let names = names.join(" or ");
    let message = format!("keyUsage lacks {names}");
    let finding = if as_authority {
        Finding::warning(Code::KeyUsage, leaf, message)
    } else {
        Finding::error(Code::KeyUsage, leaf, message)
    };
    finding.with(names, given)
}

/// Whether a keyUsage goes with the purpose (RFC 5280 §4.2.1.12). The strict profile is that of TLS
/// 1.3, where servers and clients sign; an RSA key exchange needs no signature.
fn may_be_used(given: KeyUsage, options: &Options<'_>) -> bool {
    let one_of = usages_for(options);
    one_of.is_empty() || one_of.iter().any(|usage| given.contains(*usage))
}

/// The usages one of which a purpose needs; none where any will do.
fn usages_for(options: &Options<'_>) -> &'static [KeyUsage] {
    const SIGNS: KeyUsage = KeyUsage::DIGITAL_SIGNATURE;
    const COMMITS: KeyUsage = KeyUsage::NON_REPUDIATION;
    const ENCIPHERS: KeyUsage = KeyUsage::KEY_ENCIPHERMENT;
    const AGREES: KeyUsage = KeyUsage::KEY_AGREEMENT;
    let strict = options.profile == Profile::Webpki;
    match options.purpose {
        Purpose::Any => &[],
        Purpose::Server if !strict => &[SIGNS, ENCIPHERS, AGREES],
        Purpose::Client if !strict => &[SIGNS, AGREES],
        Purpose::Server | Purpose::Client | Purpose::CodeSigning | Purpose::TrustPackage => {
            &[SIGNS]
        }
        Purpose::EmailProtection => &[SIGNS, COMMITS, ENCIPHERS, AGREES],
        Purpose::TimeStamping | Purpose::OcspSigning => &[SIGNS, COMMITS],
    }
}

/// A time stamper's key is for nothing else, and its certificate says so critically.
fn time_stamping(leaf: &Certificate, findings: &mut Vec<Finding>) {
    let Some(extension) = leaf.extension(oid::EXTENDED_KEY_USAGE) else { return };
    let sole = leaf.extended_key_usages() == [oid::TIME_STAMPING];
    if !(sole && extension.critical) {
        let message = "its extKeyUsage must be critical and for time stamping alone".to_owned();
        let finding = Finding::error(Code::Purpose, leaf, message).by("RFC 3161 §2.3");
        let found = if sole { "not critical" } else { "other purposes" };
        findings.push(finding.with("timeStamping alone, critical", found));
    }
}

fn crl_signer(path: &[Certificate], anchor: Fingerprint, findings: &mut Vec<Finding>) {
    let Some((signer, last)) = path.first().zip(path.last()) else { return };
    usage(signer, KeyUsage::CRL_SIGN, findings);
    if last.fingerprint() != anchor {
        let message = "a CRL's signer must lead to the anchor of the certificate's path".to_owned();
        findings.push(Finding::of_path(Code::IssuerNotFound, message));
    }
}

/// The use must be allowed where keyUsage is given.
fn usage(certificate: &Certificate, wanted: KeyUsage, findings: &mut Vec<Finding>) {
    if let Some(given) = certificate.key_usage().filter(|given| !given.contains(wanted)) {
        let finding =
            Finding::error(Code::KeyUsage, certificate, format!("keyUsage lacks {wanted}"));
        findings.push(finding.with(wanted, given));
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
    let given: Vec<_> = given.iter().map(ToString::to_string).collect();
    let given = if given.is_empty() { "none".to_owned() } else { given.join(", ") };
    let message = format!("wanted extended key usage {wanted}, the certificate has {given}");
    findings.push(Finding::error(Code::Purpose, certificate, message).with(wanted, given));
}

/// What an authority must be, with the intermediates `between` it and the end entity.
fn authority(
    issuer: &Certificate,
    between: &[Certificate],
    role: &Role<'_>,
    options: &Options<'_>,
    findings: &mut Vec<Finding>,
) {
    if !issuer.is_ca() {
        let message = format!("{} is no authority by its basic constraints", issuer.subject());
        let constraints = issuer.extension(oid::BASIC_CONSTRAINTS);
        let found = if constraints.is_some() { "cA FALSE" } else { "no basicConstraints" };
        let finding = Finding::error(Code::NotAnAuthority, issuer, message);
        findings.push(finding.with("cA TRUE", found));
    }
    usage(issuer, KeyUsage::KEY_CERT_SIGN, findings);
    let depth = between.iter().filter(|certificate| !is_self_issued(certificate)).count();
    if let Some(most) = issuer.path_len()
        && depth > usize::from(most)
    {
        let message = format!("path length {most}, but {depth} authorities below");
        let finding = Finding::error(Code::PathLength, issuer, message);
        findings.push(finding.with(format_args!("at most {most} authorities below"), depth));
    }
    // An authority's extended key usages limit those below it: not in RFC 5280, but what every
    // TLS stack does. Responders are certified by authorities for other purposes.
    let limits = !matches!(options.purpose, Purpose::OcspSigning | Purpose::TrustPackage);
    if limits && matches!(role, Role::EndEntity) {
        purpose(issuer, options.purpose, false, findings);
    }
}
