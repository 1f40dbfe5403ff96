//! End-entity certificates, their revocations, attempts at signatures, and revocation lists.

use serde::{Deserialize, Serialize};
use skink_x509::{Fingerprint, KeyDigest, Serial, SignatureAlgorithm, Time, crl::Reason};

use crate::{
    AgentName, AttemptId, AttemptPurpose, AttemptState, AuthorityId, CertificateId,
    CertificateKind, CertificateState, Channel, CrlKind, EndpointName, IncidentId, ProfileName,
    wire,
};

/// A certificate's indexed facts: who asked, through which channel, where it runs, what took its
/// place. Its DER is kept apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateRow {
    /// 32 hexadecimal digits.
    pub id: CertificateId,
    /// The generation that signs it.
    pub authority: AuthorityId,
    /// Unique within the authority.
    #[serde(with = "wire::text")]
    pub serial: Serial,
    /// What it is used for.
    pub kind: CertificateKind,
    /// Where it stands.
    pub state: CertificateState,
    /// The profile it was made by.
    pub profile: ProfileName,
    /// The name that people look for: the first DNS name or the common name.
    pub name: String,
    /// Every name in it.
    pub names: Vec<String>,
    /// Digest of the normalised public key.
    #[serde(with = "wire::text")]
    pub key_digest: KeyDigest,
    /// The CRL partition that its distribution point names; fixed at issuance.
    pub partition: u32,
    /// Begin of validity.
    #[serde(with = "wire::millis")]
    pub not_before: Time,
    /// End of validity.
    #[serde(with = "wire::millis")]
    pub not_after: Time,
    /// The way the request came in.
    pub channel: Channel,
    /// Who asked: `operator:alice`, `agent:web-1`, `server`.
    pub requested_by: String,
    /// Where it runs.
    pub endpoint: Option<EndpointName>,
    /// The agent that holds its key.
    pub agent: Option<AgentName>,
    /// The certificate whose place it takes.
    pub replaces: Option<CertificateId>,
    /// The certificate that took its place.
    pub replaced_by: Option<CertificateId>,
    /// When it was intended.
    #[serde(with = "wire::millis")]
    pub created_at: Time,
    /// When it was issued.
    #[serde(with = "wire::millis_option", default)]
    pub issued_at: Option<Time>,
    /// SHA-256 of its DER, once issued.
    #[serde(with = "wire::text_option", default)]
    pub fingerprint: Option<Fingerprint>,
}

/// One revoked serial, as CRLs and OCSP read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The authority whose serial it is.
    pub authority: AuthorityId,
    /// Its CRL partition.
    pub partition: u32,
    /// The serial.
    #[serde(with = "wire::text")]
    pub serial: Serial,
    /// Since when it is revoked.
    #[serde(with = "wire::millis")]
    pub revoked_at: Time,
    /// Why.
    #[serde(with = "wire::text")]
    pub reason: Reason,
    /// Since when the key may have been in other hands.
    #[serde(with = "wire::millis_option", default)]
    pub invalidity_date: Option<Time>,
}

/// One attempt at one signature: one provider call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// 32 hexadecimal digits.
    pub id: AttemptId,
    /// The authority in whose name is signed.
    pub authority: AuthorityId,
    /// Its key's URI.
    pub key: String,
    /// What the signature is for.
    pub purpose: AttemptPurpose,
    /// The thing signed: a certificate's id, a list's scope and number, a package's digest.
    pub subject: String,
    /// How it is signed.
    #[serde(with = "wire::text")]
    pub algorithm: SignatureAlgorithm,
    /// The incident it belongs to, if to one.
    pub incident: Option<IncidentId>,
    /// Where it stands.
    pub state: AttemptState,
    /// When it was asked.
    #[serde(with = "wire::millis")]
    pub asked_at: Time,
    /// When it was settled.
    #[serde(with = "wire::millis_option", default)]
    pub settled_at: Option<Time>,
    /// The provider's code of a failure.
    pub code: Option<String>,
    /// The key service's own id of the call: what its log is paired with this ledger by.
    #[serde(default)]
    pub request_id: Option<String>,
}

/// How often an authority's key was used, by the ledger.
///
/// A provider's own count is at most [`AttemptCounts::most_uses`]: a surplus is somebody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptCounts {
    /// Open attempts.
    pub asked: u64,
    /// Signatures made.
    pub signed: u64,
    /// Certainly no signature.
    pub failed: u64,
    /// Perhaps a signature.
    pub unknown: u64,
}

impl AttemptCounts {
    /// The most signatures that the key can have made for us.
    pub const fn most_uses(self) -> u64 {
        self.signed.saturating_add(self.unknown).saturating_add(self.asked)
    }
}

/// One revocation list, by its number. Its DER is kept apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrlRow {
    /// The path under `/crl/`: `workloads-g1/p0`, `root/workloads-g1`.
    pub scope: String,
    /// Only goes up within a scope.
    pub number: u64,
    /// The authority that signs it.
    pub authority: AuthorityId,
    /// What it is.
    pub kind: CrlKind,
    /// When its number was taken.
    #[serde(with = "wire::millis")]
    pub reserved_at: Time,
    /// What was signed, once it is.
    pub signed: Option<CrlFacts>,
    /// Since when it is at its distribution point.
    #[serde(with = "wire::millis_option", default)]
    pub published_at: Option<Time>,
    /// The incident it belongs to, if to one.
    pub incident: Option<IncidentId>,
}

/// What a signed list says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrlFacts {
    /// From when.
    #[serde(with = "wire::millis")]
    pub this_update: Time,
    /// Until when.
    #[serde(with = "wire::millis")]
    pub next_update: Time,
    /// How many serials.
    pub entries: u64,
    /// Bytes of DER.
    pub size: u64,
    /// SHA-256 of the DER.
    #[serde(with = "wire::text")]
    pub digest: Fingerprint,
}
