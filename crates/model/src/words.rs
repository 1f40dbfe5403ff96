//! The closed sets of words: states, roles, kinds. Each has one spelling in code, database and API.

use serde::{Deserialize, Serialize};

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
    ($($(#[$doc:meta])* $name:ident, $kind:literal {
        $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)?
    })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every word of this kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The one spelling.
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
                let known = || [$($text),+].join(", ");
                Self::ALL
                    .iter()
                    .copied()
                    .find(|word| word.as_str() == text)
                    .ok_or_else(|| UnknownWord { kind: $kind, text: text.to_owned(), known: known() })
            }
        }
    )+};
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

    /// What an issuer's authorities are for.
    IssuerKind, "issuer kind" {
        /// Signs authorities, offline.
        Root = "root",
        /// TLS identities of the server and its agents, nothing else.
        Control = "control",
        /// Signs trust packages, nothing else.
        Trust = "trust",
        /// Signs end-entity certificates.
        Issuing = "issuing",
    }

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

    /// On which side of a handshake an endpoint stands.
    EndpointRole, "endpoint role" {
        /// It listens.
        Server = "server",
        /// It connects.
        Client = "client",
    }

    /// How much it matters that an endpoint works.
    Criticality, "criticality" {
        /// The business stops without it.
        High = "high",
        /// It is missed within the hour.
        Normal = "normal",
        /// It can wait.
        Low = "low",
    }

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

    /// What a certificate is used for, as far as the life cycle cares.
    CertificateKind, "certificate kind" {
        /// An endpoint's or customer's own.
        Leaf = "leaf",
        /// Stands by to prove after distrust that nobody accepts it.
        Canary = "canary",
        /// Proves the barrier of a new generation.
        Probe = "probe",
        /// An agent's or the server's identity under control.
        Control = "control",
        /// A delegated OCSP responder's (RFC 6960 §4.2.2.2).
        Ocsp = "ocsp",
    }

    /// Where a certificate stands on its way to the one who asked.
    CertificateState, "certificate state" {
        /// Recorded, with its serial; not yet linted.
        Intended = "intended",
        /// Passed the lints with a throwaway key; may be asked for.
        Linted = "linted",
        /// Signed, verified and stored.
        Issued = "issued",
        /// The provider did not sign; the serial stays used.
        Failed = "failed",
        /// A signature may exist that nobody was given; the final CRL lists the serial.
        Unknown = "unknown",
    }

    /// Where an attempt at a signature stands.
    AttemptState, "attempt state" {
        /// Recorded; the provider may be at work.
        Asked = "asked",
        /// A signature that verifies.
        Signed = "signed",
        /// Certainly no signature.
        Failed = "failed",
        /// Nobody knows; never retried.
        Unknown = "unknown",
    }

    /// What a signature is for.
    AttemptPurpose, "purpose" {
        /// A certificate.
        Certificate = "certificate",
        /// A revocation list.
        Crl = "crl",
        /// An OCSP answer.
        Ocsp = "ocsp",
        /// A trust package.
        TrustPackage = "trust_package",
        /// What an authority's key signs last, before it is disabled.
        ClosingSet = "closing_set",
        /// Proof that a provider works while one of its keys is disabled.
        Control = "control",
        /// Proof that a disabled key refuses.
        Probe = "probe",
    }

    /// What a key behind a provider is for.
    KeyUse, "key use" {
        /// An authority's own.
        Authority = "authority",
        /// A delegated OCSP responder's.
        Ocsp = "ocsp",
        /// The server's identity under control.
        Server = "server",
        /// Nothing but the control signature that proves a provider up.
        Control = "control",
    }

    /// Whether a key can sign.
    KeyState, "key state" {
        /// It signs.
        Enabled = "enabled",
        /// Its provider refuses to sign with it.
        Disabled = "disabled",
        /// It is no more.
        Destroyed = "destroyed",
        /// It stands elsewhere: offline, or sealed in a kit.
        Absent = "absent",
    }

    /// What a CRL is.
    CrlKind, "CRL kind" {
        /// The regular one.
        Routine = "routine",
        /// Signed at containment; carries honest readers through the transition.
        Transition = "transition",
        /// Everything ever issued; sealed until the authority is revoked.
        Final = "final",
        /// Pre-signed by the root; says revoked.
        Escrow = "escrow",
    }

    /// What happened, as far as one knows; it selects the steps.
    Plan, "plan" {
        /// An issuing authority is compromised.
        Authority = "authority",
        /// A planned change of generation, with no compromise at all.
        Rotation = "rotation",
    }

    /// When to revoke relative to the transition.
    Policy, "policy" {
        /// When the transition is through, or at the deadline.
        Cutover = "cutover",
        /// Before the transition; an outage is accepted.
        Immediate = "immediate",
    }

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

    /// Where an effect stands.
    EffectState, "effect state" {
        /// Decided and about to be, or being, carried out.
        Started = "started",
        /// Carried out; its outcome is recorded.
        Done = "done",
        /// It failed; it may be started again.
        Failed = "failed",
    }

    /// Where a recovery kit stands.
    KitState, "kit state" {
        /// It can be released.
        Ready = "ready",
        /// Two people released it.
        Released = "released",
        /// A later ceremony, or a taint, made it worthless.
        Void = "void",
    }

    /// Where a ceremony stands.
    CeremonyState, "ceremony state" {
        /// The request is out.
        Requested = "requested",
        /// Its response was imported.
        Imported = "imported",
        /// Nobody waits for its response any more.
        Abandoned = "abandoned",
    }
}

impl AuthorityState {
    /// Whether an authority in this state may move on to `next`.
    pub const fn can_become(self, next: Self) -> bool {
        use AuthorityState::{
            Active, Distrusted, Pending, Prepared, Retired, Retiring, Revoked, Tainted,
        };
        matches!(
            (self, next),
            (Pending, Prepared)
                | (Prepared, Active)
                | (Active, Retiring)
                | (Retiring, Retired)
                | (Pending | Prepared | Active | Retiring | Retired, Tainted)
                | (Tainted, Revoked)
                | (Revoked, Distrusted)
        )
    }

    /// Whether a thief may use an authority in this state. There is no way back from here.
    pub const fn is_compromised(self) -> bool {
        matches!(self, Self::Tainted | Self::Revoked | Self::Distrusted)
    }

    /// Whether relying parties should accept what an authority in this state signed.
    pub const fn is_trusted(self) -> bool {
        matches!(self, Self::Prepared | Self::Active | Self::Retiring)
    }
}

impl Role {
    /// Whether this role may give one of the two approvals that destructive steps need.
    pub const fn may_approve(self) -> bool {
        matches!(self, Self::PkiLead | Self::Ciso)
    }
}

impl CertificateState {
    /// Whether a signature exists or may exist, so that a final CRL must list the serial.
    pub const fn may_be_signed(self) -> bool {
        matches!(self, Self::Issued | Self::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_as_written_in_both_forms() {
        for state in AuthorityState::ALL {
            assert_eq!(state.as_str().parse(), Ok(*state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        let error = "boss".parse::<Role>().unwrap_err().to_string();
        assert!(error.contains("pki-lead"), "{error}");
    }

    #[test]
    fn compromise_is_a_one_way_street() {
        for from in AuthorityState::ALL.iter().filter(|s| s.is_compromised()) {
            for to in AuthorityState::ALL.iter().filter(|s| !s.is_compromised()) {
                assert!(!from.can_become(*to), "{from} → {to}");
            }
        }
    }

    #[test]
    fn every_uncompromised_state_can_be_tainted_and_none_skips_a_step() {
        use AuthorityState::{Active, Distrusted, Pending, Revoked, Tainted};
        for from in AuthorityState::ALL.iter().filter(|s| !s.is_compromised()) {
            assert!(from.can_become(Tainted));
            assert!(!from.can_become(Revoked));
        }
        assert!(!Pending.can_become(Active));
        assert!(!Tainted.can_become(Distrusted));
        assert!(AuthorityState::ALL.iter().all(|s| !s.can_become(*s)));
    }
}
