//! Relying parties and the agents that tend them, with what they proved.

use serde::{Deserialize, Serialize};
use skink_x509::{Fingerprint, KeyDigest, Time};

use crate::{
    AgentName, AuthorityId, CertificateId, Criticality, EndpointName, EndpointRole, IncidentId,
    IssuerName, Mechanism, ProfileName, TokenId, wire,
};

/// An enrolled agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its name.
    pub name: AgentName,
    /// The token that let it in.
    pub token: TokenId,
    /// The program's version.
    pub version: String,
    /// When it enrolled.
    #[serde(with = "wire::millis")]
    pub enrolled_at: Time,
    /// When it was last heard of.
    #[serde(with = "wire::millis_option", default)]
    pub last_seen: Option<Time>,
    /// Its clock minus the server's, as it said last.
    pub clock_offset_ms: Option<i64>,
    /// When it was shut out.
    #[serde(with = "wire::millis_option", default)]
    pub disabled_at: Option<Time>,
}

/// A key and certificate by which the server knows an agent. A chain alone lets nobody in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentKey {
    /// Whose it is.
    pub agent: AgentName,
    /// SHA-256 of the certificate under control.
    #[serde(with = "wire::text")]
    pub fingerprint: Fingerprint,
    /// Digest of the normalised public key.
    #[serde(with = "wire::text")]
    pub key_digest: KeyDigest,
    /// `SubjectPublicKeyInfo` of the key, to verify what the agent signs.
    pub spki_der: Vec<u8>,
    /// Since when.
    #[serde(with = "wire::millis")]
    pub added_at: Time,
    /// End of the certificate's validity.
    #[serde(with = "wire::millis")]
    pub not_after: Time,
}

/// A place where a certificate is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its name, unique.
    pub name: EndpointName,
    /// The side of the handshake it stands on.
    pub role: EndpointRole,
    /// How it stops trusting an authority.
    pub mechanism: Mechanism,
    /// The service: `payments`.
    pub service: String,
    /// The issuer its certificates come from.
    pub issuer: IssuerName,
    /// The profile of its certificates.
    pub profile: ProfileName,
    /// DNS names and IP addresses that it may have, and no others.
    pub names: Vec<String>,
    /// `host:port` where it listens, if it does.
    pub address: Option<String>,
    /// Whom to ask.
    pub owner: String,
    /// How much it matters.
    pub criticality: Criticality,
    /// The agent that tends it; without one it is unmanaged.
    pub agent: Option<AgentName>,
    /// What its agent said last.
    pub installed: Option<Installed>,
    /// What its agent could not do.
    pub error: Option<String>,
}

/// A certificate installed, reloaded and seen in a handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// SHA-256 of the certificate.
    #[serde(with = "wire::text")]
    pub fingerprint: Fingerprint,
    /// Its row, if it is ours.
    pub certificate: Option<CertificateId>,
    /// The generation that signed it.
    pub authority: Option<AuthorityId>,
    /// When the handshake showed it.
    #[serde(with = "wire::millis")]
    pub proven_at: Time,
    /// Whether it is a return to the last good pair.
    pub rolled_back: bool,
}

/// A trust package, by what is indexed of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Epoch of the trust key.
    pub epoch: u64,
    /// Version within the epoch.
    pub version: u64,
    /// SHA-256 of the envelope.
    #[serde(with = "wire::text")]
    pub digest: Fingerprint,
    /// The signed envelope, byte for byte.
    pub envelope: Vec<u8>,
    /// Digests of the parts that it binds.
    pub parts: Vec<String>,
    /// When it was signed.
    #[serde(with = "wire::millis")]
    pub issued_at: Time,
    /// When it expires.
    #[serde(with = "wire::millis")]
    pub not_after: Time,
    /// Why there is a new one.
    pub reason: String,
    /// The incident it belongs to, if to one.
    pub incident: Option<IncidentId>,
}

/// What a package is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PackageVersion {
    /// Epoch of the trust key.
    pub epoch: u64,
    /// Version within the epoch.
    pub version: u64,
}

/// An endpoint runs a package: signed by its agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// Epoch of what runs.
    pub epoch: u64,
    /// Version of what runs.
    pub version: u64,
    /// Digest of what runs.
    #[serde(with = "wire::text")]
    pub digest: Fingerprint,
    /// The agent that says so.
    pub agent: AgentName,
    /// The nonce it signed over.
    pub nonce: String,
    /// Its signature.
    pub signature: Vec<u8>,
    /// When it came.
    #[serde(with = "wire::millis")]
    pub at: Time,
}

/// An endpoint is past a generation: full handshakes with data, accepted for a certificate of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BarrierProof {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// The generation.
    pub authority: AuthorityId,
    /// The package that ran meanwhile.
    pub package: PackageVersion,
    /// Its digest.
    #[serde(with = "wire::text")]
    pub digest: Fingerprint,
    /// Consecutive full handshakes with data exchanged.
    pub handshakes: u32,
    /// When the first of them was made.
    #[serde(with = "wire::millis")]
    pub first: Time,
    /// When the last of them was made.
    #[serde(with = "wire::millis")]
    pub last: Time,
    /// The agent's clock minus the server's.
    pub clock_offset_ms: i64,
    /// When the proof came.
    #[serde(with = "wire::millis")]
    pub at: Time,
}

/// An endpoint refused a generation's canary as a certificate and accepted a legitimate one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DistrustProof {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// The generation.
    pub authority: AuthorityId,
    /// The package that ran meanwhile.
    pub package: PackageVersion,
    /// Its digest.
    #[serde(with = "wire::text")]
    pub digest: Fingerprint,
    /// The reason of the refusal as the relying party gave it.
    pub refusal: String,
    /// When it refused.
    #[serde(with = "wire::millis")]
    pub refused_at: Time,
    /// The generation whose certificate was accepted as a control.
    pub control_authority: AuthorityId,
    /// When the control was accepted.
    #[serde(with = "wire::millis")]
    pub control_at: Time,
    /// When the proof came.
    #[serde(with = "wire::millis")]
    pub at: Time,
}

/// A peer's certificate that an endpoint accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerSeen {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// SHA-256 of the peer's certificate.
    #[serde(with = "wire::text")]
    pub fingerprint: Fingerprint,
    /// The generation that signed it, if anybody can tell.
    pub authority: Option<AuthorityId>,
    /// When it was last seen.
    #[serde(with = "wire::millis")]
    pub last_seen: Time,
}

/// A CRL as an agent read it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrlRead {
    /// The agent.
    pub agent: AgentName,
    /// The list's scope.
    pub scope: String,
    /// Its number.
    pub number: u64,
    /// SHA-256 of its DER.
    #[serde(with = "wire::text")]
    pub digest: Fingerprint,
    /// When it was read.
    #[serde(with = "wire::millis")]
    pub at: Time,
}

/// "Renew now", to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewOrder {
    /// Its number; goes up over all endpoints.
    pub number: u64,
    /// The endpoint.
    pub endpoint: EndpointName,
    /// The generation it should move to.
    pub authority: AuthorityId,
    /// The incident it belongs to, if to one.
    pub incident: Option<IncidentId>,
    /// When it was given.
    #[serde(with = "wire::millis")]
    pub at: Time,
}

impl RenewOrder {
    /// Whether any certificate of the generation will do: an incident moves its endpoints. A person
    /// who orders wants a certificate that is newer than the order.
    pub const fn wants_generation(&self) -> bool {
        self.incident.is_some()
    }
}
