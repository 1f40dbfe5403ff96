//! End-entity certificates: asking, finding, revoking.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Channel;

/// Asks for a certificate.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueRequest {
    /// The issuer, by its stable name.
    pub issuer: String,
    /// The profile.
    pub profile: String,
    /// PKCS#10 with proof of possession; its subject alternative names are the names.
    pub csr_pem: String,
    /// Seconds of validity; the profile's default unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_s: Option<u64>,
    /// The endpoint it is for, if it is known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Whoever asks again, because an answer was lost, gets the certificate that was issued for the
    /// same key, names and profile, as long as it is good and not replaced. At whichever server, and
    /// at the same time: one certificate.
    #[serde(default)]
    pub once: bool,
    /// Lint and say what would be issued, sign nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What was issued (or, in a dry run, would be: then without PEM).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct IssuedCertificate {
    /// Its row.
    pub id: String,
    /// The generation that signed it.
    pub authority: String,
    /// Lower-case hex.
    pub serial: String,
    /// SHA-256 of the certificate.
    pub fingerprint: String,
    /// Begin of validity.
    pub not_before_ms: i64,
    /// End of validity.
    pub not_after_ms: i64,
    /// The certificate.
    pub certificate_pem: String,
    /// The authorities above it, without the root.
    pub chain_pem: String,
}

/// One certificate as the database knows it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// Its row.
    pub id: String,
    /// The issuer's stable name.
    pub issuer: String,
    /// The generation that signed it.
    pub authority: String,
    /// The profile.
    pub profile: String,
    /// Lower-case hex.
    pub serial: String,
    /// SHA-256 of the certificate, once it is issued.
    pub fingerprint: Option<String>,
    /// Digest of the normalised public key.
    pub key_digest: String,
    /// Subject, RFC 4514.
    pub subject: String,
    /// The first subject alternative name, or the common name.
    pub name: String,
    /// Begin of validity.
    pub not_before_ms: i64,
    /// End of validity.
    pub not_after_ms: i64,
    /// `intended`, `issued`, `failed`, `revoked`, `expired`.
    pub state: String,
    /// The way the request came in.
    pub channel: Channel,
    /// Who asked.
    pub requested_by: String,
    /// Where it runs.
    pub endpoint: Option<String>,
    /// The certificate that took its place.
    pub replaced_by: Option<String>,
    /// If it is revoked.
    pub revocation: Option<Revocation>,
    /// The certificate; only when one is asked for by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_pem: Option<String>,
}

/// A revocation.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Revocation {
    /// When it was revoked.
    pub revoked_at_ms: i64,
    /// RFC 5280 name: `keyCompromise`, …
    pub reason: String,
    /// Since when the key may have been in other hands.
    pub invalidity_date_ms: Option<i64>,
}

/// Which certificates.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateQuery {
    /// Begin of the name, of the serial, or of the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Only of this generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Only for this endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// How many, 1 to 1000; 100 unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Revokes one certificate.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// RFC 5280 name: `keyCompromise`, `superseded`, `cessationOfOperation`, …
    pub reason: String,
    /// Since when the key may have been in other hands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalidity_date_ms: Option<i64>,
    /// Say what would be revoked, change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Revokes a set at once. The fields narrow the set together.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeSet {
    /// The generation whose certificates they are.
    pub authority: String,
    /// Only of this profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Only those whose name begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Only for this endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Only for endpoints of this owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// RFC 5280 name.
    pub reason: String,
    /// Since when the keys may have been in other hands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalidity_date_ms: Option<i64>,
    /// Count, change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// How the serials of a list are revoked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeSerials {
    /// RFC 5280 name.
    pub reason: String,
    /// Since when the keys may have been in other hands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalidity_date_ms: Option<i64>,
    /// Count, change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a list of serials came to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SerialsRevoked {
    /// How many were revoked by this request (or would be).
    pub revoked: u64,
    /// How many were revoked before.
    pub revoked_before: u64,
    /// How many the authority never certified.
    pub unknown: u64,
    /// The CRL that says so, once it is out; the highest number where several say so.
    pub crl_number: Option<u64>,
    /// Whether anything changed.
    pub dry_run: bool,
}

/// A key that was found where it must not be: in a repository, in a dump, on a stolen disk.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyFound {
    /// Its public half, `SubjectPublicKeyInfo` as PEM. The private half is sent to nobody.
    pub public_key_pem: String,
    /// Where it was found, for the journal.
    pub found: String,
    /// Since when it may have been in other hands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalidity_date_ms: Option<i64>,
    /// Say what would be revoked, change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What was ever certified for a found key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct KeyRevoked {
    /// SHA-256 of the normalised public key: nothing is certified for it again.
    pub key_digest: String,
    /// Every certificate of it, as it was found.
    pub certificates: Vec<Certificate>,
    /// How many of them were revoked by this request (or would be).
    pub revoked: u64,
    /// Whether anything changed.
    pub dry_run: bool,
}

/// What a revocation did.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RevokeOutcome {
    /// How many were revoked by this request (or would be).
    pub revoked: u64,
    /// The CRL that says so, once it is out; the highest number where several say so.
    pub crl_number: Option<u64>,
    /// Whether anything changed.
    pub dry_run: bool,
}
