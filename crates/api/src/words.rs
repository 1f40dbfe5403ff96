//! The closed sets of words of the API.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The text is none of the words that its kind knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {kind}; known are {known}")]
pub struct UnknownWord {
    /// The kind of word that was wanted.
    pub kind: &'static str,
    /// The text that was given.
    pub text: String,
    /// The words there are, separated by commas.
    pub known: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $kind:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every word of this kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire, on the command line and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| UnknownWord {
                    kind: $kind,
                    text: text.to_owned(),
                    known: [$($text),+].join(", "),
                })
            }
        }
    };
}

words! {
    /// What an operator may do.
    Role, "role" {
        /// Reads everything that is not secret.
        Viewer = "viewer",
        /// Issues, revokes, enrols, declares incidents.
        Operator = "operator",
        /// Leads the PKI: ceremonies, activation, taint, kit, close.
        PkiLead = "pki-lead",
        /// Answers for the company: taint, kit, close.
        Ciso = "ciso",
        /// Reads everything, the audit trail and the journal included; changes nothing.
        Auditor = "auditor",
    }
}
words! {
    /// The life of an authority.
    AuthorityState, "authority state" {
        /// Key and CSR exist.
        Pending = "pending",
        /// Signed by its parent, not issuing: a standby.
        Prepared = "prepared",
        /// Issues.
        Active = "active",
        /// No longer issues, still trusted.
        Retiring = "retiring",
        /// Out of use, without harm.
        Retired = "retired",
        /// A thief may use it.
        Tainted = "tainted",
        /// The parent's published CRL says so.
        Revoked = "revoked",
        /// No relying party accepts it, proven.
        Distrusted = "distrusted",
    }
}
words! {
    /// How a relying party stops trusting an issuing authority.
    Mechanism, "distrust mechanism" {
        /// Issuing generations are its anchors; the old one leaves the set.
        Anchor = "anchor",
        /// It checks the whole chain against CRLs; the root's does it.
        ParentCrl = "parent-crl",
        /// It compares keys with a list.
        Deny = "deny",
        /// It cannot distrust an intermediate.
        None = "none",
    }
}
words! {
    /// On which side of a handshake an endpoint stands.
    EndpointRole, "endpoint role" {
        /// It listens.
        Server = "server",
        /// It connects.
        Client = "client",
    }
}
words! {
    /// How much it matters that an endpoint works.
    Criticality, "criticality" {
        /// The business stops without it.
        High = "high",
        /// It is missed within the hour.
        Normal = "normal",
        /// It can wait.
        Low = "low",
    }
}
words! {
    /// The way a request for a certificate came in.
    Channel, "channel" {
        /// The operators' API.
        Api = "api",
        /// The agents' channel.
        Agent = "agent",
        /// The command line on the server's machine.
        Cli = "cli",
        /// ACME.
        Acme = "acme",
        /// Skink itself: canaries, responders, probes.
        Internal = "internal",
    }
}
words! {
    /// What happened, as far as one knows; it selects the steps.
    Plan, "plan" {
        /// An issuing authority is compromised.
        Authority = "authority",
        /// A planned change of generation, with no compromise at all.
        Rotation = "rotation",
    }
}
words! {
    /// When to revoke relative to the transition.
    Policy, "policy" {
        /// When the transition is through, or at the deadline.
        Cutover = "cutover",
        /// Before the transition; an outage is accepted.
        Immediate = "immediate",
    }
}
words! {
    /// How bad it is.
    Severity, "severity" {
        /// Also shown as P0.
        Sev1 = "sev1",
        /// Serious.
        Sev2 = "sev2",
        /// Limited.
        Sev3 = "sev3",
        /// A drill or a nuisance.
        Sev4 = "sev4",
    }
}
words! {
    /// What made somebody declare.
    Trigger, "trigger" {
        /// A thief has a copy of the key.
        Copied = "copied",
        /// A thief has the use of the key.
        Used = "used",
        /// Certificates turned up that nobody asked for.
        UnauthorisedIssuance = "unauthorised-issuance",
        /// A host that held the key was taken.
        Host = "host",
        /// The algorithm is broken.
        Algorithm = "algorithm",
        /// Nothing happened: a rotation or a rehearsal.
        Planned = "planned",
    }
}
words! {
    /// Where an incident stands as a whole.
    IncidentState, "incident state" {
        /// The engine is at work or waits for a gate or for people.
        Open = "open",
        /// A person stopped the clockwork; nothing new starts.
        Held = "held",
        /// It was a false alarm and left no scar.
        StoodDown = "stood-down",
        /// Every step is done.
        Closed = "closed",
    }
}
words! {
    /// Where a step stands.
    StepState, "step state" {
        /// Something before it is not done.
        Waiting = "waiting",
        /// At work.
        Running = "running",
        /// It waits for people's approvals.
        AwaitingApproval = "awaiting-approval",
        /// It waits for its gate to be measured open.
        AwaitingGate = "awaiting-gate",
        /// Proven done.
        Done = "done",
        /// It cannot go on by itself; `detail` says why.
        Stuck = "stuck",
        /// It does not belong to this plan or policy.
        Skipped = "skipped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_as_written_in_both_forms() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(*role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        let error = "boss".parse::<Role>().unwrap_err().to_string();
        assert!(error.contains("pki-lead"), "{error}");
    }
}
