//! Every way in which a use case can fail, and the one place where that becomes a problem.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use skink_api::{Code, Problem};
use skink_authority::{FinishError, LintRefusal};
use skink_model::with_causes;
use skink_signer::{AskError, ProviderError, SignError};
use skink_store::{Refusal, StoreError};

use crate::http::extract::with_type;

/// Seconds after which an authority that issues nothing now may have a successor.
const COME_BACK_S: u64 = 30;

/// Why a use case did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The caller or the present state is in the way; nothing was changed.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The database refused or failed.
    #[error("the database did not do what was asked")]
    Store(#[source] StoreError),
    /// The database does not say what was asked of it together with others.
    #[error("the database did not say which serials are revoked")]
    StatusesUnknown(#[source] Arc<StoreError>),
    /// There is no signature.
    #[error("there is no signature")]
    Sign(#[source] SignError),
    /// What was signed cannot be put together.
    #[error("what was signed is not usable")]
    Finish(#[source] FinishError),
    /// The certificate would break a rule.
    #[error("the certificate would break a rule")]
    Lint(#[source] LintRefusal),
    /// A key provider refused or failed.
    #[error("the key provider did not do what was asked")]
    Provider(#[source] ProviderError),
    /// A structure of X.509 cannot be written.
    #[error("a structure cannot be encoded")]
    X509(#[source] skink_x509::EncodeError),
    /// A structure of X.509 that we keep cannot be read back.
    #[error("a stored structure cannot be read")]
    Stored(#[source] skink_x509::ParseError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] crate::http::tls::TlsError),
    /// A file cannot be read or written.
    #[error("a file cannot be read or written")]
    Io(#[source] std::io::Error),
    /// JSON cannot be written, or what we keep cannot be read.
    #[error("JSON cannot be written or read back")]
    Encode(#[source] serde_json::Error),
    /// The server is on its way down.
    #[error("the server is stopping")]
    Stopping,
    /// Something that cannot be is so.
    #[error("this cannot be: {0}")]
    Bug(&'static str),
}

/// What use cases return.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    /// The request breaks a stated rule.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Problem::new(Code::Malformed, detail).into()
    }

    /// There is no such thing.
    pub fn not_found(what: &str, name: impl std::fmt::Display) -> Self {
        Problem::new(Code::NotFound, format!("there is no {what} {name}")).into()
    }

    /// The present state does not allow it.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Problem::new(Code::Conflict, detail).into()
    }

    /// What the caller is told. Internal detail goes to the log instead.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Refused(problem) => (**problem).clone(),
            Self::Store(error) => store(error),
            Self::StatusesUnknown(error) => store(error),
            Self::Sign(error) | Self::Finish(FinishError::Sign(error)) => sign(error),
            Self::Lint(LintRefusal::Findings { findings }) => {
                Problem::new(Code::LintFailed, findings.join("; "))
            }
            Self::Lint(LintRefusal::Encode(error)) => {
                Problem::new(Code::LintFailed, error.to_string())
            }
            Self::Provider(error) => provider(error),
            Self::Io(error) if is_full(error) => full(),
            Self::Stopping => {
                Problem::new(Code::Unavailable, "the server is stopping").retry_after(5)
            }
            Self::Finish(_)
            | Self::Lint(_)
            | Self::X509(_)
            | Self::Stored(_)
            | Self::Tls(_)
            | Self::Io(_)
            | Self::Encode(_)
            | Self::Bug(_) => internal(),
        }
    }
}

fn internal() -> Problem {
    Problem::new(Code::Internal, "the server failed; its log says more")
}

fn full() -> Problem {
    Problem::new(Code::StorageFull, "the disk is full; nothing was changed and nothing is lost")
        .hint("free some space and try again; nothing needs repair")
        .retry_after(COME_BACK_S)
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

fn store(error: &StoreError) -> Problem {
    match error {
        StoreError::Refused(refusal) => refused(refusal),
        StoreError::NotFound { .. } => Problem::new(Code::NotFound, error.to_string()),
        StoreError::Exists { .. } => Problem::new(Code::AlreadyExists, error.to_string()),
        StoreError::Full => full(),
        StoreError::Busy | StoreError::Away(_) => {
            Problem::new(Code::Unavailable, error.to_string()).retry_after(1)
        }
        _ => internal(),
    }
}

/// It took so long that somebody called it unknown, while the database or this server was away. Nobody
/// was given it, and nobody will be.
fn given_up() -> Problem {
    let detail = "the signature came too late and is not used; ask again";
    Problem::new(Code::Unavailable, detail).retry_after(1)
}

fn refused(refusal: &Refusal) -> Problem {
    if matches!(refusal, Refusal::AttemptNotOpen(_) | Refusal::NotSigned(_)) {
        return given_up();
    }
    let code = match refusal {
        Refusal::TokenUnknown
        | Refusal::TokenUsed
        | Refusal::TokenExpired { .. }
        | Refusal::TokenOfShutOut { .. }
        | Refusal::TokenOutOfDate { .. } => Code::TokenInvalid,
        Refusal::KeyBlocked { .. } => Code::BlockedKey,
        Refusal::FrozenByIncident { .. } => Code::IncidentOpen,
        Refusal::DoesNotOutrank { .. } | Refusal::EscrowSpent { .. } => Code::EscrowRefused,
        Refusal::CeremonyOver { .. } => Code::CeremonyReplayed,
        _ => Code::Conflict,
    };
    Problem::new(code, refusal.to_string())
}

fn sign(error: &SignError) -> Problem {
    metrics::counter!(crate::metrics::SIGNATURES_REFUSED).increment(1);
    match error {
        SignError::Refused(AskError::Frozen { .. }) => {
            Problem::new(Code::AuthorityFrozen, with_causes(error))
                .hint("an incident may be under way; come back later, or see `skink status`")
                .retry_after(COME_BACK_S)
        }
        SignError::Refused(AskError::Tainted { .. }) => {
            Problem::new(Code::AuthorityTainted, with_causes(error))
                .hint("it never signs again; its successor will, under the same issuer name")
                .retry_after(COME_BACK_S)
        }
        SignError::Refused(AskError::WrongState { .. }) => {
            Problem::new(Code::BarrierClosed, with_causes(error)).retry_after(COME_BACK_S)
        }
        // Given up, because the database was away for too long, or because its key was blocked
        // meanwhile: who asks again hears which.
        SignError::Refused(AskError::NotReady { .. }) => given_up(),
        SignError::Provider { source, .. } => provider(source),
        SignError::Ledger(error) => ledger(error),
        _ => internal(),
    }
}

/// The ledger is a database: its full disk is a full disk.
fn ledger(error: &skink_signer::LedgerError) -> Problem {
    let mut source = std::error::Error::source(error);
    while let Some(below) = source {
        if let Some(found) = below.downcast_ref::<StoreError>() {
            return store(found);
        }
        source = below.source();
    }
    internal()
}

fn provider(error: &ProviderError) -> Problem {
    let unavailable = Problem::new(Code::SignerUnavailable, error.to_string());
    match error {
        ProviderError::Disabled { .. }
        | ProviderError::Locked { .. }
        | ProviderError::Destroyed { .. }
        | ProviderError::CredentialExpired { .. }
        | ProviderError::CredentialRefused { .. } => unavailable,
        _ if error.may_pass() => unavailable.retry_after(COME_BACK_S),
        ProviderError::Storage(source) if is_full(source) => full(),
        _ => internal(),
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let problem = self.problem();
        if matches!(problem.code, Code::Internal | Code::StorageFull) {
            tracing::error!(error = with_causes(&self), "a request failed");
        }
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = with_type(status, Problem::MEDIA_TYPE, body);
        if let Some(seconds) = problem.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
