//! The private key itself: made, wrapped for its file, unwrapped, used.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING,
    ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use pkcs8::der::SecretDocument;
use pkcs8::rand_core::{TryCryptoRng, TryRng};
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef};
use skink_x509::{KeyAlgorithm, SignatureAlgorithm};
use zeroize::Zeroizing;

use crate::credential::Credential;
use crate::provider::{ProviderError, ToSign};
use crate::uri::KeyUri;
use crate::verify::imported;

const PEM_LABEL: &str = "ENCRYPTED PRIVATE KEY";

enum Pair {
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
    MlDsa(PqdsaKeyPair),
}

/// An opened key pair. Its parts wipe themselves when dropped.
pub(super) struct Material {
    algorithm: KeyAlgorithm,
    pair: Pair,
    spki: Vec<u8>,
}

impl Material {
    pub(super) async fn generate(algorithm: KeyAlgorithm) -> Result<Self, ProviderError> {
        blocking(move || {
            let failed = |_| ProviderError::Crypto("key generation");
            let pair = if let Some(curve) = curve(algorithm) {
                Pair::Ec(EcdsaKeyPair::generate(curve).map_err(failed)?)
            } else if let Some(size) = rsa_size(algorithm) {
                Pair::Rsa(RsaKeyPair::generate(size).map_err(failed)?)
            } else if let Some(parameters) = ml_dsa(algorithm) {
                Pair::MlDsa(PqdsaKeyPair::generate(parameters).map_err(failed)?)
            } else if algorithm == KeyAlgorithm::Ed25519 {
                Pair::Ed25519(Ed25519KeyPair::generate().map_err(failed)?)
            } else {
                return Err(ProviderError::UnsupportedAlgorithm(algorithm));
            };
            Self::of(algorithm, pair)
        })
        .await
    }

    /// Decrypts the contents of a key file.
    pub(super) async fn unwrap(
        key: &KeyUri,
        algorithm: KeyAlgorithm,
        pem: Vec<u8>,
        credential: Credential,
    ) -> Result<Self, ProviderError> {
        let key = key.clone();
        blocking(move || {
            let unreadable = || super::damaged(key.name(), "an unreadable key in the file");
            let text = std::str::from_utf8(&pem).map_err(|_| unreadable())?;
            let (label, document) = SecretDocument::from_pem(text).map_err(|_| unreadable())?;
            if label != PEM_LABEL {
                return Err(unreadable());
            }
            let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
                .map_err(|_| unreadable())?;
            let plain = encrypted
                .decrypt(credential.expose())
                .map_err(|_| ProviderError::WrongCredential { key: key.clone() })?;
            Self::of(algorithm, parse(algorithm, plain.as_bytes()).ok_or_else(unreadable)?)
        })
        .await
    }

    /// The key encrypted for its file, in PEM.
    pub(super) async fn wrap(
        &self,
        credential: Credential,
    ) -> Result<Zeroizing<String>, ProviderError> {
        let plain = self.pkcs8()?;
        blocking(move || {
            let failed = |_| ProviderError::Crypto("encrypting the key file");
            let info = PrivateKeyInfoRef::try_from(plain.as_slice())
                .map_err(|_| ProviderError::Crypto("encoding the key"))?;
            info.encrypt_with_rng(&mut SystemBytes, credential.expose())
                .map_err(failed)?
                .to_pem(PEM_LABEL, LineEnding::LF)
                .map_err(|_| ProviderError::Crypto("encoding the key"))
        })
        .await
    }

    pub(super) fn spki(&self) -> &[u8] {
        &self.spki
    }

    pub(super) fn sign(
        &self,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        to_sign: ToSign<'_>,
    ) -> Result<Vec<u8>, ProviderError> {
        let wrong = || ProviderError::WrongAlgorithm {
            key: key.clone(),
            has: self.algorithm,
            asked: algorithm,
        };
        let digest = match to_sign {
            ToSign::Message(_) => None,
            ToSign::Digest(bytes) => Some(
                imported(algorithm, bytes)
                    .ok_or(ProviderError::WrongDigest { length: bytes.len(), algorithm })?,
            ),
        };
        let message = match to_sign {
            ToSign::Message(message) => message,
            ToSign::Digest(_) => &[],
        };
        let signed = match &self.pair {
            Pair::Ec(pair) => {
                if algorithm != self.algorithm.signature_algorithm() {
                    return Err(wrong());
                }
                match &digest {
                    Some(digest) => pair.sign_digest(digest),
                    None => pair.sign(&SystemRandom::new(), message),
                }
                .map(|signature| signature.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => {
                if algorithm != SignatureAlgorithm::Ed25519 {
                    return Err(wrong());
                }
                pair.try_sign(message).map(|signature| signature.as_ref().to_vec())
            }
            Pair::MlDsa(pair) => {
                if algorithm != self.algorithm.signature_algorithm() {
                    return Err(wrong());
                }
                let mut signature = vec![0; pair.algorithm().signature_len()];
                pair.sign(message, &mut signature).map(|length| {
                    signature.truncate(length);
                    signature
                })
            }
            Pair::Rsa(pair) => {
                let padding = rsa_padding(algorithm).ok_or_else(wrong)?;
                let mut signature = vec![0; pair.public_modulus_len()];
                match &digest {
                    Some(digest) => pair.sign_digest(padding, digest, &mut signature),
                    None => pair.sign(padding, &SystemRandom::new(), message, &mut signature),
                }
                .map(|()| signature)
            }
        };
        signed.map_err(|_| ProviderError::Crypto("signing"))
    }

    fn of(algorithm: KeyAlgorithm, pair: Pair) -> Result<Self, ProviderError> {
        let spki = match &pair {
            Pair::Ec(pair) => spki(pair.public_key())?,
            Pair::Ed25519(pair) => spki(pair.public_key())?,
            Pair::Rsa(pair) => spki(pair.public_key())?,
            Pair::MlDsa(pair) => spki(pair.public_key())?,
        };
        Ok(Self { algorithm, pair, spki })
    }

    fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
        let failed = |_| ProviderError::Crypto("encoding the key");
        Ok(Zeroizing::new(match &self.pair {
            Pair::Ec(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::MlDsa(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                der.as_ref().to_vec()
            }
        }))
    }
}

fn spki(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Result<Vec<u8>, ProviderError> {
    let der = key.as_der().map_err(|_| ProviderError::Crypto("encoding the public key"))?;
    Ok(der.as_ref().to_vec())
}

fn parse(algorithm: KeyAlgorithm, pkcs8: &[u8]) -> Option<Pair> {
    if let Some(curve) = curve(algorithm) {
        EcdsaKeyPair::from_pkcs8(curve, pkcs8).ok().map(Pair::Ec)
    } else if let Some(parameters) = ml_dsa(algorithm) {
        PqdsaKeyPair::from_pkcs8(parameters, pkcs8).ok().map(Pair::MlDsa)
    } else if algorithm == KeyAlgorithm::Ed25519 {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok().map(Pair::Ed25519)
    } else {
        rsa_size(algorithm)?;
        RsaKeyPair::from_pkcs8(pkcs8).ok().map(Pair::Rsa)
    }
}

fn curve(algorithm: KeyAlgorithm) -> Option<&'static EcdsaSigningAlgorithm> {
    match algorithm {
        KeyAlgorithm::EcP256 => Some(&ECDSA_P256_SHA256_ASN1_SIGNING),
        KeyAlgorithm::EcP384 => Some(&ECDSA_P384_SHA384_ASN1_SIGNING),
        _ => None,
    }
}

fn ml_dsa(algorithm: KeyAlgorithm) -> Option<&'static PqdsaSigningAlgorithm> {
    match algorithm {
        KeyAlgorithm::MlDsa44 => Some(&ML_DSA_44_SIGNING),
        KeyAlgorithm::MlDsa65 => Some(&ML_DSA_65_SIGNING),
        KeyAlgorithm::MlDsa87 => Some(&ML_DSA_87_SIGNING),
        _ => None,
    }
}

fn rsa_size(algorithm: KeyAlgorithm) -> Option<KeySize> {
    match algorithm {
        KeyAlgorithm::Rsa2048 => Some(KeySize::Rsa2048),
        KeyAlgorithm::Rsa3072 => Some(KeySize::Rsa3072),
        KeyAlgorithm::Rsa4096 => Some(KeySize::Rsa4096),
        _ => None,
    }
}

fn rsa_padding(algorithm: SignatureAlgorithm) -> Option<&'static dyn RsaEncoding> {
    match algorithm {
        SignatureAlgorithm::RsaPkcs1Sha256 => Some(&RSA_PKCS1_SHA256),
        SignatureAlgorithm::RsaPkcs1Sha384 => Some(&RSA_PKCS1_SHA384),
        SignatureAlgorithm::RsaPkcs1Sha512 => Some(&RSA_PKCS1_SHA512),
        SignatureAlgorithm::RsaPssSha256 => Some(&RSA_PSS_SHA256),
        SignatureAlgorithm::RsaPssSha384 => Some(&RSA_PSS_SHA384),
        SignatureAlgorithm::RsaPssSha512 => Some(&RSA_PSS_SHA512),
        _ => None,
    }
}

/// Runs what takes milliseconds away from the threads that serve.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, ProviderError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ProviderError::Interrupted)?
}

/// The system's randomness in the shape that `pkcs8` takes.
struct SystemBytes;

impl TryRng for SystemBytes {
    type Error = NoRandomness;

    fn try_next_u32(&mut self) -> Result<u32, NoRandomness> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, NoRandomness> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), NoRandomness> {
        aws_lc_rs::rand::fill(into).map_err(|_| NoRandomness)
    }
}

impl TryCryptoRng for SystemBytes {}

#[derive(Debug, thiserror::Error)]
#[error("the system gave no random bytes")]
struct NoRandomness;
