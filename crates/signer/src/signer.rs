//! Tickets become signatures here, and nowhere else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;

use skink_model::AttemptId;
use skink_x509::{KeyDigest, SignatureAlgorithm};

use crate::ledger::{AskError, Ledger, LedgerError, Outcome, Settlement, SignatureRequest, Ticket};
use crate::provider::{KeyProvider, ProviderError, RequestId, ToSign};
use crate::providers::Providers;
use crate::quota::{self, Quotas};
use crate::uri::KeyUri;
use crate::verify::VerifyingKey;

/// A signature that was asked for, made once, verified and settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The attempt that made it.
    pub attempt: AttemptId,
    /// How it was made.
    pub algorithm: SignatureAlgorithm,
    /// The signature's bytes, as X.509 carries them.
    pub signature: Vec<u8>,
    /// The key it verifies with: compare it with the issuer's certificate.
    pub key_digest: KeyDigest,
    /// The service's own id of the call, where it gives one.
    pub request_id: Option<RequestId>,
}

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The ledger gives no ticket.
    #[error("the signature was refused")]
    Refused(#[source] AskError),
    /// The ledger failed before or after signing; a signature made is not used.
    #[error("the signature was not recorded")]
    Ledger(#[source] LedgerError),
    /// No provider has this scheme.
    #[error("no key provider {scheme:?} is configured")]
    NoProvider {
        /// The scheme.
        scheme: String,
    },
    /// The provider did not sign, or nobody knows whether it did.
    #[error("the key provider did not sign ({code})")]
    Provider {
        /// The provider's code.
        code: String,
        /// Why.
        #[source]
        source: ProviderError,
    },
    /// The provider's signature does not verify; it is not used.
    #[error("the signature that the provider of {key} made does not verify; it was thrown away")]
    DoesNotVerify {
        /// The key.
        key: KeyUri,
        /// The service's own id of the call, where it gives one.
        request_id: Option<RequestId>,
    },
    /// The task that signed was killed.
    #[error("signing was cut off")]
    CutOff,
}

impl SignError {
    /// The provider's code, where a provider refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Provider { code, .. } => Some(code),
            _ => None,
        }
    }

    /// When the service wants the next call, if it has throttled.
    fn throttled(&self) -> Option<Duration> {
        match self {
            Self::Provider { source: ProviderError::Throttled { retry_after, .. }, .. } => {
                Some(retry_after.unwrap_or(quota::PAUSE))
            }
            _ => None,
        }
    }

    /// The service's own id of the call that failed, where there was a call and it has one.
    pub fn request_id(&self) -> Option<&RequestId> {
        match self {
            Self::Provider { source, .. } => source.request_id(),
            Self::DoesNotVerify { request_id, .. } => request_id.as_ref(),
            _ => None,
        }
    }
}

/// How many calls of one batch are under way together.
const AT_ONCE: usize = 16;
/// How often a throttled signature is tried before its caller hears of it.
const TRIES: u32 = 10;

/// Whether a call has waited for its turn under a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    ToTake,
    Taken,
}

/// Signs what the ledger allows with the keys of its providers. Cheap to clone.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    providers: Providers,
    ledger: Arc<dyn Ledger>,
    quotas: Quotas,
    /// Public keys, parsed once.
    verifying: Mutex<HashMap<(KeyUri, SignatureAlgorithm), Arc<Verifier>>>,
}

struct Verifier {
    key: VerifyingKey,
    digest: KeyDigest,
}

impl Signer {
    /// A signer over `ledger` with these providers.
    pub fn new(ledger: Arc<dyn Ledger>, providers: Providers) -> Self {
        Self::with_quotas(ledger, providers, Quotas::new())
    }

    /// The same, with no more calls than the services allow. Where a quota is set, a call that is
    /// throttled all the same is tried again, as another attempt.
    pub fn with_quotas(ledger: Arc<dyn Ledger>, providers: Providers, quotas: Quotas) -> Self {
        Self(Arc::new(Inner { providers, ledger, quotas, verifying: Mutex::default() }))
    }

    /// The provider of `key`.
    pub fn provider(&self, key: &KeyUri) -> Result<Arc<dyn KeyProvider>, SignError> {
        self.0.provider(key)
    }

    /// Asks for one ticket.
    pub async fn ask(&self, request: SignatureRequest) -> Result<Ticket, SignError> {
        let mut tickets = self.ask_all(vec![request]).await?;
        tickets.pop().ok_or(SignError::CutOff)?.map_err(SignError::Refused)
    }

    /// Asks for many tickets in one transaction; answers in the order of the requests.
    pub async fn ask_all(
        &self,
        requests: Vec<SignatureRequest>,
    ) -> Result<Vec<Result<Ticket, AskError>>, SignError> {
        self.0.ledger.ask(requests).await.map_err(SignError::Ledger)
    }

    /// Spends a ticket: one provider call, verified, settled. Once begun it is carried to its end
    /// even if the caller goes away.
    pub async fn sign(&self, ticket: Ticket, to_sign: ToSign<'_>) -> Result<Signed, SignError> {
        let owned = Owned::from(to_sign);
        let mut signed = self.sign_all(vec![(ticket, owned)]).await;
        signed.pop().unwrap_or(Err(SignError::CutOff))
    }

    /// Spends a ticket like [`Self::sign`], and leaves it to `settle` to record what came of it, together
    /// with what it was made for. There is no settlement where it was recorded on the way. What
    /// `settle` leaves unrecorded stays open, and becomes unknown.
    ///
    /// Once begun, all of it is carried to its end even if the caller goes away.
    pub async fn sign_and<T, W>(
        &self,
        ticket: Ticket,
        message: Vec<u8>,
        settle: impl FnOnce(Result<Signed, SignError>, Option<Settlement>) -> W + Send + 'static,
    ) -> Result<T, SignError>
    where
        T: Send + 'static,
        W: Future<Output = T> + Send,
    {
        let inner = Arc::clone(&self.0);
        let whole = async move {
            let to_sign = ToSign::Message(&message);
            let (result, settlement) = inner.until_taken(ticket, to_sign, Turn::ToTake).await;
            settle(result, settlement).await
        };
        tokio::spawn(whole).await.map_err(|_| SignError::CutOff)
    }

    /// Spends many tickets, each in one provider call, and settles them in one transaction.
    pub async fn sign_messages(
        &self,
        tickets: Vec<(Ticket, Vec<u8>)>,
    ) -> Vec<Result<Signed, SignError>> {
        let owned = |(ticket, message)| (ticket, Owned::Message(message));
        self.sign_all(tickets.into_iter().map(owned).collect()).await
    }

    /// Asks and signs in one go.
    pub async fn ask_and_sign(
        &self,
        request: SignatureRequest,
        to_sign: ToSign<'_>,
    ) -> Result<Signed, SignError> {
        let (this, owned) = (self.clone(), Owned::from(to_sign));
        let whole = async move {
            // Waiting before asking: a taint meanwhile finds no ticket out.
            this.0.quotas.turn(&request.key).await;
            let tickets = vec![(this.ask(request).await?, owned)];
            this.0.sign_all(tickets, Turn::Taken).await.pop().unwrap_or(Err(SignError::CutOff))
        };
        tokio::spawn(whole).await.unwrap_or(Err(SignError::CutOff))
    }

    /// Gives a ticket back unspent: no provider was called.
    pub async fn abandon(&self, ticket: Ticket) -> Result<(), SignError> {
        let (attempt, _) = ticket.into_parts();
        let outcome = Outcome::Failed { code: "abandoned".to_owned() };
        let settlement = Settlement { attempt, outcome, request_id: None };
        self.0.ledger.settle(vec![settlement]).await.map_err(SignError::Ledger)
    }

    async fn sign_all(&self, tickets: Vec<(Ticket, Owned)>) -> Vec<Result<Signed, SignError>> {
        let (inner, wanted) = (Arc::clone(&self.0), tickets.len());
        let signing = tokio::spawn(async move { inner.sign_all(tickets, Turn::ToTake).await });
        signing.await.unwrap_or_else(|_| (0..wanted).map(|_| Err(SignError::CutOff)).collect())
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("providers", &self.0.providers).finish_non_exhaustive()
    }
}

impl Inner {
    async fn sign_all(
        &self,
        tickets: Vec<(Ticket, Owned)>,
        turn: Turn,
    ) -> Vec<Result<Signed, SignError>> {
        let signing = tickets.into_iter().map(|(ticket, to_sign)| async move {
            self.until_taken(ticket, to_sign.borrowed(), turn).await
        });
        let (mut results, mut settlements) = (Vec::new(), Vec::new());
        let mut signing = futures_util::stream::iter(signing).buffered(AT_ONCE);
        while let Some((result, settlement)) = signing.next().await {
            results.push(result);
            settlements.extend(settlement);
        }
        match self.ledger.settle(settlements).await {
            Ok(()) => results,
            Err(error) => unsettled(results, error),
        }
    }

    /// Attempts until the service does not throttle. What comes back is still to be settled,
    /// unless it has been.
    async fn until_taken(
        &self,
        ticket: Ticket,
        to_sign: ToSign<'_>,
        mut turn: Turn,
    ) -> (Result<Signed, SignError>, Option<Settlement>) {
        let (mut attempt, mut request) = ticket.into_parts();
        for tries in 1.. {
            if turn == Turn::ToTake {
                self.quotas.turn(&request.key).await;
            }
            let result = self.attempt(&attempt, &request, to_sign).await;
            let settlement = settlement(attempt, &result, request.key.scheme());
            let throttled = result.as_ref().err().and_then(SignError::throttled);
            let Some(retry_after) = throttled.filter(|_| self.quotas.limit(&request.key)) else {
                return (result, Some(settlement));
            };
            self.quotas.throttled(&request.key, retry_after);
            if tries == TRIES {
                return (result, Some(settlement));
            }
            // Waiting before asking: a taint meanwhile finds no ticket out, and is what is said.
            self.quotas.turn(&request.key).await;
            turn = Turn::Taken;
            match self.ledger.again(settlement, request).await {
                Ok(Ok(ticket)) => (attempt, request) = ticket.into_parts(),
                Ok(Err(refused)) => return (Err(SignError::Refused(refused)), None),
                Err(error) => return (Err(SignError::Ledger(error)), None),
            }
        }
        (Err(SignError::CutOff), None)
    }

    async fn attempt(
        &self,
        attempt: &AttemptId,
        request: &SignatureRequest,
        to_sign: ToSign<'_>,
    ) -> Result<Signed, SignError> {
        let (key, algorithm) = (&request.key, request.algorithm);
        let provider = self.provider(key)?;
        let verifier = self.verifier(provider.as_ref(), key, algorithm).await?;
        let made = provider.sign(key, algorithm, to_sign).await.map_err(|e| refused(key, e))?;
        let (signature, request_id) = (made.bytes, made.request_id);
        if verifier.key.verify(to_sign, &signature).is_err() {
            return Err(SignError::DoesNotVerify { key: key.clone(), request_id });
        }
        let (attempt, key_digest) = (attempt.clone(), verifier.digest);
        Ok(Signed { attempt, algorithm, signature, key_digest, request_id })
    }

    fn provider(&self, key: &KeyUri) -> Result<Arc<dyn KeyProvider>, SignError> {
        let none = || SignError::NoProvider { scheme: key.scheme().to_owned() };
        self.providers.of(key).ok_or_else(none)
    }

    async fn verifier(
        &self,
        provider: &dyn KeyProvider,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
    ) -> Result<Arc<Verifier>, SignError> {
        let known = (key.clone(), algorithm);
        let cache = || self.verifying.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verifier) = cache().get(&known) {
            return Ok(Arc::clone(verifier));
        }
        let public = provider.public_key(key).await;
        let public = public.map_err(|e| refused(key, e.before_signing()))?;
        let parsed = VerifyingKey::new(&public, algorithm).map_err(|_| {
            let has = public.algorithm();
            refused(key, ProviderError::WrongAlgorithm { key: key.clone(), has, asked: algorithm })
        })?;
        let verifier = Arc::new(Verifier { key: parsed, digest: public.digest() });
        cache().insert(known, Arc::clone(&verifier));
        Ok(verifier)
    }
}

fn refused(key: &KeyUri, source: ProviderError) -> SignError {
    SignError::Provider { code: source.code(key.scheme()), source }
}

fn settlement(attempt: AttemptId, result: &Result<Signed, SignError>, scheme: &str) -> Settlement {
    let request_id = match result {
        Ok(signed) => signed.request_id.clone(),
        Err(error) => error.request_id().cloned(),
    };
    Settlement { attempt, outcome: outcome(result, scheme), request_id }
}

fn outcome(result: &Result<Signed, SignError>, scheme: &str) -> Outcome {
    match result {
        Ok(_) => Outcome::Signed,
        Err(SignError::Provider { code, source }) if source.may_have_signed() => {
            Outcome::Unknown { code: code.clone() }
        }
        Err(SignError::Provider { code, .. }) => Outcome::Failed { code: code.clone() },
        // It did use the key, for whatever it was that came back.
        Err(SignError::DoesNotVerify { .. }) => {
            Outcome::Unknown { code: format!("{scheme}:DoesNotVerify") }
        }
        Err(_) => Outcome::Failed { code: "not-attempted".to_owned() },
    }
}

/// Signatures whose settling failed are not used: the ledger will call their attempts unknown.
fn unsettled(
    results: Vec<Result<Signed, SignError>>,
    error: LedgerError,
) -> Vec<Result<Signed, SignError>> {
    let shared: Arc<dyn std::error::Error + Send + Sync> = Arc::new(error);
    let again = || SignError::Ledger(LedgerError::Unavailable(Box::new(Arc::clone(&shared))));
    results.into_iter().map(|result| result.and_then(|_| Err(again()))).collect()
}

/// What is to be signed, owned, so that signing can outlive its caller.
enum Owned {
    Message(Vec<u8>),
    Digest(Vec<u8>),
}

impl Owned {
    fn borrowed(&self) -> ToSign<'_> {
        match self {
            Self::Message(bytes) => ToSign::Message(bytes),
            Self::Digest(bytes) => ToSign::Digest(bytes),
        }
    }
}

impl From<ToSign<'_>> for Owned {
    fn from(to_sign: ToSign<'_>) -> Self {
        match to_sign {
            ToSign::Message(bytes) => Self::Message(bytes.to_vec()),
            ToSign::Digest(bytes) => Self::Digest(bytes.to_vec()),
        }
    }
}

#[cfg(test)]
mod tests;
