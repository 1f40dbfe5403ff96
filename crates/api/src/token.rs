//! The enrolment token as it travels from a person to an agent.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

const PREFIX: &str = "skink1.";

/// All that an agent needs to find the server, to know it, and to be let in once.
///
/// The server's handshake carries the root certificate too, so that its fingerprint suffices.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentToken {
    /// The public half.
    pub id: String,
    /// The secret half, base64url.
    pub secret: String,
    /// The trust domain.
    pub domain: String,
    /// SHA-256 of the root certificate, hex.
    pub root: String,
    /// The least epoch that the first trust package may have.
    pub epoch: u64,
    /// The least version that the first trust package may have, in that epoch.
    pub version: u64,
    /// `https://host:port` of the agents' listener.
    pub url: String,
    /// The DNS name in the server's certificate.
    pub server_name: String,
    /// The agent's name.
    pub agent: String,
}

impl std::fmt::Debug for EnrolmentToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrolmentToken")
            .field("id", &self.id)
            .field("agent", &self.agent)
            .finish_non_exhaustive()
    }
}

/// The text is not an enrolment token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadToken {
    /// It does not begin with `skink1.`.
    #[error("an enrolment token begins with {PREFIX:?}")]
    Prefix,
    /// What follows is not base64url.
    #[error("the enrolment token is garbled")]
    Base64(#[source] base64::DecodeError),
    /// What is inside is not what this version expects.
    #[error("the enrolment token is not understood")]
    Json(#[source] serde_json::Error),
}

impl EnrolmentToken {
    /// The text to hand over.
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(serde_json::to_vec(self)?)))
    }

    /// Reads the text.
    pub fn decode(text: &str) -> Result<Self, BadToken> {
        let body = text.trim().strip_prefix(PREFIX).ok_or(BadToken::Prefix)?;
        let json = URL_SAFE_NO_PAD.decode(body).map_err(BadToken::Base64)?;
        serde_json::from_slice(&json).map_err(BadToken::Json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_hides_its_secret() {
        let token = EnrolmentToken {
            id: "t1".into(),
            secret: "hush".into(),
            domain: "example".into(),
            root: "00".into(),
            epoch: 1,
            version: 3,
            url: "https://127.0.0.1:1".into(),
            server_name: "skink.example".into(),
            agent: "web-1".into(),
        };
        assert_eq!(EnrolmentToken::decode(&token.encode().unwrap()).unwrap(), token);
        assert!(!format!("{token:?}").contains("hush"));
        assert!(matches!(EnrolmentToken::decode("x"), Err(BadToken::Prefix)));
        assert!(matches!(EnrolmentToken::decode("skink1.e30"), Err(BadToken::Json(_))));
    }
}
