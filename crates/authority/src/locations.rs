//! Where revocation lists, responders and authority certificates are found.

use skink_model::AuthorityId;

/// Builds the URIs that certificates carry, below one public base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locations(String);

/// Why a text is no base for public addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no public address: write http://HOST or http://HOST:PORT, without TLS")]
pub struct BadLocation(pub String);

impl Locations {
    /// Below `base`, which is plain HTTP: to fetch a revocation list must not need a revocation
    /// list (RFC 5280 §8).
    pub fn new(base: &str) -> Result<Self, BadLocation> {
        let base = base.trim_end_matches('/');
        let host = base.strip_prefix("http://").unwrap_or_default();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:[]/".contains(&b);
        if host.is_empty() || !host.bytes().all(plain) {
            return Err(BadLocation(base.to_owned()));
        }
        Ok(Self(base.to_owned()))
    }

    /// The base itself.
    pub fn base(&self) -> &str {
        &self.0
    }

    /// The root's list about itself.
    pub fn root_crl(&self) -> String {
        format!("{}/crl/root/root.crl", self.0)
    }

    /// The root's partition about one authority.
    pub fn root_partition(&self, authority: &AuthorityId) -> String {
        format!("{}/crl/root/{authority}.crl", self.0)
    }

    /// A list of an authority's own.
    pub fn crl(&self, authority: &AuthorityId, partition: u32) -> String {
        format!("{}/crl/{authority}/p{partition}.crl", self.0)
    }

    /// An authority's responder.
    pub fn ocsp(&self, authority: &AuthorityId) -> String {
        format!("{}/ocsp/{authority}", self.0)
    }

    /// An authority's certificate.
    pub fn certificate(&self, authority: &AuthorityId) -> String {
        format!("{}/aia/{authority}.cer", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stand_below_the_base() {
        let locations = Locations::new("http://pki.example:8080/").unwrap();
        let id: AuthorityId = "workloads-g1".parse().unwrap();
        assert_eq!(locations.root_crl(), "http://pki.example:8080/crl/root/root.crl");
        assert_eq!(
            locations.root_partition(&id),
            "http://pki.example:8080/crl/root/workloads-g1.crl"
        );
        assert_eq!(locations.crl(&id, 0), "http://pki.example:8080/crl/workloads-g1/p0.crl");
        for bad in ["", "https://pki.example", "http://", "http://a b", "pki.example"] {
            assert!(Locations::new(bad).is_err(), "{bad:?}");
        }
    }
}
