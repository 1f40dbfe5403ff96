//! What is too old, too long or too many.

use serde::Deserialize;

/// The limits that rules hold facts against. In days, unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How old a symmetric key may become.
    pub symmetric_key: u64,
    /// From when on an asymmetric key is to be replaced soon.
    pub asymmetric_key_soon: u64,
    /// How old an asymmetric key may become.
    pub asymmetric_key: u64,
    /// How old a secret may become: a token, a password.
    pub secret: u64,
    /// The FIPS 140 level that an authority's key wants.
    pub fips_level: u8,
    /// How long a destruction is to wait at least.
    pub deletion_wait: u64,
    /// How many may sign with one key.
    pub signers: usize,
    /// How long a record of uses is to be kept.
    pub log_kept: u64,
    /// How old a recovery kit may become.
    pub kit: u64,
    /// How long ago the last drill may be.
    pub drill: u64,
    /// How long a root may be valid.
    pub root_life: u64,
    /// How long an authority below a root may be valid.
    pub authority_life: u64,
    /// How long before its end an authority is to be replaced.
    pub authority_end: u64,
    /// How long an end-entity certificate may be valid.
    pub certificate_life: u64,
    /// How long a CRL of an issuing authority may be valid.
    pub crl_life: u64,
    /// How long an OCSP answer may be valid.
    pub ocsp_life: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            symmetric_key: 365,
            asymmetric_key_soon: 2 * 365,
            asymmetric_key: 3 * 365,
            secret: 90,
            fips_level: 3,
            deletion_wait: 7,
            signers: 3,
            log_kept: 365,
            kit: 184,
            drill: 92,
            root_life: 25 * 366,
            authority_life: 10 * 366,
            authority_end: 90,
            certificate_life: 398,
            crl_life: 10,
            ocsp_life: 10,
        }
    }
}

/// The limits cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("these are no limits")]
pub struct BadLimits(#[source] toml::de::Error);

impl Limits {
    /// Reads limits; what is not said stays as it is by default.
    pub fn from_toml(text: &str) -> Result<Self, BadLimits> {
        toml::from_str(text).map_err(BadLimits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_stays_and_what_is_not_known_is_refused() {
        let read = Limits::from_toml("secret = 30\n").unwrap();
        assert_eq!(read, Limits { secret: 30, ..Limits::default() });
        assert!(Limits::from_toml("secrets = 30\n").is_err());
    }
}
