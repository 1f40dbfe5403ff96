//! Issuers, their generations, and the keys behind them.

use serde::{Deserialize, Serialize};
use skink_x509::{Fingerprint, KeyAlgorithm, KeyDigest, Time};

use crate::{
    AuthorityId, AuthorityState, IncidentId, IssuerKind, IssuerName, KeyState, KeyUse, ProfileName,
    wire,
};

/// The stable name that profiles, agents and people refer to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// `workloads`.
    pub name: IssuerName,
    /// What its authorities are for.
    pub kind: IssuerKind,
    /// The profiles that may be asked for.
    pub profiles: Vec<ProfileName>,
    /// When it was made.
    #[serde(with = "wire::millis")]
    pub created_at: Time,
}

/// One CA certificate with its key: a generation of an issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// `workloads-g1`.
    pub id: AuthorityId,
    /// The issuer it is a generation of.
    pub issuer: IssuerName,
    /// From 1.
    pub generation: u32,
    /// The authority that signed it; none for a root.
    pub parent: Option<AuthorityId>,
    /// Its place in life.
    pub state: AuthorityState,
    /// If it issues nothing for now.
    pub frozen: Option<Freeze>,
    /// If a thief may use it.
    pub taint: Option<Taint>,
    /// Whether anybody may be issued from it; until then only probes and canaries.
    pub barrier_open: bool,
    /// Whether its closing set is signed, so that its key signs nothing more.
    pub closed: bool,
    /// Its key.
    pub key: AuthorityKey,
    /// Its certificate, once its parent signed it.
    pub certificate: Option<AuthorityCertificate>,
    /// The distribution point in the certificates that it signs.
    pub crl_uri: Option<String>,
    /// How many lists share its revocations.
    #[serde(default = "one")]
    pub crl_partitions: u32,
    /// When it was made.
    #[serde(with = "wire::millis")]
    pub created_at: Time,
    /// When it became active.
    #[serde(with = "wire::millis_option", default)]
    pub activated_at: Option<Time>,
}

const fn one() -> u32 {
    1
}

/// An authority's key, by what is public of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityKey {
    /// The key's URI at its provider; none where the key is not the server's.
    pub uri: Option<String>,
    /// What kind of key it is.
    #[serde(with = "wire::text")]
    pub algorithm: KeyAlgorithm,
    /// Digest of the normalised public key.
    #[serde(with = "wire::text")]
    pub digest: KeyDigest,
    /// Its PKCS#10, for the ceremony.
    pub csr_pem: Option<String>,
}

/// An authority's certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityCertificate {
    /// The certificate.
    pub pem: String,
    /// SHA-256 of its DER.
    #[serde(with = "wire::text")]
    pub fingerprint: Fingerprint,
    /// Begin of validity.
    #[serde(with = "wire::millis")]
    pub not_before: Time,
    /// End of validity.
    #[serde(with = "wire::millis")]
    pub not_after: Time,
}

/// Why and since when an authority issues nothing. Reversible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// Since when.
    #[serde(with = "wire::millis")]
    pub at: Time,
    /// Why.
    pub reason: String,
    /// The incident that froze it, if one did.
    pub incident: Option<IncidentId>,
}

/// Why and since when a thief may use an authority. Irreversible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taint {
    /// When two people said so.
    #[serde(with = "wire::millis")]
    pub at: Time,
    /// The incident it belongs to.
    pub incident: IncidentId,
    /// Since when the thief may have had it.
    #[serde(with = "wire::millis_option", default)]
    pub suspected_since: Option<Time>,
    /// The state it was in before; not known of taints older than this field.
    #[serde(default)]
    pub from: Option<AuthorityState>,
}

/// A key behind a provider, as the server knows it. Private material is nowhere near.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    /// `software:workloads-g1`.
    pub uri: String,
    /// What it is for.
    pub key_use: KeyUse,
    /// The authority it belongs to, if to one.
    pub authority: Option<AuthorityId>,
    /// What kind of key it is.
    #[serde(with = "wire::text")]
    pub algorithm: KeyAlgorithm,
    /// Digest of the normalised public key.
    #[serde(with = "wire::text")]
    pub digest: KeyDigest,
    /// Whether it signs, as far as we were last told.
    pub state: KeyState,
    /// The provider's own code of the refusal that proved it disabled.
    pub refusal_code: Option<String>,
    /// When it was made or taken over.
    #[serde(with = "wire::millis")]
    pub created_at: Time,
    /// When its state was last told.
    #[serde(with = "wire::millis")]
    pub changed_at: Time,
}

/// A key that nothing may ever be certified for again. Blocked is blocked for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedKey {
    /// Digest of the normalised public key.
    #[serde(with = "wire::text")]
    pub digest: KeyDigest,
    /// Why.
    pub reason: String,
    /// The incident it belongs to, if to one.
    pub incident: Option<IncidentId>,
    /// Since when.
    #[serde(with = "wire::millis")]
    pub at: Time,
}
