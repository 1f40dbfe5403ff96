use serde::{Deserialize, Serialize};
use skink_api::agent::CertificateAnswer;
use skink_deploy::tls::Identity;
use skink_model::{Rng, Time};
use skink_x509::{Certificate, Fingerprint};
use std::time::Duration;

use crate::orders::OrderId;
use crate::secret::SecretPem;
use crate::state::StateError;

/// A certificate with its chain and key, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pair {
    pub(crate) authority: String,
    pub(crate) certificate_pem: String,
    pub(crate) chain_pem: String,
    pub(crate) key_pem: SecretPem,
    /// An OCSP response to staple, base64 of DER.
    pub(crate) staple: Option<String>,
    /// When to renew: two thirds of its life, and a little at random.
    pub(crate) renew_at_ms: i64,
    /// The order that it was asked for under.
    #[serde(default)]
    pub(crate) order: Option<OrderId>,
}

/// An endpoint's pairs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Pairs {
    /// What runs.
    pub(crate) current: Option<Pair>,
    /// What ran before and was good.
    pub(crate) previous: Option<Pair>,
    /// What was issued and is not proven yet.
    pub(crate) next: Option<Pair>,
    /// What was asked for and not answered yet: the same request again, not another one.
    #[serde(default)]
    pub(crate) asking: Option<Asking>,
}

/// The key of a request, and the order that it is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Asking {
    pub(crate) key_pem: SecretPem,
    pub(crate) order: Option<OrderId>,
}

impl Pair {
    /// The certificate of an answer, with the key that it was asked for with.
    pub fn new(
        answer: CertificateAnswer,
        key_pem: &SecretPem,
        rng: &dyn Rng,
    ) -> Result<Self, StateError> {
        let mut pair = Self {
            authority: answer.authority,
            certificate_pem: answer.certificate_pem,
            chain_pem: answer.chain_pem,
            key_pem: key_pem.clone(),
            staple: answer.staple,
            renew_at_ms: 0,
            order: None,
        };
        pair.renew_at_ms = renewal(&pair.leaf()?, rng).as_millis();
        Ok(pair)
    }

    /// The generation that signed it.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The key, PKCS#8 in PEM.
    pub const fn key_pem(&self) -> &SecretPem {
        &self.key_pem
    }

    /// The certificate itself.
    pub fn leaf(&self) -> Result<Certificate, StateError> {
        Certificate::from_pem(&self.certificate_pem).map_err(StateError::Certificate)
    }

    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> Result<Fingerprint, StateError> {
        self.leaf().map(|leaf| leaf.fingerprint())
    }

    pub(crate) const fn is_due(&self, now: Time) -> bool {
        self.renew_at_ms <= now.as_millis()
    }

    /// Leaf first, and no root.
    pub fn chain(&self) -> Result<Vec<Certificate>, StateError> {
        let text = format!("{}{}", self.certificate_pem, self.chain_pem);
        Certificate::all_from_pem(&text).map_err(StateError::Certificate)
    }

    /// The same for a TLS library.
    pub fn identity(&self) -> Result<Identity, StateError> {
        Identity::new(&self.chain()?, self.key_pem.as_bytes()).map_err(StateError::Pair)
    }
}

/// Two thirds of the life, and up to a twentieth of it later, so that a fleet does not renew in
/// one minute.
fn renewal(leaf: &Certificate, rng: &dyn Rng) -> Time {
    let life = leaf.not_after().since(leaf.not_before());
    let mut random = [0; 4];
    rng.fill(&mut random);
    let spread = life / 20;
    let jitter = spread.mul_f64(f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX));
    leaf.not_before().plus(life * 2 / 3 + jitter.min(Duration::from_hours(24 * 30)))
}

#[cfg(test)]
mod tests {
    use skink_testkit::{NOW, TestPki};

    use super::*;

    struct Fixed(u8);

    impl Rng for Fixed {
        fn fill(&self, into: &mut [u8]) {
            into.fill(self.0);
        }
    }

    #[test]
    fn renewal_is_due_at_two_thirds_and_a_little() {
        let leaf = TestPki::new().leaf;
        let life = leaf.not_after().since(leaf.not_before());
        let earliest = renewal(&leaf, &Fixed(0));
        assert_eq!(earliest, leaf.not_before().plus(life * 2 / 3));
        let latest = renewal(&leaf, &Fixed(0xff));
        assert!(latest > earliest && latest <= leaf.not_before().plus(life * 3 / 4));
        assert!(earliest > NOW);
    }
}
