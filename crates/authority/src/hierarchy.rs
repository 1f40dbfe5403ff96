//! The shape of the hierarchy: root, the authorities below it, the trust key.

use serde::{Deserialize, Serialize};
use skink_model::{AuthorityId, Time};
use skink_x509::{
    Certificate, CertificateSpec, Extensions, KeyUsage, Name, PublicKey, Serial, oid,
};

use crate::locations::Locations;

/// What an authority below the root is for. One purpose each, so that one compromise stays one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthorityKind {
    /// TLS identities of the server and its agents.
    Control,
    /// The key that signs trust packages; signs no certificates.
    Trust,
    /// Certificates of an issuer.
    Issuing,
}

impl AuthorityKind {
    /// The kind's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Trust => "trust",
            Self::Issuing => "issuing",
        }
    }
}

/// Why a certificate of the hierarchy cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HierarchyError {
    /// The trust domain or the authority's id cannot be a name.
    #[error("the subject cannot be written")]
    Name(#[source] skink_x509::BadName),
    /// The authority would outlive its parent.
    #[error("{authority} would be valid until {not_after}, its parent only until {parent}")]
    Outlives {
        /// The authority.
        authority: AuthorityId,
        /// The end asked for.
        not_after: Time,
        /// The parent's end.
        parent: Time,
    },
    /// Validity ends before it begins.
    #[error("validity ends at {not_after}, before it begins")]
    Empty {
        /// The end asked for.
        not_after: Time,
    },
    /// A trust key has an epoch, and only a trust key has one.
    #[error("{0}: a trust key has an epoch, and nothing else has one")]
    Epoch(AuthorityId),
}

/// The subject of the root of a trust domain.
pub fn root_subject(domain: &str) -> Result<Name, HierarchyError> {
    named(domain, "root")
}

/// The subject of an authority: known before its certificate is, so that its first revocation list
/// can be signed beforehand.
pub fn subject_of(domain: &str, authority: &AuthorityId) -> Result<Name, HierarchyError> {
    named(domain, authority.as_str())
}

fn named(domain: &str, common_name: &str) -> Result<Name, HierarchyError> {
    let name = Name::builder().organization(domain).common_name(common_name).build();
    name.map_err(HierarchyError::Name)
}

/// The root's certificate, to be signed by its own key. It carries a distribution point of its own.
pub fn root_spec(
    subject: Name,
    public_key: &PublicKey,
    serial: Serial,
    (not_before, not_after): (Time, Time),
    locations: &Locations,
) -> CertificateSpec {
    let extensions = Extensions::new()
        .ca(None)
        .key_usage(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN)
        .subject_key_id(&public_key.key_id())
        .authority_key_id(&public_key.key_id())
        .crl_distribution_points(&[locations.root_crl()]);
    CertificateSpec {
        serial,
        issuer: subject.clone(),
        subject,
        not_before,
        not_after,
        public_key: public_key.clone(),
        signature_algorithm: public_key.algorithm().signature_algorithm(),
        extensions,
    }
}

/// What is to stand below the root.
#[derive(Clone, Debug)]
pub struct Subordinate {
    /// The authority.
    pub id: AuthorityId,
    /// What it is for.
    pub kind: AuthorityKind,
    /// Its subject.
    pub subject: Name,
    /// Its key.
    pub public_key: PublicKey,
    /// Its serial.
    pub serial: Serial,
    /// First instant of its validity.
    pub not_before: Time,
    /// Last second of its validity.
    pub not_after: Time,
    /// The epoch of a trust key; `None` for authorities.
    pub epoch: Option<u64>,
}

/// The certificate of something below the root: path length 0 for authorities, the private extended
/// key usage and an epoch for the trust key; each with a partition of the root's revocation list.
pub fn subordinate_spec(
    root: &Certificate,
    root_id: &AuthorityId,
    below: &Subordinate,
    locations: &Locations,
) -> Result<CertificateSpec, HierarchyError> {
    if below.not_after > root.not_after() {
        return Err(HierarchyError::Outlives {
            authority: below.id.clone(),
            not_after: below.not_after,
            parent: root.not_after(),
        });
    }
    if below.not_after <= below.not_before {
        return Err(HierarchyError::Empty { not_after: below.not_after });
    }
    let extensions = match (below.kind, below.epoch) {
        (AuthorityKind::Trust, Some(epoch)) => Extensions::new()
            .end_entity()
            .key_usage(KeyUsage::DIGITAL_SIGNATURE)
            .extended_key_usages(&[oid::SKINK_TRUST])
            .raw(oid::SKINK_EPOCH, false, integer(epoch)),
        (AuthorityKind::Control | AuthorityKind::Issuing, None) => {
            Extensions::new().ca(Some(0)).key_usage(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN)
        }
        _ => return Err(HierarchyError::Epoch(below.id.clone())),
    };
    let root_key_id = root.public_key().key_id();
    let extensions = extensions
        .subject_key_id(&below.public_key.key_id())
        .authority_key_id(root.subject_key_id().unwrap_or(&root_key_id))
        .crl_distribution_points(&[locations.root_partition(&below.id)])
        .authority_info_access(None, Some(&locations.certificate(root_id)));
    Ok(CertificateSpec {
        serial: below.serial.clone(),
        issuer: root.subject().clone(),
        subject: below.subject.clone(),
        not_before: below.not_before,
        not_after: below.not_after,
        public_key: below.public_key.clone(),
        signature_algorithm: root.public_key().algorithm().signature_algorithm(),
        extensions,
    })
}

/// The DER of a non-negative INTEGER.
fn integer(value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(7);
    let digits = bytes.get(zeros..).unwrap_or_default();
    let sign = digits.first().is_some_and(|first| *first >= 0x80);
    let length = u8::try_from(digits.len() + usize::from(sign)).unwrap_or(9);
    let mut der = vec![2, length];
    der.extend(sign.then_some(0));
    der.extend_from_slice(digits);
    der
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_minimal_and_positive() {
        assert_eq!(integer(0), [2, 1, 0]);
        assert_eq!(integer(1), [2, 1, 1]);
        assert_eq!(integer(128), [2, 2, 0, 128]);
        assert_eq!(integer(0x1_00), [2, 2, 1, 0]);
        assert_eq!(integer(u64::MAX), [2, 9, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    }
}
