//! What is held, as a file keeps it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use skink_x509::crl::Crl;
use skink_x509::{Certificate, KeyDigest, ParseError, Time};

use crate::held::Package;
use crate::{
    AnchorsPart, AuthorityKind, AuthorityState, Digest, Edition, Held, HeldAuthority, HeldCrl,
    Refusal, Status, text,
};

/// Format that is written and read.
pub const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format: u32,
    domain: String,
    stream: String,
    edition: Edition,
    roots: Vec<String>,
    package: Option<PackageRecord>,
    authorities: Vec<AuthorityRecord>,
    crls: Vec<CrlRecord>,
    #[serde(with = "text::list")]
    tainted: Vec<KeyDigest>,
    #[serde(with = "text::list")]
    denied: Vec<KeyDigest>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PackageRecord {
    digest: Digest,
    not_after_ms: i64,
    #[serde(default)]
    envelope: Option<String>,
    anchors: String,
    status: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthorityRecord {
    id: String,
    issuer: String,
    generation: u32,
    kind: AuthorityKind,
    state: AuthorityState,
    certificate: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CrlRecord {
    scope: String,
    by_root: bool,
    der: String,
}

/// A record cannot be read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadRecord {
    /// Not JSON, or not this structure.
    #[error("the trust record cannot be read")]
    Json(#[source] serde_json::Error),
    /// Written by another version.
    #[error("the trust record has format {0}; this version reads {FORMAT}")]
    Format(u32),
    /// A certificate or a list in it is damaged.
    #[error("the trust record holds a damaged {what}")]
    Damaged {
        /// What is damaged.
        what: &'static str,
        /// How.
        #[source]
        source: ParseError,
    },
    /// Binary text in it is damaged.
    #[error("the trust record holds damaged base64")]
    Base64(#[source] base64::DecodeError),
    /// A part in it is damaged.
    #[error("the trust record holds a damaged part")]
    Part(#[source] Refusal),
}

impl Held {
    /// What to keep in a file.
    pub fn to_record(&self) -> Result<Vec<u8>, serde_json::Error> {
        let text = |part: &[u8]| String::from_utf8_lossy(part).into_owned();
        let package = self.package.as_ref().map(|package| PackageRecord {
            digest: package.digest,
            not_after_ms: package.not_after.as_millis(),
            envelope: package.envelope.as_deref().map(text),
            anchors: text(&package.anchors_part),
            status: text(&package.status_part),
        });
        serde_json::to_vec(&Record {
            format: FORMAT,
            domain: self.domain.clone(),
            stream: self.stream.clone(),
            edition: self.edition,
            roots: self.roots.iter().map(Certificate::to_pem).collect(),
            package,
            authorities: self.authorities.iter().map(authority_record).collect(),
            crls: self.crls.iter().map(crl_record).collect(),
            tainted: self.tainted.iter().copied().collect(),
            denied: self.denied.iter().copied().collect(),
        })
    }

    /// Reads back what [`to_record`](Self::to_record) wrote. The file is trusted as the root
    /// fingerprint in it is: whoever can write it owns the host.
    pub fn from_record(bytes: &[u8]) -> Result<Self, BadRecord> {
        let record: Record = serde_json::from_slice(bytes).map_err(BadRecord::Json)?;
        if record.format != FORMAT {
            return Err(BadRecord::Format(record.format));
        }
        let denied: BTreeSet<KeyDigest> = record.denied.into_iter().collect();
        let roots = record.roots.iter().map(|pem| certificate("root", pem));
        let authorities = record.authorities.into_iter().map(|it| read_authority(it, &denied));
        let (package, server_keys) = match record.package {
            Some(package) => read_package(package)?,
            None => (None, BTreeSet::new()),
        };
        Ok(Self {
            domain: record.domain,
            stream: record.stream,
            edition: record.edition,
            package,
            roots: roots.collect::<Result<_, _>>()?,
            authorities: authorities.collect::<Result<_, _>>()?,
            crls: record.crls.into_iter().map(read_crl).collect::<Result<_, _>>()?,
            server_keys,
            tainted: record.tainted.into_iter().collect(),
            denied,
        })
    }
}

fn authority_record(authority: &HeldAuthority) -> AuthorityRecord {
    AuthorityRecord {
        id: authority.id.clone(),
        issuer: authority.issuer.clone(),
        generation: authority.generation,
        kind: authority.kind,
        state: authority.state,
        certificate: authority.certificate.to_pem(),
    }
}

fn crl_record(crl: &HeldCrl) -> CrlRecord {
    let der = STANDARD.encode(crl.crl.der());
    CrlRecord { scope: crl.scope.clone(), by_root: crl.by_root, der }
}

fn certificate(what: &'static str, pem: &str) -> Result<Certificate, BadRecord> {
    Certificate::from_pem(pem).map_err(|source| BadRecord::Damaged { what, source })
}

fn read_authority(
    record: AuthorityRecord,
    denied: &BTreeSet<KeyDigest>,
) -> Result<HeldAuthority, BadRecord> {
    let certificate = certificate("authority", &record.certificate)?;
    Ok(HeldAuthority {
        denied: denied.contains(&certificate.public_key().digest()),
        id: record.id,
        issuer: record.issuer,
        generation: record.generation,
        kind: record.kind,
        state: record.state,
        certificate,
    })
}

fn read_crl(record: CrlRecord) -> Result<HeldCrl, BadRecord> {
    let der = STANDARD.decode(&record.der).map_err(BadRecord::Base64)?;
    let crl = Crl::from_der(&der).map_err(|source| BadRecord::Damaged { what: "CRL", source })?;
    Ok(HeldCrl { scope: record.scope, digest: Digest::of(&der), crl, by_root: record.by_root })
}

fn read_package(
    record: PackageRecord,
) -> Result<(Option<Package>, BTreeSet<KeyDigest>), BadRecord> {
    let anchors = AnchorsPart::parse(record.anchors.as_bytes())
        .and_then(|part| part.danger_unverified())
        .map_err(BadRecord::Part)?;
    let status = Status::parse(record.status.as_bytes()).map_err(BadRecord::Part)?;
    let package = Package {
        digest: record.digest,
        envelope: record.envelope.map(|text| text.into_bytes().into()),
        not_after: Time::from_millis(record.not_after_ms),
        ceremony: anchors.ceremony,
        successors: anchors.successors,
        journal_head: status.journal_head,
        anchors_part: record.anchors.into_bytes().into(),
        status_part: record.status.into_bytes().into(),
    };
    Ok((Some(package), status.server_keys.into_iter().collect()))
}
