//! Who wants a certificate, and why they may not get it.

use std::fmt;
use std::time::Duration;

use skink_model::{ProfileName, Time};
use skink_x509::{Csr, GeneralName, KeyAlgorithm, PublicKey};

/// A key and the names that are to be certified for it.
#[derive(Clone, Debug)]
pub struct Applicant {
    /// The key; its owner has proven to have it.
    pub public_key: PublicKey,
    /// The names.
    pub names: Vec<GeneralName>,
    /// The common name, where the names alone do not give one.
    pub common_name: Option<String>,
    /// The lifetime asked for, instead of the profile's.
    pub lifetime: Option<Duration>,
}

/// The request's signature is not by the key inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request's signature is not by the key that it asks to certify")]
pub struct NotPossessed;

impl Applicant {
    /// What a request asks for, once its proof of possession holds. Of everything else that a
    /// request can wish for, the profile decides.
    pub fn from_csr(csr: &Csr) -> Result<Self, NotPossessed> {
        csr.verify().map_err(|_| NotPossessed)?;
        Ok(Self {
            public_key: csr.public_key().clone(),
            names: csr.subject_alt_names().to_vec(),
            common_name: csr.subject().common_name(),
            lifetime: None,
        })
    }
}

/// One reason against issuing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The key is blocked, or weak.
    #[error("the key cannot be certified: {reason}")]
    Key {
        /// Why.
        reason: String,
    },
    /// The profile certifies no such keys.
    #[error("profile {profile} certifies no {algorithm} keys")]
    KeyAlgorithm {
        /// The profile.
        profile: ProfileName,
        /// The key's algorithm.
        algorithm: KeyAlgorithm,
    },
    /// A name outside the profile.
    #[error("profile {profile} does not certify the name {name}")]
    Name {
        /// The profile.
        profile: ProfileName,
        /// The name.
        name: String,
    },
    /// A name is needed.
    #[error("profile {profile} needs at least one name")]
    NoName {
        /// The profile.
        profile: ProfileName,
    },
    /// The common name cannot stand in a subject.
    #[error("{common_name:?} cannot be a common name")]
    CommonName {
        /// The name.
        common_name: String,
    },
    /// A lifetime beyond the profile.
    #[error("profile {profile} certifies for {longest:?} at most, not for {asked:?}")]
    Lifetime {
        /// The profile.
        profile: ProfileName,
        /// The lifetime asked for.
        asked: Duration,
        /// The profile's longest.
        longest: Duration,
    },
    /// A lifetime beyond the issuing authority's own.
    #[error("the certificate would be valid until {not_after}, its issuer only until {issuer}")]
    BeyondIssuer {
        /// The end asked for.
        not_after: Time,
        /// The authority's end.
        issuer: Time,
    },
    /// The authority's own validity is over, or has not begun.
    #[error("the authority's certificate is not valid now")]
    IssuerNotValid,
}

impl Refusal {
    /// A stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Key { .. } => "key_refused",
            Self::KeyAlgorithm { .. } => "key_algorithm_refused",
            Self::Name { .. } => "name_refused",
            Self::NoName { .. } => "name_missing",
            Self::CommonName { .. } => "common_name_refused",
            Self::Lifetime { .. } => "lifetime_refused",
            Self::BeyondIssuer { .. } => "lifetime_beyond_issuer",
            Self::IssuerNotValid => "issuer_not_valid",
        }
    }
}

/// Every reason against issuing, together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub Vec<Refusal>);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, refusal) in self.0.iter().enumerate() {
            write!(f, "{}{refusal}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}
