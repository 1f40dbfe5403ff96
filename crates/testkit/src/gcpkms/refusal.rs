//! The service's refusals, as its clients read them (AIP-193).

use serde_json::{Value, json};

#[derive(Clone, Copy)]
pub(super) enum Refusal {
    InvalidArgument,
    FailedPrecondition,
    Unauthenticated,
    PermissionDenied,
    NotFound,
    AlreadyExists,
    Aborted,
    Unimplemented,
}

pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Refusal {
    pub(super) fn because(self, words: &str) -> Refused {
        self.with(words, &[])
    }

    pub(super) fn with(self, words: &str, details: &[Value]) -> Refused {
        let (status, code) = match self {
            Self::InvalidArgument => (400, "INVALID_ARGUMENT"),
            Self::FailedPrecondition => (400, "FAILED_PRECONDITION"),
            Self::Unauthenticated => (401, "UNAUTHENTICATED"),
            Self::PermissionDenied => (403, "PERMISSION_DENIED"),
            Self::NotFound => (404, "NOT_FOUND"),
            Self::AlreadyExists => (409, "ALREADY_EXISTS"),
            Self::Aborted => (409, "ABORTED"),
            Self::Unimplemented => (501, "UNIMPLEMENTED"),
        };
        Refused { status, body: error(status, code, words, details) }
    }
}

/// A detail that says in a word why.
pub(super) fn reason(reason: &str) -> Value {
    json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": { "service": "cloudkms.googleapis.com" },
    })
}

/// The body of a refusal.
pub fn error(status: u16, code: &str, words: &str, details: &[Value]) -> Value {
    json!({
        "error": { "code": status, "message": words, "status": code, "details": details },
    })
}
