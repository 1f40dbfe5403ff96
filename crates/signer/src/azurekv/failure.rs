//! What the service's refusals and silences mean.

use std::time::Duration;

use azure_core::error::{Error, ErrorKind};
use azure_core::http::RawResponse;
use azure_core::http::headers::HeaderName;
use serde::Deserialize;
use skink_model::with_causes;

use super::SCHEME;
use crate::provider::{Answer, ProviderError, RequestId};
use crate::uri::KeyUri;

/// What the service says of a key that is not enabled.
const DISABLED: &str = "KeyDisabled";

#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    error: Said,
}

#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    /// What it is more precisely.
    #[serde(default)]
    innererror: Option<Box<Self>>,
}

/// The same failure, with the id that we gave the call.
pub(super) fn of_call(mut error: ProviderError, id: Option<RequestId>) -> ProviderError {
    match &mut error {
        ProviderError::Disabled { answer, .. }
        | ProviderError::Throttled { answer, .. }
        | ProviderError::CredentialExpired { answer }
        | ProviderError::CredentialRefused { answer }
        | ProviderError::Refused { answer }
        | ProviderError::Faulted { answer } => answer.request_id = id,
        ProviderError::Corrupted { request_id, .. } => *request_id = id,
        _ => {}
    }
    error
}

/// What a failed call about `key` means.
pub(super) fn refusal(key: &KeyUri, error: Error) -> ProviderError {
    if is_below(&error, |kind| matches!(kind, ErrorKind::Connection)) {
        return ProviderError::unreachable(error);
    }
    match error.kind() {
        ErrorKind::HttpResponse { status, error_code, raw_response } => {
            let said = raw_response.as_deref().map(said).unwrap_or_default();
            let answer = answer(u16::from(*status), error_code.as_deref(), &said);
            let retry_after = raw_response.as_deref().and_then(retry_after);
            refused(key, u16::from(*status), &said, retry_after, Box::new(answer))
        }
        ErrorKind::Credential => {
            let message = with_causes(&error);
            let code = format!("{SCHEME}:Credential");
            let answer = Box::new(Answer { code, message, request_id: None });
            ProviderError::CredentialRefused { answer }
        }
        ErrorKind::DataConversion => {
            let what = "the answer has another shape";
            ProviderError::Corrupted { what, request_id: None }
        }
        ErrorKind::Other => ProviderError::NotConfigured { what: with_causes(&error) },
        _ => ProviderError::Interrupted,
    }
}

/// Refusals in the service's own words.
fn refused(
    key: &KeyUri,
    status: u16,
    said: &Said,
    retry_after: Option<Duration>,
    answer: Box<Answer>,
) -> ProviderError {
    match status {
        401 if said.message.to_ascii_lowercase().contains("expired") => {
            ProviderError::CredentialExpired { answer }
        }
        403 if said.precisely() == DISABLED => ProviderError::Disabled { key: key.clone(), answer },
        401 | 403 => ProviderError::CredentialRefused { answer },
        404 => ProviderError::UnknownKey { key: key.clone() },
        429 => ProviderError::Throttled { retry_after, answer },
        400..=499 => ProviderError::Refused { answer },
        _ => ProviderError::Faulted { answer },
    }
}

/// Whether the service refused because the name is a deleted key's.
pub(super) fn is_conflict(error: &ProviderError) -> bool {
    matches!(error, ProviderError::Refused { answer }
        if answer.code == "azurekv:Conflict" || answer.code.contains("ObjectIsDeleted"))
}

impl Said {
    fn precisely(&self) -> &str {
        self.innererror.as_deref().map_or(&self.code, Self::precisely)
    }
}

fn said(response: &RawResponse) -> Said {
    serde_json::from_slice::<Body>(response.body().as_ref()).unwrap_or_default().error
}

fn answer(status: u16, code: Option<&str>, said: &Said) -> Answer {
    let precisely = said.precisely();
    let code = match (precisely, code) {
        ("", None) => format!("{SCHEME}:{status}"),
        ("", Some(code)) => format!("{SCHEME}:{code}"),
        (precisely, _) => format!("{SCHEME}:{precisely}"),
    };
    let message = said.message.split_whitespace().collect::<Vec<_>>().join(" ");
    Answer { code, message, request_id: None }
}

fn retry_after(response: &RawResponse) -> Option<Duration> {
    let seconds = response.headers().get_optional_str(&HeaderName::from_static("retry-after"))?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// Whether an error or one below it is of a kind.
fn is_below(error: &Error, is: impl Fn(&ErrorKind) -> bool) -> bool {
    let mut below: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = below {
        if one.downcast_ref::<Error>().is_some_and(|error| is(error.kind())) {
            return true;
        }
        below = one.source();
    }
    false
}
