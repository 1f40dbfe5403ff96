//! What the OCSP responses at hand say about one certificate.

use skink_x509::Certificate;
use skink_x509::ocsp::{BasicResponse, CertStatus};

use super::Question;
use crate::finding::{Code, Finding};
use crate::work::{Spent, Work};
use crate::world::World;

/// The answer of all responses together.
pub(super) enum Status {
    Good,
    /// When and why.
    Revoked(String),
    Undetermined,
}

/// A response counts when the issuer or its delegate signed it; it says `good` while it is current,
/// and `revoked` for good.
pub(super) fn status(
    question: &Question<'_>,
    world: &World<'_>,
    work: &mut Work,
    findings: &mut Vec<Finding>,
) -> Result<Status, Spent> {
    let certificate = question.certificate;
    let time = world.options.time.truncated_to_secs();
    let mut good = false;
    for response in world.options.ocsp.iter().filter_map(|response| response.basic.as_ref()) {
        work.steps(1 + response.responses().len())?;
        let Some(answer) = response.find_certificate(certificate, question.issuer) else {
            continue;
        };
        let mut unusable = |message: String| {
            findings.push(Finding::note(Code::OcspUnusable, certificate, message));
        };
        if let Some(why) = refusal(response, question, world, work)? {
            unusable(why);
            continue;
        }
        match answer.status {
            CertStatus::Revoked { at, reason } => {
                let reason = reason.map_or("unspecified", skink_x509::crl::Reason::as_str);
                let message = format!("revoked at {at} ({reason}), says its OCSP responder");
                return Ok(Status::Revoked(message));
            }
            CertStatus::Good if answer.is_current(time) => good = true,
            CertStatus::Good => {
                let from = answer.this_update;
                unusable(format!("its OCSP response is of {from} and not current"));
            }
            _ => unusable("its OCSP responder does not know it".to_owned()),
        }
    }
    Ok(if good { Status::Good } else { Status::Undetermined })
}

/// Why the response is not to be believed, if it is not.
fn refusal(
    response: &BasicResponse,
    question: &Question<'_>,
    world: &World<'_>,
    work: &mut Work,
) -> Result<Option<String>, Spent> {
    let is_denied = |key: &skink_x509::PublicKey| {
        world.options.denied.is_some_and(|denied| denied.contains(&key.digest()))
    };
    if response.certificates().iter().any(|it| is_denied(it.public_key())) {
        return Ok(Some("the OCSP responder's key is denied".to_owned()));
    }
    // The response's own signature and one for each delegate that may have made it.
    for _ in 0..=response.certificates().len() {
        work.signature()?;
    }
    if let Err(why) = response.verify(question.issuer, world.options.time) {
        return Ok(Some(why.to_string()));
    }
    for delegate in response.certificates() {
        if is_revoked(delegate, question, world, work)? {
            return Ok(Some("the OCSP responder's own certificate is revoked".to_owned()));
        }
    }
    Ok(None)
}

/// Whether a CRL of the issuer revokes a delegate's certificate, where that may be asked (RFC 6960
/// §4.2.2.2.1). That there is no CRL speaks against nobody: the issuer lets responders answer.
fn is_revoked(
    delegate: &Certificate,
    question: &Question<'_>,
    world: &World<'_>,
    work: &mut Work,
) -> Result<bool, Spent> {
    let of_issuer = delegate.issuer() == question.issuer.subject();
    let asked = question.judged.contains(&delegate.fingerprint());
    if !of_issuer || asked || super::is_exempt(delegate) {
        return Ok(false);
    }
    let judged = [question.judged, &[delegate.fingerprint()]].concat();
    let about = Question { certificate: delegate, judged: &judged, ..*question };
    Ok(super::crl::ask(&about, world, work, &mut Vec::new())?.revoked.is_some())
}
