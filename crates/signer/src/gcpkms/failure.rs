//! What the service's refusals and silences mean.

use std::time::Duration;

use google_cloud_auth::errors::CredentialsError;
use google_cloud_gax::error::Error;
use google_cloud_gax::error::rpc::{Code, Status, StatusDetails};

use super::SCHEME;
use crate::provider::{Answer, ProviderError, RequestId};
use crate::uri::KeyUri;

/// What the service says where a key's state does not allow what was asked, and in other cases too.
const PRECONDITION: &str = "gcpkms:FAILED_PRECONDITION";
/// What it says where a name is taken.
const TAKEN: &str = "gcpkms:ALREADY_EXISTS";

/// Whether the state of something is why the service refused.
pub(super) fn is_precondition(error: &ProviderError) -> bool {
    matches!(error, ProviderError::Refused { answer } if answer.code == PRECONDITION)
}

/// Whether the service refused because the name is taken.
pub(super) fn is_taken(error: &ProviderError) -> bool {
    matches!(error, ProviderError::Refused { answer } if answer.code == TAKEN)
}

/// The same failure, with the id that we gave the call where the service gave none.
pub(super) fn of_call(mut error: ProviderError, id: Option<RequestId>) -> ProviderError {
    match &mut error {
        ProviderError::Disabled { answer, .. }
        | ProviderError::Throttled { answer, .. }
        | ProviderError::CredentialExpired { answer }
        | ProviderError::CredentialRefused { answer }
        | ProviderError::Refused { answer }
        | ProviderError::Faulted { answer } => {
            answer.request_id = answer.request_id.take().or(id);
        }
        ProviderError::Corrupted { request_id, .. } => *request_id = request_id.take().or(id),
        _ => {}
    }
    error
}

/// Nothing was sent: there is no credential, or none to be had.
pub(super) fn of_credentials(error: CredentialsError) -> ProviderError {
    if error.is_transient() {
        return ProviderError::unreachable(error);
    }
    ProviderError::NotConfigured { what: skink_model::with_causes(&error) }
}

/// What a failed call about `key` means, after waiting `patience` at most.
pub(super) fn refusal(key: &KeyUri, patience: Duration, error: Error) -> ProviderError {
    if let Some(status) = error.status() {
        return refused(key, status, retry_after(&error, Some(status)));
    }
    if let Some(status) = error.http_status_code() {
        let answer = Box::new(Answer::of_code(format!("{SCHEME}:{status}")));
        return by_status(status, retry_after(&error, None), answer);
    }
    unanswered(patience, error)
}

/// Calls that ended without an answer. A connection that never was has carried nothing; any other
/// silence may follow a signature.
fn unanswered(patience: Duration, error: Error) -> ProviderError {
    if error.is_connect() || error.is_authentication() {
        return ProviderError::unreachable(error);
    }
    if error.is_timeout() || error.is_exhausted() {
        return ProviderError::Late { after: patience };
    }
    if error.is_deserialization() {
        let what = "the answer has another shape";
        return ProviderError::Corrupted { what, request_id: None };
    }
    if error.is_binding() || error.is_serialization() {
        return ProviderError::NotConfigured { what: error.to_string() };
    }
    ProviderError::Interrupted
}

/// Refusals in the service's own words.
fn refused(key: &KeyUri, status: &Status, retry_after: Option<Duration>) -> ProviderError {
    let answer = Box::new(answer(status));
    match status.code {
        Code::NotFound => ProviderError::UnknownKey { key: key.clone() },
        Code::ResourceExhausted => ProviderError::Throttled { retry_after, answer },
        Code::Unauthenticated if has_expired(status) => ProviderError::CredentialExpired { answer },
        Code::Unauthenticated | Code::PermissionDenied => {
            ProviderError::CredentialRefused { answer }
        }
        Code::InvalidArgument
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented => ProviderError::Refused { answer },
        // It was cut off on its way, and nobody says how far it got.
        _ => ProviderError::Faulted { answer },
    }
}

fn by_status(status: u16, retry_after: Option<Duration>, answer: Box<Answer>) -> ProviderError {
    match status {
        401 | 403 => ProviderError::CredentialRefused { answer },
        429 => ProviderError::Throttled { retry_after, answer },
        400..=499 => ProviderError::Refused { answer },
        _ => ProviderError::Faulted { answer },
    }
}

fn answer(status: &Status) -> Answer {
    let request_id = status.details.iter().find_map(|detail| match detail {
        StatusDetails::RequestInfo(info) => RequestId::new(&info.request_id),
        _ => None,
    });
    let code = format!("{SCHEME}:{}", status.code.name());
    Answer { code, message: status.message.clone(), request_id }
}

fn has_expired(status: &Status) -> bool {
    let expired = |reason: &str| reason == "ACCESS_TOKEN_EXPIRED";
    status
        .details
        .iter()
        .any(|detail| matches!(detail, StatusDetails::ErrorInfo(info) if expired(&info.reason)))
}

/// When the service will take the next call: by its own detail, or by HTTP's header.
fn retry_after(error: &Error, status: Option<&Status>) -> Option<Duration> {
    let details = status.map(|status| status.details.as_slice()).unwrap_or_default();
    let told = details.iter().find_map(|detail| match detail {
        StatusDetails::RetryInfo(info) => info.retry_delay,
        _ => None,
    });
    if let Some(delay) = told {
        let nanos = u32::try_from(delay.nanos()).unwrap_or_default();
        return Some(Duration::new(u64::try_from(delay.seconds()).ok()?, nanos));
    }
    let header = error.http_headers()?.get(http::header::RETRY_AFTER)?;
    header.to_str().ok()?.parse().ok().map(Duration::from_secs)
}
