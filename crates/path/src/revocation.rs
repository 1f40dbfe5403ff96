//! Revocation: CRLs (RFC 5280 §6.3) and OCSP responses (RFC 6960).

mod crl;
mod miss;
mod ocsp;
mod point;
mod scope;

use skink_x509::{Certificate, Fingerprint, oid};

pub(crate) use scope::{Scope, Strange};

use crate::Revocation;
use crate::finding::{Code, Finding, Severity};
use crate::work::{Spent, Work};
use crate::world::World;

/// One certificate whose revocation is looked at.
#[derive(Clone, Copy)]
struct Question<'q> {
    certificate: &'q Certificate,
    issuer: &'q Certificate,
    /// The path from the issuer to the anchor.
    above: &'q [Certificate],
    anchor: &'q Certificate,
    /// The CRL signers whose own revocation is being judged.
    within: &'q [Fingerprint],
    /// The certificates whose revocation is being judged, this one among them.
    judged: &'q [Fingerprint],
}

/// Findings on the revocation of everybody whose it is asked for. Nobody is asked about the signers
/// `within`: a CRL cannot vouch for the key that signed it.
pub(crate) fn judge(
    path: &[Certificate],
    within: &[Fingerprint],
    judged: &[Fingerprint],
    world: &World<'_>,
    work: &mut Work,
    findings: &mut Vec<Finding>,
) -> Result<(), Spent> {
    let depth = match world.options.revocation {
        Revocation::Off => 0,
        Revocation::Leaf => 1,
        Revocation::Chain => path.len(),
    };
    let Some(anchor) = path.last() else { return Ok(()) };
    for (at, certificate) in path.iter().enumerate().take(depth) {
        let above = &path[at + 1..];
        let Some(issuer) = above.first() else { continue };
        if is_exempt(certificate) {
            continue;
        }
        let judged = [judged, &[certificate.fingerprint()]].concat();
        let question = Question { certificate, issuer, above, anchor, within, judged: &judged };
        judge_one(&question, world, work, findings)?;
    }
    Ok(())
}

/// A responder's certificate that says so is not looked up (RFC 6960 §4.2.2.2.1), nor is an end
/// entity's about which its issuer never says anything (RFC 9608).
fn is_exempt(certificate: &Certificate) -> bool {
    if !certificate.is_ca() && certificate.extension(oid::NO_REV_AVAIL).is_some() {
        return true;
    }
    certificate.extension(oid::OCSP_NOCHECK).is_some()
        && certificate.extended_key_usages().contains(&oid::OCSP_SIGNING)
}

fn judge_one(
    question: &Question<'_>,
    world: &World<'_>,
    work: &mut Work,
    findings: &mut Vec<Finding>,
) -> Result<(), Spent> {
    let certificate = question.certificate;
    let good = match ocsp::status(question, world, work, findings)? {
        ocsp::Status::Revoked(message) => {
            findings.push(revoked(certificate, message));
            return Ok(());
        }
        ocsp::Status::Good => true,
        ocsp::Status::Undetermined => false,
    };
    let mut said = Vec::new();
    let answer = crl::ask(question, world, work, &mut said)?;
    if good {
        // Another source has answered: a list that is not as it should be refuses nobody.
        for finding in said.iter_mut().filter(|it| it.severity == Severity::Error) {
            finding.severity = Severity::Warning;
        }
    }
    findings.append(&mut said);
    if let Some(message) = answer.revoked {
        findings.push(revoked(certificate, message));
    }
    if let Some(missing) = answer.missing
        && !good
    {
        let finding = Finding::error(missing.code, certificate, missing.message);
        findings.push(finding.by(missing.section).with(missing.expected, missing.found));
    }
    Ok(())
}

fn revoked(certificate: &Certificate, message: String) -> Finding {
    let found = format!("serial {} {message}", certificate.serial());
    let finding = Finding::error(Code::Revoked, certificate, message);
    finding.with("a certificate that is not revoked", found)
}
