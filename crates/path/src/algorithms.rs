//! Algorithms and keys: what is weak is an error under the strict profile and a warning otherwise.

use skink_x509::weak::{self, MIN_RSA_BITS, WeakKey};
use skink_x509::{Certificate, KeyAlgorithm};

use crate::finding::{Code, Finding, Severity};
use crate::form::Place;
use crate::work::{Spent, Work};
use crate::{Options, Profile};

/// Findings on the key of one certificate and on the algorithm of its signature.
pub(crate) fn judge(
    certificate: &Certificate,
    place: Place,
    options: &Options<'_>,
    work: &mut Work,
    findings: &mut Vec<Finding>,
) -> Result<(), Spent> {
    let severity = severity(options);
    // Nobody relies on the signature in an anchor.
    if let Some(algorithm) = certificate.signature_algorithm().filter(|it| it.is_weak())
        && place != Place::Anchor
    {
        let message = format!("its signature is by {algorithm}, which is weak");
        let finding = Finding::new(Code::WeakSignature, severity, Some(certificate), message);
        let finding = match options.profile {
            Profile::Webpki => finding.by("CA/Browser Forum BR §7.1.3.2"),
            Profile::Rfc5280 => finding,
        };
        findings.push(finding.with("a signature with SHA-256 or better", algorithm));
    }
    let key = certificate.public_key();
    if options.profile == Profile::Webpki
        && key.algorithm() == KeyAlgorithm::RsaOther
        && !key.bits().is_multiple_of(8)
    {
        let message = format!("its RSA modulus has {} bits", key.bits());
        let finding = Finding::error(Code::WeakKey, certificate, message);
        let finding = finding.by("CA/Browser Forum BR §6.1.5");
        findings.push(finding.with("a size that is a multiple of 8", key.bits()));
    }
    let flaw = match options.profile {
        Profile::Webpki => work.strength(key)?,
        Profile::Rfc5280 => weak::check_size(key),
    };
    if let Err(flaw) = flaw {
        findings.push(of_key(certificate, flaw, options));
    }
    Ok(())
}

/// How bad an algorithm is that is weak.
pub(crate) const fn severity(options: &Options<'_>) -> Severity {
    match options.profile {
        Profile::Webpki => Severity::Error,
        Profile::Rfc5280 => Severity::Warning,
    }
}

fn of_key(certificate: &Certificate, flaw: WeakKey, options: &Options<'_>) -> Finding {
    let severity = severity(options);
    let key = certificate.public_key();
    let found = format_args!("{} of {} bits", key.algorithm(), key.bits());
    match flaw {
        WeakKey::Unsound => {
            let message = "its key is none: the point does not lie on the curve".to_owned();
            Finding::error(Code::InvalidKey, certificate, message)
        }
        WeakKey::Unknown if key.has_explicit_curve() => {
            let message = "its key spells out the curve instead of naming it".to_owned();
            let finding = Finding::error(Code::InvalidKey, certificate, message);
            finding.by("RFC 5480 §2.1.1").with("a named curve", "specifiedCurve or implicitCurve")
        }
        WeakKey::Unknown => {
            let message = "its key is of an algorithm that is not supported".to_owned();
            let code = Code::UnsupportedAlgorithm;
            Finding::new(code, severity, Some(certificate), message).by("RFC 5280 §4.1.2.7")
        }
        reason => {
            let code = Code::WeakKey;
            let finding = Finding::new(code, severity, Some(certificate), reason.to_string());
            let finding = match options.profile {
                Profile::Webpki => finding.by(requirement(flaw)),
                Profile::Rfc5280 => finding,
            };
            finding.with(format_args!("RSA of {MIN_RSA_BITS} bits or more, or ECDSA"), found)
        }
    }
}

/// Where the Baseline Requirements rule out a weakness.
const fn requirement(flaw: WeakKey) -> &'static str {
    match flaw {
        WeakKey::Exponent | WeakKey::SmallFactor(_) => "CA/Browser Forum BR §6.1.6",
        WeakKey::ClosePrimes | WeakKey::Roca => "CA/Browser Forum BR §6.1.1.3",
        _ => "CA/Browser Forum BR §6.1.5",
    }
}
