//! Who signs: an authority's name and key, with or without its certificate.

use skink_model::AuthorityId;
use skink_signer::KeyUri;
use skink_x509::{Certificate, Name, PublicKey, SignatureAlgorithm};

/// An authority's name and key: enough to sign a revocation list, even before its certificate is
/// there.
#[derive(Clone, Debug)]
pub struct SigningIdentity {
    /// The authority.
    pub id: AuthorityId,
    /// Its subject, which is the issuer of what it signs.
    pub subject: Name,
    /// Its public key.
    pub public_key: PublicKey,
    /// Its private key, behind a provider.
    pub key: KeyUri,
}

impl SigningIdentity {
    /// How it signs.
    pub fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.public_key.algorithm().signature_algorithm()
    }
}

/// An authority that can issue: identity and certificate belong together.
#[derive(Clone, Debug)]
pub struct SigningAuthority {
    identity: SigningIdentity,
    certificate: Certificate,
}

/// The provider's key is not the one in the authority's certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key {key} is not the key in the certificate of {authority}")]
pub struct KeyMismatch {
    /// The authority.
    pub authority: AuthorityId,
    /// The provider's key.
    pub key: KeyUri,
}

impl SigningAuthority {
    /// Joins an authority's certificate with its key, whose public half the provider tells.
    pub fn new(
        id: AuthorityId,
        certificate: Certificate,
        key: KeyUri,
        public_key: &PublicKey,
    ) -> Result<Self, KeyMismatch> {
        if certificate.public_key().digest() != public_key.digest() {
            return Err(KeyMismatch { authority: id, key });
        }
        let identity = SigningIdentity {
            id,
            subject: certificate.subject().clone(),
            public_key: certificate.public_key().clone(),
            key,
        };
        Ok(Self { identity, certificate })
    }

    /// The authority.
    pub const fn id(&self) -> &AuthorityId {
        &self.identity.id
    }

    /// Its name and key.
    pub const fn identity(&self) -> &SigningIdentity {
        &self.identity
    }

    /// Its certificate.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The key identifier that everything it issues carries.
    pub fn key_id(&self) -> Vec<u8> {
        let own = || self.identity.public_key.key_id().to_vec();
        self.certificate.subject_key_id().map_or_else(own, <[u8]>::to_vec)
    }
}
