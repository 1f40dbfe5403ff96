//! Keys that are made on the host and stay there.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use skink_x509::{CsrSpec, EncodeError, GeneralName, KeyError, Name, PublicKey, assemble};
use zeroize::Zeroizing;

use crate::secret::SecretPem;

/// A key could not be made or used. What it is made of is in none of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// The library refused to make or use it.
    #[error("the key cannot be made or used")]
    Crypto(#[source] Unspecified),
    /// The stored key is damaged.
    #[error("the stored key is damaged")]
    Stored(#[source] KeyRejected),
    /// The stored key is no PKCS#8 in PEM.
    #[error("the stored key is no PKCS#8 in PEM")]
    Pem,
    /// Its public half cannot be read.
    #[error("the public key cannot be read")]
    Public(#[source] KeyError),
    /// The certificate request cannot be encoded.
    #[error("the certificate request cannot be encoded")]
    Request(#[source] EncodeError),
}

/// A P-256 key.
pub struct LocalKey {
    pair: EcdsaKeyPair,
    public: PublicKey,
    pem: SecretPem,
}

impl LocalKey {
    /// A new one.
    pub fn generate() -> Result<Self, KeyFault> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
            .map_err(KeyFault::Crypto)?;
        Self::from_pkcs8(document.as_ref(), pem_of(document.as_ref()))
    }

    /// The key in PKCS#8, PEM.
    pub fn from_pem(pem: &SecretPem) -> Result<Self, KeyFault> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyFault::Pem)?;
        Self::from_pkcs8(der.secret_pkcs8_der(), pem.clone())
    }

    fn from_pkcs8(der: &[u8], pem: SecretPem) -> Result<Self, KeyFault> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der)
            .map_err(KeyFault::Stored)?;
        let spki = pair.public_key().as_der().map_err(KeyFault::Crypto)?;
        let public = PublicKey::from_spki_der(spki.as_ref()).map_err(KeyFault::Public)?;
        Ok(Self { pair, public, pem })
    }

    /// The same as PKCS#8, PEM.
    pub fn pem(&self) -> &SecretPem {
        &self.pem
    }

    /// ECDSA with SHA-256, in DER.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyFault> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        signature.map(|signature| signature.as_ref().to_vec()).map_err(KeyFault::Crypto)
    }

    /// A request for a certificate with these names; what the names may be is the server's to say.
    pub fn csr_pem(&self, names: &[String]) -> Result<String, KeyFault> {
        let spec = CsrSpec {
            subject: Name::empty(),
            public_key: self.public.clone(),
            subject_alt_names: names.iter().map(|name| general_name(name)).collect(),
        };
        let tbs = spec.tbs_der().map_err(KeyFault::Request)?;
        let signature = self.sign(&tbs)?;
        let der = assemble(&tbs, spec.signature_algorithm(), &signature);
        Ok(armour("CERTIFICATE REQUEST", &der.map_err(KeyFault::Request)?).to_string())
    }
}

fn general_name(text: &str) -> GeneralName {
    match text.parse() {
        Ok(ip) => GeneralName::Ip(ip),
        Err(_) if text.contains("://") => GeneralName::Uri(text.to_owned()),
        Err(_) if text.contains('@') => GeneralName::Email(text.to_owned()),
        Err(_) => GeneralName::Dns(text.to_owned()),
    }
}

fn pem_of(der: &[u8]) -> SecretPem {
    SecretPem::new(armour("PRIVATE KEY", der))
}

/// PEM (RFC 7468) in a buffer that is never moved, so that no copy stays behind.
fn armour(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    let mut pem = Zeroizing::new(String::with_capacity(body.len() * 2 + 100));
    pem.push_str("-----BEGIN ");
    pem.push_str(label);
    pem.push_str("-----\n");
    for start in (0..body.len()).step_by(64) {
        pem.push_str(&body[start..body.len().min(start + 64)]);
        pem.push('\n');
    }
    pem.push_str("-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use skink_x509::Csr;

    use super::*;

    #[test]
    fn a_key_reads_back_asks_and_signs() {
        let key = LocalKey::generate().unwrap();
        let again = LocalKey::from_pem(key.pem()).unwrap();
        assert_eq!(again.public.digest(), key.public.digest());
        let names = ["web-1.test".to_owned(), "127.0.0.1".to_owned()];
        let csr = Csr::from_pem(&again.csr_pem(&names).unwrap()).unwrap();
        csr.verify().unwrap();
        assert_eq!(csr.subject_alt_names().len(), 2);
        let algorithm = key.public.algorithm().signature_algorithm();
        key.public.verify(algorithm, b"x", &again.sign(b"x").unwrap()).unwrap();
    }

    #[test]
    fn a_key_hides() {
        let key = LocalKey::generate().unwrap();
        let shown = format!("{:?}", key.pem());
        assert!(!shown.contains("BEGIN"), "{shown}");
    }
}
