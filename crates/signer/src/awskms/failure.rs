//! What the service's refusals and silences mean.

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_kms::operation::RequestId as _;
use hyper_util::client::legacy::Error as TransportError;

use super::SCHEME;
use crate::provider::{Answer, ProviderError, RequestId};
use crate::uri::KeyUri;

/// Whether the service refused with this code.
pub(super) fn has_code<E: ProvideErrorMetadata>(error: &SdkError<E>, code: &str) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some(code)
}

/// What a failed call about `key` means, after waiting `patience` at most.
pub(super) fn refusal<E>(key: &KeyUri, patience: Duration, error: SdkError<E>) -> ProviderError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match &error {
        SdkError::ServiceError(_) => refused(key, &error),
        SdkError::ResponseError(torn) => {
            let request_id = request_id(&error);
            match torn.raw().status().as_u16() {
                200..=299 => {
                    ProviderError::Corrupted { what: "the answer has another shape", request_id }
                }
                status => by_status(status, answer(&error, status).into()),
            }
        }
        SdkError::ConstructionFailure(_)
        | SdkError::DispatchFailure(_)
        | SdkError::TimeoutError(_) => unanswered(patience, error),
        _ => ProviderError::Interrupted,
    }
}

/// Calls that ended without an answer. A connection that never was has carried nothing, nor has a
/// call for which there were no credentials; any other silence may follow a signature.
fn unanswered<E: Error + Send + Sync + 'static>(
    patience: Duration,
    error: SdkError<E>,
) -> ProviderError {
    if below::<TransportError>(&error).is_some_and(TransportError::is_connect) {
        return ProviderError::unreachable(error);
    }
    if let Some(credentials) = below::<CredentialsError>(&error) {
        return match credentials {
            CredentialsError::CredentialsNotLoaded(_)
            | CredentialsError::InvalidConfiguration(_) => not_configured(&error),
            _ => ProviderError::unreachable(error),
        };
    }
    match &error {
        SdkError::ConstructionFailure(_) => not_configured(&error),
        SdkError::TimeoutError(_) => ProviderError::Late { after: patience },
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            ProviderError::Late { after: patience }
        }
        _ => ProviderError::Interrupted,
    }
}

fn not_configured(error: &(impl Error + 'static)) -> ProviderError {
    ProviderError::NotConfigured { what: DisplayErrorContext(error).to_string() }
}

/// Refusals in the service's own words.
fn refused<E: ProvideErrorMetadata>(key: &KeyUri, error: &SdkError<E>) -> ProviderError {
    let status = error.raw_response().map_or(0, |raw| raw.status().as_u16());
    let answer = Box::new(answer(error, status));
    let key = key.clone();
    match error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default() {
        "NotFoundException" => ProviderError::UnknownKey { key },
        // A key that waits for its destruction says the second.
        "DisabledException" | "KMSInvalidStateException" => ProviderError::Disabled { key, answer },
        "ThrottlingException"
        | "Throttling"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "SlowDown" => ProviderError::Throttled { retry_after: retry_after(error), answer },
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => {
            ProviderError::CredentialExpired { answer }
        }
        "AccessDeniedException"
        | "AccessDenied"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "NotAuthorized"
        | "OptInRequired" => ProviderError::CredentialRefused { answer },
        // It could not use the key's store in time; by its own words the call may be repeated.
        "KeyUnavailableException" | "DependencyTimeoutException" | "KMSInternalException" => {
            ProviderError::Faulted { answer }
        }
        _ if (200..300).contains(&status) => ProviderError::Corrupted {
            what: "the answer has another shape",
            request_id: answer.request_id,
        },
        _ if status == 429 => ProviderError::Throttled { retry_after: retry_after(error), answer },
        _ => by_status(status, answer),
    }
}

fn by_status(status: u16, answer: Box<Answer>) -> ProviderError {
    match status {
        401 | 403 => ProviderError::CredentialRefused { answer },
        429 => ProviderError::Throttled { retry_after: None, answer },
        400..=499 => ProviderError::Refused { answer },
        _ => ProviderError::Faulted { answer },
    }
}

fn answer<E: ProvideErrorMetadata>(error: &SdkError<E>, status: u16) -> Answer {
    let said = error.as_service_error();
    let code = said.and_then(ProvideErrorMetadata::code).map(ToOwned::to_owned);
    let code = format!("{SCHEME}:{}", code.unwrap_or_else(|| status.to_string()));
    let message = said.and_then(ProvideErrorMetadata::message).unwrap_or_default().to_owned();
    Answer { code, message, request_id: request_id(error) }
}

fn request_id<E>(error: &SdkError<E>) -> Option<RequestId> {
    error.request_id().and_then(RequestId::new)
}

fn retry_after<E>(error: &SdkError<E>) -> Option<Duration> {
    let text = error.raw_response()?.headers().get("retry-after")?;
    text.parse().ok().map(Duration::from_secs)
}

/// The first error of this type at or below `error`.
fn below<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
