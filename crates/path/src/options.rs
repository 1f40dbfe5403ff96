//! What a path is to be good for.

use std::collections::HashSet;
use std::net::IpAddr;

use skink_x509::ocsp::OcspResponse;
use skink_x509::{KeyDigest, ObjectIdentifier, Time, oid};

/// What the end entity's key is used for in the case at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// A TLS server.
    Server,
    /// A TLS client.
    Client,
    /// A delegated OCSP responder.
    OcspSigning,
    /// Signing trust packages.
    TrustPackage,
    /// Signing code.
    CodeSigning,
    /// Mail.
    EmailProtection,
    /// Time stamps.
    TimeStamping,
    /// Nothing in particular: extended key usages are not looked at.
    Any,
}

impl Purpose {
    pub(crate) const fn oid(self) -> Option<ObjectIdentifier> {
        match self {
            Self::Server => Some(oid::SERVER_AUTH),
            Self::Client => Some(oid::CLIENT_AUTH),
            Self::OcspSigning => Some(oid::OCSP_SIGNING),
            Self::TrustPackage => Some(oid::SKINK_TRUST),
            Self::CodeSigning => Some(oid::CODE_SIGNING),
            Self::EmailProtection => Some(oid::EMAIL_PROTECTION),
            Self::TimeStamping => Some(oid::TIME_STAMPING),
            Self::Any => None,
        }
    }
}

/// The name that the end entity must have.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PeerName {
    /// Any or none.
    #[default]
    None,
    /// A host by its DNS name (RFC 9525).
    Dns(String),
    /// A host by its address.
    Ip(IpAddr),
    /// A mailbox.
    Email(String),
    /// A URI, compared exactly (SPIFFE and the like).
    Uri(String),
}

/// How strict to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Profile {
    /// RFC 5280, sections 4 and 6.
    Rfc5280,
    /// That, and more: an extended key usage is required, names come from the subjectAltName only,
    /// weak keys are refused, an authority is no peer, CRLs are signed with the issuer's own key, and a
    /// server's certificate is as the Baseline Requirements of the CA/Browser Forum have it.
    #[default]
    Webpki,
}

/// What a broken rule about the form of a certificate does: an identifier that is missing, a flag
/// that is set, a name that is malformed (RFC 5280 §4). Rules that decide who may speak for whom are
/// not among them: those always refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Formalities {
    /// It is a warning, as a relying party in a handshake would have it.
    #[default]
    Warn,
    /// A broken MUST refuses the certificate, as somebody who examines it would have it.
    Refuse,
}

/// Whose revocation is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Revocation {
    /// Nobody's.
    #[default]
    Off,
    /// The end entity's.
    Leaf,
    /// Everybody's below the anchor.
    Chain,
}

/// How to validate.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// The instant at which everything must be valid.
    pub time: Time,
    /// What the end entity's key is used for.
    pub purpose: Purpose,
    /// The name that the end entity must have.
    pub name: PeerName,
    /// How strict to be.
    pub profile: Profile,
    /// What a broken rule about the form of a certificate does.
    pub formalities: Formalities,
    /// Whose revocation is looked at.
    pub revocation: Revocation,
    /// Keys that no certificate on the path may carry, by digest of the normalised key.
    pub denied: Option<&'a HashSet<KeyDigest>>,
    /// OCSP responses at hand, looked at where revocation is.
    pub ocsp: &'a [OcspResponse],
    /// The certificate policies one of which must be valid where one is required; none stand for
    /// any policy (RFC 5280 §6.1.1 (c)).
    pub policies: Vec<ObjectIdentifier>,
    /// Whether a valid policy is required from the anchor on.
    pub explicit_policy: bool,
    /// Whether policy mappings count for nothing from the anchor on.
    pub inhibit_mapping: bool,
    /// Whether anyPolicy counts for nothing from the anchor on.
    pub inhibit_any_policy: bool,
    /// The most intermediate certificates between end entity and anchor; those with one name for
    /// issuer and subject do not count.
    pub max_intermediates: usize,
    /// The most signatures verified in one call; everything else that is done is bounded by it.
    pub budget: u32,
}

impl<'a> Options<'a> {
    /// Stands for most uses: profile `webpki`, no revocation, no denied keys, at most 8
    /// intermediates, a budget of 100 signatures.
    pub fn new(time: Time, purpose: Purpose) -> Self {
        Self {
            time,
            purpose,
            name: PeerName::None,
            profile: Profile::Webpki,
            formalities: Formalities::Warn,
            revocation: Revocation::Off,
            denied: None,
            ocsp: &[],
            policies: Vec::new(),
            explicit_policy: false,
            inhibit_mapping: false,
            inhibit_any_policy: false,
            max_intermediates: 8,
            budget: 100,
        }
    }

    /// With a name that the end entity must have.
    pub fn named(self, name: PeerName) -> Self {
        Self { name, ..self }
    }

    /// With keys that no certificate on the path may carry.
    pub fn denying(self, denied: &'a HashSet<KeyDigest>) -> Self {
        Self { denied: Some(denied), ..self }
    }

    /// With every MUST of RFC 5280 §4 enforced.
    pub fn formal(self) -> Self {
        Self { formalities: Formalities::Refuse, ..self }
    }

    /// With revocation.
    pub fn checking(self, revocation: Revocation) -> Self {
        Self { revocation, ..self }
    }
}

impl std::fmt::Display for PeerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("any name"),
            Self::Dns(name) => write!(f, "DNS:{name}"),
            Self::Ip(ip) => write!(f, "IP:{ip}"),
            Self::Email(mailbox) => write!(f, "email:{mailbox}"),
            Self::Uri(uri) => write!(f, "URI:{uri}"),
        }
    }
}
