//! Problems (RFC 9457) with stable codes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $status:literal, $title:literal;)+) => {
        /// What went wrong, for programs. Codes never change their meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* #[serde(rename = $text)] $variant),+ }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// A short human sentence, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

codes! {
    /// The request does not parse or breaks a stated rule.
    Malformed = "malformed", 400, "The request is malformed";
    /// No or no valid identity was shown.
    Unauthenticated = "unauthenticated", 401, "Who are you?";
    /// The identity may not do this.
    Forbidden = "forbidden", 403, "Your role does not allow this";
    /// There is no such thing.
    NotFound = "not-found", 404, "There is no such thing";
    /// The path exists, the method does not.
    MethodNotAllowed = "method-not-allowed", 405, "This method is not offered here";
    /// The state of things does not allow it (any more).
    Conflict = "conflict", 409, "The present state does not allow this";
    /// The thing exists already.
    AlreadyExists = "already-exists", 409, "It exists already";
    /// The body is larger than is accepted here.
    TooLarge = "too-large", 413, "The request is too large";
    /// The CSR does not parse or does not prove possession of its key.
    BadCsr = "bad-csr", 422, "The certificate request is not acceptable";
    /// The key is too weak or of a kind that the profile does not take.
    WeakKey = "weak-key", 422, "The key is not acceptable";
    /// The key is blocked for good.
    BlockedKey = "blocked-key", 422, "The key is blocked";
    /// A name is outside what profile, token or endpoint allow.
    NameNotAllowed = "name-not-allowed", 422, "A name is not allowed";
    /// The lifetime is outside what the profile or the issuer allow.
    LifetimeNotAllowed = "lifetime-not-allowed", 422, "The lifetime is not allowed";
    /// What would be signed breaks a rule of X.509 or of this house.
    LintFailed = "lint-failed", 422, "The certificate would break a rule";
    /// There is no such profile with this issuer.
    UnknownProfile = "unknown-profile", 422, "There is no such profile";
    /// The authority is frozen: it issues nothing for now.
    AuthorityFrozen = "authority-frozen", 503, "The authority is frozen";
    /// The authority is tainted: it will never issue again.
    AuthorityTainted = "authority-tainted", 503, "The authority is tainted";
    /// The new generation signs probe certificates only until the barrier opens.
    BarrierClosed = "barrier-closed", 503, "The new authority is not yet trusted everywhere";
    /// The issuer has no active authority.
    NoActiveAuthority = "no-active-authority", 503, "The issuer has no active authority";
    /// The token is unknown, spent or expired.
    TokenInvalid = "token-invalid", 403, "The enrolment token is not valid";
    /// The agent's key is not the one in the server's log.
    UnknownAgent = "unknown-agent", 403, "This key belongs to no enrolled agent";
    /// The ceremony file is altered, of another version, or for another request.
    CeremonyRefused = "ceremony-refused", 422, "The ceremony file is refused";
    /// The same ceremony file came before.
    CeremonyReplayed = "ceremony-replayed", 409, "The ceremony file was imported before";
    /// The share or kit does not fit.
    KitRefused = "kit-refused", 422, "The recovery kit is refused";
    /// The escrow does not outrank everything published before it.
    EscrowRefused = "escrow-refused", 422, "The escrow does not outrank what came before";
    /// This person has approved already; a second must be another one.
    SamePerson = "same-person", 409, "The second approval must come from another person";
    /// The step wants no approval now.
    NothingToApprove = "nothing-to-approve", 409, "There is nothing to approve here";
    /// An incident is open for this authority.
    IncidentOpen = "incident-open", 409, "An incident is open for this authority";
    /// The clock of the request or of the server cannot be right.
    ClockOff = "clock-off", 422, "A clock is off";
    /// The signature in the report does not fit the agent's enrolled key.
    BadSignature = "bad-signature", 422, "The signature does not verify";
    /// The key provider cannot sign now.
    SignerUnavailable = "signer-unavailable", 503, "The key provider does not sign";
    /// The disk is full: nothing was changed.
    StorageFull = "storage-full", 507, "The server's disk is full";
    /// The server is on its way down or not ready.
    Unavailable = "unavailable", 503, "The server is not ready";
    /// Too many requests.
    TooMany = "too-many-requests", 429, "Too many requests";
    /// A fault of the server; the log knows more.
    Internal = "internal", 500, "The server failed";
}

/// A problem as RFC 9457 has it, `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:skink:problem:` and the code.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// A short human sentence, the same for every occurrence of the code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened, to what and why.
    pub detail: String,
    /// What programs look at.
    pub code: Code,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// In how many seconds a repeat may succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

impl Problem {
    /// The media type.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// A problem with the code's own status and title.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            type_uri: format!("urn:skink:problem:{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            code,
            hint: None,
            retry_after_s: None,
        }
    }

    /// With a word on what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With the time after which a repeat may succeed.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} [{}]", self.title, self.detail, self.code.as_str())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_the_fields_of_rfc_9457() {
        let problem =
            Problem::new(Code::AuthorityTainted, "workloads-g1 is tainted").retry_after(60);
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["type"], "urn:skink:problem:authority-tainted");
        assert_eq!(json["status"], 503);
        assert_eq!(json["retry_after_s"], 60);
        assert!(json.get("hint").is_none());
        assert_eq!(serde_json::from_value::<Problem>(json).unwrap(), problem);
    }
}
