//! The stolen key: taken off the disk with the credential that lies beside it, used without the
//! signer.

use std::path::Path;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use pkcs8::EncryptedPrivateKeyInfoRef;
use skink_x509::SignatureAlgorithm;

use crate::DrillError;

/// A private key in the thief's hands.
pub(crate) struct StolenKey {
    pair: EcdsaKeyPair,
    algorithm: SignatureAlgorithm,
}

impl StolenKey {
    /// Decrypts `key_file` with the bytes of `credential_file`, as anyone on that host could.
    pub(crate) fn take(key_file: &Path, credential_file: &Path) -> Result<Self, DrillError> {
        let pem = read(key_file)?;
        let credential = read(credential_file)?;
        let (_, document) = pkcs8::Document::from_pem(&pem)
            .map_err(|error| thwarted("reading the key file", &error))?;
        let sealed = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
            .map_err(|error| thwarted("reading the key file", &error))?;
        let opened = sealed
            .decrypt(credential.trim().as_bytes())
            .map_err(|error| thwarted("decrypting the key file", &error))?;
        Self::from_pkcs8(opened.as_bytes())
    }

    /// A key of the thief's own making.
    pub(crate) fn generate() -> Result<Self, DrillError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map_err(|error| thwarted("making a key", &error))?;
        Ok(Self { pair, algorithm: SignatureAlgorithm::EcdsaSha256 })
    }

    pub(crate) fn from_pkcs8(der: &[u8]) -> Result<Self, DrillError> {
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der) {
            return Ok(Self { pair, algorithm: SignatureAlgorithm::EcdsaSha256 });
        }
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, der)
            .map_err(|error| thwarted("reading the decrypted key", &error))?;
        Ok(Self { pair, algorithm: SignatureAlgorithm::EcdsaSha384 })
    }

    pub(crate) const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// The public half as a `SubjectPublicKeyInfo`.
    pub(crate) fn spki_der(&self) -> Result<Vec<u8>, DrillError> {
        let der: PublicKeyX509Der<'_> = self
            .pair
            .public_key()
            .as_der()
            .map_err(|error| thwarted("encoding his public key", &error))?;
        Ok(der.as_ref().to_vec())
    }

    /// The private half, for a TLS server or client of the thief's.
    pub(crate) fn to_pkcs8(&self) -> Result<Vec<u8>, DrillError> {
        let document =
            self.pair.to_pkcs8v1().map_err(|error| thwarted("writing his own key", &error))?;
        Ok(document.as_ref().to_vec())
    }

    /// A signature outside every ledger.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, DrillError> {
        let signature = self
            .pair
            .sign(&SystemRandom::new(), message)
            .map_err(|error| thwarted("signing", &error))?;
        Ok(signature.as_ref().to_vec())
    }
}

pub(crate) fn thwarted(what: &'static str, reason: &dyn std::fmt::Display) -> DrillError {
    DrillError::Thief { what, reason: reason.to_string() }
}

fn read(path: &Path) -> Result<String, DrillError> {
    fs_err::read_to_string(path)
        .map_err(|source| DrillError::File { what: "read what the thief steals", source })
}
