//! What may be signed, by whom, in which state of life.

use std::collections::{HashMap, HashSet};

use skink_model::{
    Attempt, AttemptPurpose, AttemptState, Authority, AuthorityId, AuthorityState, CertificateKind,
    CertificateRow, CertificateState, IncidentId, KeyState, KeyUse, SigningKey,
};
use skink_x509::KeyDigest;

use super::{Ask, open};
use crate::row::Columns as _;
use crate::sql::{Value, fetch_rows};
use crate::tx::Connected;
use crate::{Reader, StoreError, Tx, authorities, certificates, keys};

const USED: &str = "SELECT purpose, subject FROM attempt
    WHERE purpose IN ('certificate', 'crl', 'closing_set') AND subject IN ($1)";

/// Why no signature is made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskRefusal {
    /// There is no such authority.
    #[error("there is no authority {authority}")]
    NoAuthority {
        /// The authority.
        authority: AuthorityId,
    },
    /// The authority is frozen: come back when it is not.
    #[error("authority {authority} is frozen: {reason}")]
    Frozen {
        /// The authority.
        authority: AuthorityId,
        /// Why.
        reason: String,
    },
    /// A thief may use the authority: it signs nothing any more.
    #[error("authority {authority} is tainted by {incident} and issues nothing more")]
    Tainted {
        /// The authority.
        authority: AuthorityId,
        /// The incident.
        incident: IncidentId,
    },
    /// The authority's life has no room for this now.
    #[error("authority {authority} is {state} and does not sign for {purpose}")]
    WrongState {
        /// The authority.
        authority: AuthorityId,
        /// Its state.
        state: AuthorityState,
        /// What the signature was to be for.
        purpose: AttemptPurpose,
    },
    /// Relying parties do not yet accept this generation: come back when they do.
    #[error("authority {authority} issues to nobody yet: its barrier is closed")]
    BarrierClosed {
        /// The authority.
        authority: AuthorityId,
    },
    /// The closing set is complete, or belongs to another incident.
    #[error("the closing set of {authority} takes nothing more")]
    ClosingSetComplete {
        /// The authority.
        authority: AuthorityId,
    },
    /// Tickets are in flight: a closing set waits for them.
    #[error("{count} signatures of {authority} are in flight")]
    InFlight {
        /// The authority.
        authority: AuthorityId,
        /// How many.
        count: usize,
    },
    /// The intention is not on record, or not linted, or given up.
    #[error("{subject} is not ready to be signed: {state}")]
    NotReady {
        /// The thing.
        subject: String,
        /// What it is instead.
        state: &'static str,
    },
    /// It was asked for before: an attempt is never repeated.
    #[error("{subject} was asked for before")]
    AskedBefore {
        /// The thing.
        subject: String,
    },
    /// The public key to be certified is blocked.
    #[error("the key of {subject} is blocked: {reason}")]
    KeyBlocked {
        /// The certificate.
        subject: String,
        /// Why.
        reason: String,
    },
    /// The signing key is not this authority's, or does not sign.
    #[error("key {key} does not sign for {authority}")]
    WrongKey {
        /// The key.
        key: String,
        /// The authority.
        authority: AuthorityId,
    },
}

#[cfg(all(feature = "danger-no-taint-check", not(debug_assertions)))]
compile_error!("danger-no-taint-check is for a test that has to fail, never for a release");

/// The authority as the rules below see it.
///
/// With the feature `danger-no-taint-check` they are blind to its freeze and its taint. That is for
/// `cargo xtask test`, which sees the tests of this check fail without it. It is no switch of the
/// drill's, as the other protections are: whoever asks after the taint is turned away before, where
/// the active authority is looked up. What this check alone holds back is the request that was
/// linted when the taint committed. Nobody can stop that one halfway from outside, so the tests do
/// it in here: they lint, taint, and ask then.
fn as_seen(authority: Authority) -> Authority {
    if cfg!(feature = "danger-no-taint-check") {
        Authority { state: AuthorityState::Active, taint: None, frozen: None, ..authority }
    } else {
        authority
    }
}

/// Who signs, and with which keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signers {
    authorities: HashMap<AuthorityId, Option<Authority>>,
    keys: HashMap<String, Option<SigningKey>>,
}

impl Signers {
    /// Reads the authority and the key of a request, once each.
    pub(crate) async fn look(&mut self, r: &mut impl Reader, ask: &Ask) -> Result<(), StoreError> {
        if !self.authorities.contains_key(&ask.authority) {
            let found = authorities::find(r, &ask.authority).await?.map(as_seen);
            self.authorities.insert(ask.authority.clone(), found);
        }
        if !self.keys.contains_key(&ask.key) {
            let found = keys::find(r, &ask.key).await?;
            self.keys.insert(ask.key.clone(), found);
        }
        Ok(())
    }
}

/// What a batch is checked with: it does not change within its transaction, or by the batch alone.
#[derive(Default)]
pub(crate) struct Seen {
    signers: Signers,
    certificates: HashMap<String, Intention>,
    blocked: HashMap<KeyDigest, String>,
    /// What was asked for before, in this batch or long ago, of what may be asked for once.
    used: HashSet<(AttemptPurpose, String)>,
}

/// What counts of a certificate to be.
struct Intention {
    authority: AuthorityId,
    kind: CertificateKind,
    state: CertificateState,
    key_digest: KeyDigest,
}

impl Intention {
    fn of(row: &CertificateRow) -> Self {
        Self {
            authority: row.authority.clone(),
            kind: row.kind,
            state: row.state,
            key_digest: row.key_digest,
        }
    }
}

const fn once(purpose: AttemptPurpose) -> bool {
    matches!(
        purpose,
        AttemptPurpose::Certificate | AttemptPurpose::Crl | AttemptPurpose::ClosingSet
    )
}

impl Seen {
    /// Everything about the subjects of a batch.
    pub(crate) async fn of(tx: &mut Tx<'_>, batch: &[Ask]) -> Result<Self, StoreError> {
        let certified = batch.iter().filter(|ask| {
            matches!(ask.purpose, AttemptPurpose::Certificate | AttemptPurpose::ClosingSet)
        });
        let found = certificates::among(tx, certified.map(|ask| ask.subject.as_str())).await?;
        let blocked = keys::blocked_among(tx, found.iter().map(|row| &row.key_digest)).await?;
        let subjects = batch.iter().filter(|ask| once(ask.purpose));
        let subjects: Vec<_> =
            subjects.map(|ask| vec![Value::from(ask.subject.as_str())]).collect();
        let rows = fetch_rows(tx.conn(), USED, &subjects).await;
        let used = rows.map_err(StoreError::query)?;
        let used = used.iter().map(|row| Ok((row.parsed("purpose")?, row.string("subject")?)));
        Ok(Self {
            certificates: found
                .iter()
                .map(|row| (row.id.to_string(), Intention::of(row)))
                .collect(),
            blocked: blocked.into_iter().map(|key| (key.digest, key.reason)).collect(),
            used: used.collect::<Result<_, StoreError>>()?,
            ..Self::default()
        })
    }

    /// The same of certificates that this very transaction is to record: nobody can have asked for
    /// them before.
    pub(crate) async fn new<'c>(
        tx: &mut Tx<'_>,
        rows: impl Iterator<Item = &'c CertificateRow> + Clone + Send,
    ) -> Result<Self, StoreError> {
        let blocked = keys::blocked_among(tx, rows.clone().map(|row| &row.key_digest)).await?;
        Ok(Self {
            certificates: rows.map(|row| (row.id.to_string(), Intention::of(row))).collect(),
            blocked: blocked.into_iter().map(|key| (key.digest, key.reason)).collect(),
            ..Self::default()
        })
    }
}

/// All rules for one request, in the order in which they explain most.
pub(crate) async fn check(
    tx: &mut Tx<'_>,
    seen: &mut Seen,
    ask: &Ask,
) -> Result<Result<(), AskRefusal>, StoreError> {
    seen.signers.look(tx, ask).await?;
    if ask.purpose == AttemptPurpose::ClosingSet {
        // What explains more comes first: nothing of this looks at what is in flight.
        if let Err(refusal) = signer(&seen.signers, ask) {
            return Ok(Err(refusal));
        }
        let count = in_flight(tx, &ask.authority).await?;
        if count > 0 {
            return Ok(Err(AskRefusal::InFlight { authority: ask.authority.clone(), count }));
        }
    }
    Ok(check_read(seen, ask))
}

/// The rules that need no more reading: all but the one for closing sets about what is in flight.
pub(crate) fn check_read(seen: &mut Seen, ask: &Ask) -> Result<(), AskRefusal> {
    let authority = signer(&seen.signers, ask)?;
    if let Some(refusal) = certificate(seen, ask, authority) {
        return Err(refusal);
    }
    used_before(seen, ask)
}

/// The authority, if it signs such things now, and with this key.
fn signer<'s>(signers: &'s Signers, ask: &Ask) -> Result<&'s Authority, AskRefusal> {
    let Some(authority) = signers.authorities.get(&ask.authority).and_then(Option::as_ref) else {
        return Err(AskRefusal::NoAuthority { authority: ask.authority.clone() });
    };
    let key = signers.keys.get(&ask.key).and_then(Option::as_ref);
    let own = authority.key.uri.as_deref() == Some(ask.key.as_str());
    life(ask, authority, own)?;
    key_fits(ask, key)?;
    Ok(authority)
}

/// The authority's state against the purpose.
fn life(ask: &Ask, authority: &Authority, own_key: bool) -> Result<(), AskRefusal> {
    use AuthorityState::{Active, Pending, Prepared, Retired, Retiring};
    let compromised = authority.state.is_compromised();
    let fits = match ask.purpose {
        AttemptPurpose::ClosingSet => return closing(ask, authority),
        AttemptPurpose::Probe => return probe(ask, authority),
        // A delegated responder's key is not the stolen one: it goes on answering honest readers.
        AttemptPurpose::Ocsp if !own_key => authority.state != Pending,
        _ if compromised => return Err(tainted(authority)),
        AttemptPurpose::Ocsp => authority.state != Pending,
        // Before its parent has signed it, a key proves itself to the offline root, and a standby's
        // signs the list that it will stand by with.
        AttemptPurpose::Control => true,
        AttemptPurpose::Crl => {
            matches!(authority.state, Pending | Prepared | Active | Retiring | Retired)
        }
        AttemptPurpose::Certificate | AttemptPurpose::TrustPackage => {
            not_frozen(authority)?;
            matches!(authority.state, Prepared | Active | Retiring)
        }
    };
    if fits { Ok(()) } else { Err(wrong_state(ask, authority)) }
}

fn tainted(authority: &Authority) -> AskRefusal {
    match &authority.taint {
        Some(taint) => AskRefusal::Tainted {
            authority: authority.id.clone(),
            incident: taint.incident.clone(),
        },
        // The schema forbids a compromised state without a taint.
        None => AskRefusal::ClosingSetComplete { authority: authority.id.clone() },
    }
}

fn wrong_state(ask: &Ask, authority: &Authority) -> AskRefusal {
    let (authority, state) = (authority.id.clone(), authority.state);
    AskRefusal::WrongState { authority, state, purpose: ask.purpose }
}

fn not_frozen(authority: &Authority) -> Result<(), AskRefusal> {
    authority.frozen.as_ref().map_or(Ok(()), |freeze| {
        let (authority, reason) = (authority.id.clone(), freeze.reason.clone());
        Err(AskRefusal::Frozen { authority, reason })
    })
}

/// Only the incident that tainted the authority signs its closing set, until it is closed.
fn closing(ask: &Ask, authority: &Authority) -> Result<(), AskRefusal> {
    let Some(taint) = &authority.taint else { return Err(wrong_state(ask, authority)) };
    if authority.closed || ask.incident.as_ref() != Some(&taint.incident) {
        return Err(AskRefusal::ClosingSetComplete { authority: authority.id.clone() });
    }
    Ok(())
}

/// A probe of a disabled key belongs to the incident that disabled it.
fn probe(ask: &Ask, authority: &Authority) -> Result<(), AskRefusal> {
    match &authority.taint {
        Some(taint) if ask.incident.as_ref() == Some(&taint.incident) => Ok(()),
        Some(_) => Err(tainted(authority)),
        None => Err(wrong_state(ask, authority)),
    }
}

fn key_fits(ask: &Ask, key: Option<&SigningKey>) -> Result<(), AskRefusal> {
    let fits = key.is_some_and(|key| {
        let signs = key.state == KeyState::Enabled || ask.purpose == AttemptPurpose::Probe;
        let own = key.authority.as_ref() == Some(&ask.authority);
        let use_fits = match ask.purpose {
            AttemptPurpose::Ocsp => own && matches!(key.key_use, KeyUse::Ocsp | KeyUse::Authority),
            AttemptPurpose::Control => key.key_use == KeyUse::Control || own,
            _ => own && key.key_use == KeyUse::Authority,
        };
        signs && use_fits
    });
    let (key, authority) = (ask.key.clone(), ask.authority.clone());
    if fits { Ok(()) } else { Err(AskRefusal::WrongKey { key, authority }) }
}

async fn in_flight(tx: &mut Tx<'_>, authority: &AuthorityId) -> Result<usize, StoreError> {
    let counts = |attempt: &Attempt| {
        attempt.state == AttemptState::Asked
            && !matches!(
                attempt.purpose,
                AttemptPurpose::ClosingSet | AttemptPurpose::Ocsp | AttemptPurpose::Control
            )
    };
    Ok(open(tx, authority).await?.iter().filter(|attempt| counts(attempt)).count())
}

/// The intention behind a certificate's signature, which a closing set's responder has, too.
fn certificate(seen: &Seen, ask: &Ask, authority: &Authority) -> Option<AskRefusal> {
    let needed = match ask.purpose {
        AttemptPurpose::Certificate => true,
        AttemptPurpose::ClosingSet => false,
        _ => return None,
    };
    let row = seen.certificates.get(&ask.subject).filter(|row| row.authority == authority.id);
    let Some(row) = row else {
        return needed.then(|| not_ready(ask, "there is no intention on record"));
    };
    if let Some(refusal) = intention(ask, row, authority) {
        return Some(refusal);
    }
    let reason = seen.blocked.get(&row.key_digest)?.clone();
    Some(AskRefusal::KeyBlocked { subject: ask.subject.clone(), reason })
}

fn intention(ask: &Ask, row: &Intention, authority: &Authority) -> Option<AskRefusal> {
    use CertificateKind::{Canary, Ocsp, Probe};
    match row.state {
        CertificateState::Linted => {}
        CertificateState::Intended => return Some(not_ready(ask, "it is not linted")),
        CertificateState::Issued => return Some(not_ready(ask, "it is issued")),
        CertificateState::Failed => return Some(not_ready(ask, "it failed")),
        CertificateState::Unknown => return Some(not_ready(ask, "its attempt is unknown")),
    }
    if row.kind == Ocsp {
        return None;
    }
    if ask.purpose == AttemptPurpose::ClosingSet || authority.state != AuthorityState::Active {
        return Some(wrong_state(ask, authority));
    }
    let probes = matches!(row.kind, Canary | Probe);
    (!authority.barrier_open && !probes)
        .then(|| AskRefusal::BarrierClosed { authority: authority.id.clone() })
}

fn not_ready(ask: &Ask, state: &'static str) -> AskRefusal {
    AskRefusal::NotReady { subject: ask.subject.clone(), state }
}

/// The unique index would refuse it, too, but with the whole batch.
fn used_before(seen: &mut Seen, ask: &Ask) -> Result<(), AskRefusal> {
    let subject = ask.subject.clone();
    if once(ask.purpose) && !seen.used.insert((ask.purpose, subject.clone())) {
        return Err(AskRefusal::AskedBefore { subject });
    }
    Ok(())
}
