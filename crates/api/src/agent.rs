//! The agents' API, `/agent/v1/`, over the control hierarchy.
//!
//! An agent takes no commands: a poll tells it only which package is out and which endpoints
//! should renew now.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::EndpointSpec;

/// `POST /agent/v1/enroll`, the one call without a client certificate.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrollRequest {
    /// The token's public half.
    pub token_id: String,
    /// The token's secret half.
    pub secret: String,
    /// The agent's name; the token's.
    pub agent: String,
    /// PKCS#10 of the agent's own key, made and kept on the host.
    pub csr_pem: String,
    /// The agent program's version.
    pub version: String,
}

impl std::fmt::Debug for EnrollRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrollRequest").field("agent", &self.agent).finish_non_exhaustive()
    }
}

/// An agent that is let in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Enrolled {
    /// The agent's name.
    pub agent: String,
    /// The trust domain.
    pub domain: String,
    /// Its certificate under control.
    pub certificate_pem: String,
    /// The control authority.
    pub chain_pem: String,
    /// The root; its fingerprint is in the token.
    pub root_pem: String,
    /// The endpoints that it tends.
    pub endpoints: Vec<EndpointSpec>,
    /// The package that is out.
    pub package: PackageRef,
    /// The server's clock.
    pub server_time_ms: i64,
}

/// Names one trust package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageRef {
    /// Epoch of the trust key.
    pub epoch: u64,
    /// Version within the epoch.
    pub version: u64,
    /// SHA-256 of the signed envelope.
    pub digest: String,
}

/// Query of `GET /agent/v1/poll`: answered at once when there is news, else after `wait_ms`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PollQuery {
    /// What the agent holds.
    #[serde(default)]
    pub epoch: u64,
    /// What the agent holds.
    #[serde(default)]
    pub version: u64,
    /// Orders to renew that the agent has seen: the highest `order` of the last answer.
    #[serde(default)]
    pub order: u64,
    /// How long to wait for news; at most 60,000.
    #[serde(default)]
    pub wait_ms: u64,
}

/// The answer to a poll.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PollAnswer {
    /// The package that is out.
    pub package: PackageRef,
    /// Endpoints that should ask for a new certificate now.
    pub renew: Vec<RenewNow>,
    /// Number of the newest order in `renew`, to be given back in the next poll.
    pub order: u64,
    /// To be signed with the next acknowledgement.
    pub nonce: String,
    /// The server's clock.
    pub server_time_ms: i64,
    /// Least time to the next poll; 0 for at once.
    pub retry_after_ms: u64,
}

/// "Renew now".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RenewNow {
    /// The endpoint.
    pub endpoint: String,
    /// The generation it should move to.
    pub authority: String,
    /// The order's number. A server that was restored may count again: the time goes with it.
    pub number: u64,
    /// When the order was given.
    pub at_ms: i64,
    /// Whether the certificate must be newer than the order; else any of that generation will do.
    pub anew: bool,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// The endpoint's own.
    Leaf,
    /// The agent's standing canary of one generation; also what it probes the barrier with.
    Canary,
    /// The agent's own certificate under control.
    Control,
}

/// `POST /agent/v1/certificates`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateRequest {
    /// What it is for.
    pub purpose: Purpose,
    /// The endpoint, for a leaf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The issuer, for a canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// PKCS#10 with proof of possession.
    pub csr_pem: String,
}

/// The certificate that was asked for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CertificateAnswer {
    /// Its row.
    pub certificate_id: String,
    /// The generation that signed it.
    pub authority: String,
    /// The certificate.
    pub certificate_pem: String,
    /// The authorities above it, without the root.
    pub chain_pem: String,
    /// An OCSP response to staple, base64 of DER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staple: Option<String>,
}

/// `POST /agent/v1/report`: what became of what was asked. Every part may come again.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The agent's clock minus the server's, as the agent estimates it.
    #[serde(default)]
    pub clock_offset_ms: i64,
    /// Endpoint by endpoint; absent ones have no news.
    #[serde(default)]
    pub endpoints: Vec<EndpointReport>,
    /// CRLs that the agent read at distribution points or holds in its package.
    #[serde(default)]
    pub crls: Vec<CrlRead>,
    /// The envelope of the package that the agent holds, Base64, when the server has an older one
    /// out or another one of the same version: signed by the trust key, it shows a server that was
    /// restored what it has forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
}

/// News of one endpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointReport {
    /// Which.
    pub endpoint: String,
    /// It installed and loaded a package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack: Option<Ack>,
    /// It is past a generation.
    #[serde(default)]
    pub barrier: Vec<BarrierProof>,
    /// It refuses a generation.
    #[serde(default)]
    pub distrust: Vec<DistrustProof>,
    /// The certificate it presents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed: Option<Installed>,
    /// Peers' certificates that it accepted.
    #[serde(default)]
    pub peers: Vec<PeerSeen>,
    /// Whether `peers` is a measurement (so that an empty list means: none were seen).
    #[serde(default)]
    pub peers_measured: bool,
    /// What it could not do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// An acknowledgement, signed with the agent's enrolled key over [`Ack::signing_input`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// Epoch of what runs.
    pub epoch: u64,
    /// Version of what runs.
    pub version: u64,
    /// Digest of what runs.
    pub digest: String,
    /// The nonce of a poll.
    pub nonce: String,
    /// Base64 of the signature (ECDSA: DER; with the key's own algorithm).
    pub signature: String,
}

impl Ack {
    /// The bytes that are signed.
    pub fn signing_input(
        agent: &str,
        endpoint: &str,
        package: &PackageRef,
        nonce: &str,
    ) -> Vec<u8> {
        let PackageRef { epoch, version, digest } = package;
        format!("skink-ack-v1\n{agent}\n{endpoint}\n{epoch}\n{version}\n{digest}\n{nonce}\n")
            .into_bytes()
    }
}

/// Full handshakes with data, accepted for a certificate of the generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BarrierProof {
    /// The generation.
    pub authority: String,
    /// Epoch of the package that ran meanwhile.
    pub epoch: u64,
    /// Version of the package that ran meanwhile.
    pub version: u64,
    /// Digest of the package that ran meanwhile.
    pub digest: String,
    /// Consecutive full handshakes with data exchanged.
    pub handshakes: u32,
    /// When the first of them was made.
    pub first_ms: i64,
    /// When the last of them was made.
    pub last_ms: i64,
}

/// The canary of a generation was refused as a certificate, and a legitimate one accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DistrustProof {
    /// The generation.
    pub authority: String,
    /// Epoch of the package that ran meanwhile.
    pub epoch: u64,
    /// Version of the package that ran meanwhile.
    pub version: u64,
    /// Digest of the package that ran meanwhile.
    pub digest: String,
    /// The reason of the refusal as the relying party gave it: an alert or an error.
    pub refusal: String,
    /// When it refused.
    pub refused_at_ms: i64,
    /// The generation whose certificate was accepted as a control.
    pub control_authority: String,
    /// When the control was accepted, on the same listener.
    pub control_at_ms: i64,
}

/// A certificate installed, reloaded and seen in a handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Installed {
    /// SHA-256 of the certificate.
    pub fingerprint: String,
    /// The generation that signed it.
    pub authority: String,
    /// When the handshake showed it.
    pub proven_at_ms: i64,
    /// Whether it is a return to the last good pair.
    #[serde(default)]
    pub rolled_back: bool,
}

/// A peer's certificate that an endpoint accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerSeen {
    /// SHA-256 of the peer's certificate.
    pub fingerprint: String,
    /// The generation that signed it, if the agent can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// When it was last seen.
    pub last_seen_ms: i64,
}

/// A CRL read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CrlRead {
    /// Its scope: the path under the public URL (`/crl/workloads-g1/p0.crl`).
    pub scope: String,
    /// Its number, decimal.
    pub number: String,
    /// SHA-256 of the list.
    pub digest: String,
    /// When it was read.
    pub at_ms: i64,
    /// The list itself, Base64 of DER, where the root signed it: only then is its number a floor
    /// for a server that has forgotten it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub der: Option<String>,
}
