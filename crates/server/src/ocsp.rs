//! The OCSP responder: from the index of revocations, signed by a delegated key of each generation.
//!
//! An answer is remembered until it has to be signed anew, and given again while nothing was revoked
//! since its statuses were looked up ([`fresh`]); after that its statuses are looked up once more, and
//! it is signed anew only if one has changed. Answers that were asked for are signed ahead of their
//! time ([`ahead`]), so that nobody waits for a key service that is slow or away.

use std::sync::Arc;
use std::time::Duration;

use skink_authority::{FinishError, Responder};
use skink_model::{AuthorityId, Time, with_causes};
use skink_store::Store;
use skink_store::revocations::SerialStatus;
use skink_x509::Serial;
use skink_x509::ocsp::{CertId, CertStatus, HashAlgorithm, OcspRequest, ResponseStatus};
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::App;
use crate::failure::{Failure, Result};

mod ahead;
mod fresh;
mod shelf;

pub(crate) use shelf::Kept;

use ahead::Queue;
use fresh::Freshness;
use shelf::Shelf;

/// The most serials one request may ask about.
const SERIALS_MAX: usize = 16;
/// Bytes of answers that are remembered, and of those about serials that nobody has: anybody can ask
/// for as many of these as he likes, and shall not push out the others.
const SHELF: usize = 96 << 20;
const STRANGERS: usize = 4 << 20;
/// The most answers that are signed at a time. Anybody may ask, and each costs a signature and its
/// two entries in the ledger: whoever comes on top is told to come later.
const SIGNED_AT_ONCE: usize = 256;
/// The same of answers for a nonce, which are of use to nobody else: whoever comes on top gets an
/// answer without his nonce (RFC 5019 §2.2.1).
const NONCES_AT_ONCE: usize = 96;

/// Answers that need no new signature, and the limits of making others.
#[derive(Debug)]
pub(crate) struct Remembered {
    shelf: Shelf,
    strangers: Shelf,
    fresh: Freshness,
    queue: Queue,
    signing: Semaphore,
    nonces: Semaphore,
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            shelf: Shelf::new(SHELF),
            strangers: Shelf::new(STRANGERS),
            fresh: Freshness::default(),
            queue: Queue::default(),
            signing: Semaphore::new(SIGNED_AT_ONCE),
            nonces: Semaphore::new(NONCES_AT_ONCE),
        }
    }
}

impl Remembered {
    /// Whether every revocation is heard of.
    pub(crate) fn hears(&self, store: &Store) -> bool {
        self.fresh.edition(store).is_some()
    }
}

/// What a request is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// For everybody who asks the same.
    Kept(Arc<Kept>),
    /// For this request only: a nonce's, or about a serial that may be issued yet.
    Once(Vec<u8>),
    /// No answer.
    Error(ResponseStatus),
}

const LATER: Answer = Answer::Error(ResponseStatus::TryLater);

pub(crate) fn spawn(app: &App, tasks: &mut JoinSet<()>, stop: &watch::Receiver<bool>) {
    tasks.spawn(ahead::work(app.clone(), stop.clone()));
    if app.store().is_shared() {
        tasks.spawn(fresh::hear(app.clone(), stop.clone()));
        tasks.spawn(fresh::ask(app.clone(), stop.clone()));
    }
}

/// An answer that can be given without a look at the database.
pub(crate) fn at_once(app: &App, authority: &str, request: &[u8]) -> Option<Arc<Kept>> {
    let remembered = app.remembered();
    if app.holds_anything() {
        return None;
    }
    let edition = remembered.fresh.edition(app.store())?;
    let kept = remembered.shelf.find(&shelf::key(authority, request))?;
    let now = app.now();
    (kept.is_of(edition) && kept.is_good(now)).then(|| given(app, authority, request, kept, now))
}

/// Marks an answer as asked for, and has it signed anew if it is time.
fn given(app: &App, authority: &str, request: &[u8], kept: Arc<Kept>, now: Time) -> Arc<Kept> {
    kept.was_asked();
    if kept.is_due(now) && kept.take_turn() {
        app.remembered().queue.put(shelf::key(authority, request));
    }
    kept
}

/// The answer to a request about certificates of `authority`.
pub(crate) async fn answer(app: &App, authority: &AuthorityId, request: &[u8]) -> Result<Answer> {
    if let Some(kept) = at_once(app, authority.as_str(), request) {
        return Ok(Answer::Kept(kept));
    }
    let Ok(parsed) = OcspRequest::from_der(request) else {
        return Ok(Answer::Error(ResponseStatus::MalformedRequest));
    };
    let Some(asked) = Asked::read(app, authority, &parsed).await? else {
        return Ok(Answer::Error(ResponseStatus::Unauthorized));
    };
    if asked.serials.len() > SERIALS_MAX {
        return Ok(Answer::Error(ResponseStatus::MalformedRequest));
    }
    let Some(seen) = asked.look(app).await? else {
        return Ok(LATER);
    };
    let now = app.now();
    if parsed.nonce().is_some()
        && let Ok(_turn) = app.remembered().nonces.try_acquire()
    {
        let signed = sign(app, &asked.responder, &parsed, &seen.statuses, now).await?;
        return Ok(signed.map_or(LATER, Answer::Once));
    }
    // As we would write it, so that padding does not make one question many.
    let plain = OcspRequest::new(parsed.cert_ids().to_vec(), None);
    let der = plain.to_der().map_err(Failure::X509)?;
    let key = shelf::key(authority.as_str(), &der);
    let shelf = seen.shelf(app);
    if let Some(kept) = shelf.find(&key).filter(|kept| kept.says(&seen.statuses))
        && kept.is_good(now)
    {
        kept.seen_in(seen.edition);
        if seen.has_strangers {
            return Ok(Answer::Once(kept.der().to_vec()));
        }
        return Ok(Answer::Kept(given(app, authority.as_str(), &der, kept, now)));
    }
    let signed = sign(app, &asked.responder, &plain, &seen.statuses, now).await?;
    Ok(signed.map_or(LATER, |der| keep(app, key, der, seen, now)))
}

/// Remembers an answer.
fn keep(app: &App, key: Box<[u8]>, der: Vec<u8>, seen: Seen, now: Time) -> Answer {
    let (strange, shelf) = (seen.has_strangers, seen.shelf(app));
    let life = app.settings().ocsp_life();
    // A serial can be issued without anybody being told: that is looked up each time.
    let edition = seen.edition.filter(|_| !strange);
    let once = strange.then(|| der.clone());
    let kept = Arc::new(Kept::new(der, seen.statuses, edition, now, life));
    shelf.put(key, Arc::clone(&kept));
    once.map_or(Answer::Kept(kept), Answer::Once)
}

/// A question that is ours to answer.
struct Asked {
    authority: AuthorityId,
    responder: Arc<Responder>,
    serials: Vec<Serial>,
}

/// What the database says.
struct Seen {
    statuses: Vec<CertStatus>,
    /// In which edition of all statuses.
    edition: Option<u64>,
    has_strangers: bool,
}

impl Asked {
    async fn read(
        app: &App,
        authority: &AuthorityId,
        request: &OcspRequest,
    ) -> Result<Option<Self>> {
        let Some(responder) = app.responder(authority).await? else { return Ok(None) };
        let Some(serials) = responder.serials(request) else { return Ok(None) };
        Ok(Some(Self { authority: authority.clone(), responder, serials }))
    }

    /// Nothing where a database that was put back from a backup may have forgotten revocations.
    async fn look(&self, app: &App) -> Result<Option<Seen>> {
        // Before looking: what is revoked meanwhile makes the answer one of an old edition.
        let edition = app.remembered().fresh.edition(app.store());
        let found = app.statuses().look(&self.authority, &self.serials).await?;
        let revoked = |status: &SerialStatus| matches!(status, SerialStatus::Revoked(_));
        if app.holds_any_of(&self.authority) && !found.iter().all(revoked) {
            return Ok(None);
        }
        let has_strangers = found.contains(&SerialStatus::NeverIssued);
        let statuses = found.iter().map(status).collect();
        Ok(Some(Seen { statuses, edition, has_strangers }))
    }
}

impl Seen {
    fn shelf<'a>(&self, app: &'a App) -> &'a Shelf {
        let remembered = app.remembered();
        if self.has_strangers { &remembered.strangers } else { &remembered.shelf }
    }
}

/// Signs; nothing if it cannot be done now.
async fn sign(
    app: &App,
    responder: &Responder,
    request: &OcspRequest,
    statuses: &[CertStatus],
    now: Time,
) -> Result<Option<Vec<u8>>> {
    let Ok(_turn) = app.remembered().signing.try_acquire() else { return Ok(None) };
    let answer = responder.answer(request, statuses, now).map_err(Failure::X509)?;
    match answer.sign(app.signer()).await {
        Ok(der) => Ok(Some(der)),
        Err(FinishError::Sign(error)) => {
            metrics::counter!(crate::metrics::SIGNATURES_REFUSED).increment(1);
            tracing::warn!(error = with_causes(&error), "an OCSP answer was not signed");
            Ok(None)
        }
        Err(error) => Err(Failure::Finish(error)),
    }
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
    Ok(match answer(app, authority, &request).await? {
        Answer::Kept(kept) => Some(kept.der().to_vec()),
        Answer::Once(der) => Some(der),
        // The certificate is of use all the same.
        Answer::Error(_) => None,
    })
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

/// How long an answer is given before it is signed anew.
fn until_due(life: Duration) -> Duration {
    life / 2
}

/// How long it is given at most: whoever gets it has something of it yet.
fn until_old(life: Duration) -> Duration {
    life * 7 / 8
}
