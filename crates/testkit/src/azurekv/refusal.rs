//! The service's refusals, as its clients read them.

use serde_json::{Value, json};

#[derive(Clone, Copy)]
pub(super) enum Refusal {
    BadParameter,
    Unauthorized,
    Forbidden,
    NotFound,
    KeyNotFound,
    Conflict,
}

pub(super) struct Refused {
    pub(super) status: u16,
    /// Where to get a token, and for what.
    pub(super) challenge: Option<String>,
    pub(super) body: Value,
}

impl Refusal {
    pub(super) fn because(self, words: &str) -> Refused {
        self.with(words, None)
    }

    /// With the code that says more.
    pub(super) fn precisely(self, inner: &str, words: &str) -> Refused {
        self.with(words, Some(inner))
    }

    fn with(self, words: &str, inner: Option<&str>) -> Refused {
        let (status, code) = match self {
            Self::BadParameter => (400, "BadParameter"),
            Self::Unauthorized => (401, "Unauthorized"),
            Self::Forbidden => (403, "Forbidden"),
            Self::NotFound => (404, "NotFound"),
            Self::KeyNotFound => (404, "KeyNotFound"),
            Self::Conflict => (409, "Conflict"),
        };
        Refused { status, challenge: None, body: error(code, words, inner) }
    }
}

/// The body of a refusal, with the code inside that says more.
pub fn error(code: &str, words: &str, inner: Option<&str>) -> Value {
    let mut error = json!({ "code": code, "message": words });
    if let Some(inner) = inner {
        error["innererror"] = json!({ "code": inner });
    }
    json!({ "error": error })
}

/// No key of this name, or no version.
pub(super) fn missing(name: &str) -> Refused {
    Refusal::KeyNotFound.because(&format!(
        "A key with (name/id) {name} was not found in this key vault. If you recently deleted this \
         key you may be able to recover it using the correct recovery command. For help resolving \
         this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"
    ))
}
