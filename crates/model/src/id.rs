//! Typed ids. Each is a short name of lower-case letters, digits, `-`, `_` and `.`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a {kind}: use 1 to 64 of a-z, 0-9, '-', '_', '.', beginning with a letter or digit"
)]
pub struct BadId {
    /// The kind of id that was wanted.
    pub kind: &'static str,
    /// The text that was given.
    pub text: String,
}

fn well_formed(text: &str) -> bool {
    let begins = text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    begins
        && text.len() <= 64
        && text.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.')
        })
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                if well_formed(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(BadId { kind: $kind, text: text.to_owned() })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(/** The stable name that profiles and people refer to: `workloads`. */ IssuerName, "issuer name");
id!(/** One generation of an issuer: `workloads-g1`; also `root`, `control-g1`, `trust-g1`. */ AuthorityId, "authority id");
id!(/** What an issuer may put in a certificate. */ ProfileName, "profile name");
id!(/** A certificate's row: 32 hexadecimal digits. */ CertificateId, "certificate id");
id!(/** A place where a certificate is used. */ EndpointName, "endpoint name");
id!(/** An enrolled agent. */ AgentName, "agent name");
id!(/** A person who operates Skink. */ OperatorName, "operator name");
id!(/** An incident, a drill or a rotation. */ IncidentId, "incident id");
id!(/** An enrolment token, by the public half. */ TokenId, "token id");
id!(/** One attempt at one signature: 32 hexadecimal digits. */ AttemptId, "attempt id");
id!(/** One person's approval of one step. */ ApprovalId, "approval id");

impl AuthorityId {
    /// The id of generation `generation` (from 1) of `issuer`.
    pub fn generation(issuer: &IssuerName, generation: u32) -> Self {
        Self(format!("{issuer}-g{generation}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_take_short_plain_names_only() {
        for good in ["workloads", "workloads-g1", "0a", "a.b_c-d"] {
            assert_eq!(good.parse::<AuthorityId>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "Upper", "a/b", "a b", "ü", &"a".repeat(65)] {
            assert!(bad.parse::<AuthorityId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn generations_are_named_after_their_issuer() {
        let issuer: IssuerName = "workloads".parse().unwrap();
        assert_eq!(AuthorityId::generation(&issuer, 2).as_str(), "workloads-g2");
    }
}
