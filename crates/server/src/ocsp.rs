//! The OCSP responder: from the index of revocations, signed by a delegated key of each generation.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use skink_authority::Responder;
use skink_model::{AuthorityId, Time};
use skink_store::revocations::SerialStatus;
use skink_x509::Serial;
use skink_x509::ocsp::{
    CertId, CertStatus, HashAlgorithm, OcspRequest, ResponseStatus, error_response,
};
use tokio::sync::Semaphore;

use crate::app::App;
use crate::failure::{Failure, Result};

/// The most serials one request may ask about.
const SERIALS_MAX: usize = 16;
/// The most answers that are remembered; each is one to two kilobytes.
const REMEMBERED_MAX: usize = 50_000;
/// The most answers signed for a nonce at a time. Anybody may ask, and each costs a signature and
/// two commits: whoever comes on top gets an answer without his nonce (RFC 5019 §2.2.1).
const NONCES_AT_ONCE: usize = 8;

/// Answers that need no new signature: same question, same status, still fresh.
#[derive(Debug)]
pub(crate) struct Remembered {
    answers: Mutex<HashMap<(AuthorityId, Vec<u8>), Answer>>,
    nonces: Semaphore,
}

impl Default for Remembered {
    fn default() -> Self {
        Self { answers: Mutex::default(), nonces: Semaphore::new(NONCES_AT_ONCE) }
    }
}

#[derive(Clone, Debug)]
struct Answer {
    statuses: Vec<CertStatus>,
    made: Time,
    der: Vec<u8>,
}

impl Remembered {
    fn find(
        &self,
        key: &(AuthorityId, Vec<u8>),
        statuses: &[CertStatus],
        since: Time,
    ) -> Option<Vec<u8>> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = answers.get(key)?;
        (answer.made > since && answer.statuses == statuses).then(|| answer.der.clone())
    }

    fn keep(&self, key: (AuthorityId, Vec<u8>), answer: Answer) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= REMEMBERED_MAX {
            answers.clear();
        }
        answers.insert(key, answer);
    }
}

/// The DER of the answer to a request about certificates of `authority`.
pub(crate) async fn answer(app: &App, authority: &AuthorityId, request: &[u8]) -> Result<Vec<u8>> {
    let Ok(parsed) = OcspRequest::from_der(request) else {
        return Ok(error_response(ResponseStatus::MalformedRequest));
    };
    let Some(responder) = app.responder(authority).await? else {
        return Ok(Responder::unauthorized());
    };
    let Some(serials) = responder.serials(&parsed) else { return Ok(Responder::unauthorized()) };
    if serials.len() > SERIALS_MAX {
        return Ok(error_response(ResponseStatus::MalformedRequest));
    }
    let found = crate::db::serial_statuses(app, authority, &serials).await?;
    let revoked = |status: &SerialStatus| matches!(status, SerialStatus::Revoked(_));
    if app.holds_any_of(authority) && !found.iter().all(revoked) {
        // Put back from a backup: what was revoked since is not known here.
        return Ok(error_response(ResponseStatus::TryLater));
    }
    let statuses: Vec<CertStatus> = found.iter().map(status).collect();
    let now = app.now();
    if parsed.nonce().is_some()
        && let Ok(_turn) = app.remembered().nonces.try_acquire()
    {
        return sign(app, &responder, &parsed, &statuses, now).await;
    }
    // As we would write it, so that padding does not make one question many.
    let plain = OcspRequest::new(parsed.cert_ids().to_vec(), None);
    let key = (authority.clone(), plain.to_der().map_err(Failure::X509)?);
    let half: Duration = app.settings().ocsp_life() / 2;
    if let Some(der) = app.remembered().find(&key, &statuses, now.minus(half)) {
        return Ok(der);
    }
    let der = sign(app, &responder, &plain, &statuses, now).await?;
    app.remembered().keep(key, Answer { statuses, made: now, der: der.clone() });
    Ok(der)
}

async fn sign(
    app: &App,
    responder: &Responder,
    request: &OcspRequest,
    statuses: &[CertStatus],
    now: Time,
) -> Result<Vec<u8>> {
    let answer = responder.answer(request, statuses, now).map_err(Failure::X509)?;
    answer.sign(app.signer()).await.map_err(Failure::Finish)
}

/// A staple for one certificate, as an agent takes it along.
pub(crate) async fn staple(
    app: &App,
    authority: &AuthorityId,
    serial: &Serial,
) -> Result<Option<Vec<u8>>> {
    let Some(_) = app.responder(authority).await? else { return Ok(None) };
    let issuer = app.authority(authority).await?;
    let issuer = app.signing_authority(&issuer)?;
    let (subject, key) = (issuer.certificate().subject(), issuer.certificate().public_key());
    let id = CertId::new(HashAlgorithm::Sha1, subject, key, serial).map_err(Failure::X509)?;
    let request = OcspRequest::new(vec![id], None).to_der().map_err(Failure::X509)?;
    answer(app, authority, &request).await.map(Some)
}

/// Good, revoked, or never issued, which is answered as revoked (RFC 6960 §2.2).
fn status(found: &SerialStatus) -> CertStatus {
    match found {
        SerialStatus::Good => CertStatus::Good,
        SerialStatus::NeverIssued => CertStatus::NEVER_ISSUED,
        SerialStatus::Revoked(one) => {
            CertStatus::Revoked { at: one.revoked_at, reason: Some(one.reason) }
        }
    }
}
