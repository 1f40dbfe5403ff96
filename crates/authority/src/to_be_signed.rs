//! Encoded bytes on their way to a signature.

use skink_model::{AuthorityId, IncidentId};
use skink_signer::{AttemptPurpose, KeyUri, SignError, SignatureRequest, Signed, Signer, ToSign};
use skink_x509::{EncodeError, KeyDigest, SignatureAlgorithm, assemble};

use crate::identity::SigningIdentity;

/// The to-be-signed part of a certificate or a list, and who is to sign it.
#[derive(Debug)]
pub struct ToBeSigned {
    authority: AuthorityId,
    key: KeyUri,
    key_digest: KeyDigest,
    algorithm: SignatureAlgorithm,
    tbs: Vec<u8>,
}

/// Why signed bytes do not become a certificate or a list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FinishError {
    /// No signature was made.
    #[error("there is no signature")]
    Sign(#[source] SignError),
    /// The signature is by another key, or another algorithm, than the structure names.
    #[error("the signature is not by the key of {0}")]
    OtherKey(AuthorityId),
    /// The signed structure cannot be put together.
    #[error("the signed structure cannot be encoded")]
    Encode(#[source] EncodeError),
    /// What was put together cannot be read back.
    #[error("the signed structure cannot be read back")]
    ReadBack(#[source] skink_x509::ParseError),
}

impl ToBeSigned {
    /// `tbs` is to be signed by `identity`, whose algorithm it names.
    pub fn new(identity: &SigningIdentity, tbs: Vec<u8>) -> Self {
        Self {
            authority: identity.id.clone(),
            key: identity.key.clone(),
            key_digest: identity.public_key.digest(),
            algorithm: identity.signature_algorithm(),
            tbs,
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.tbs
    }

    /// How they are to be signed.
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// What to ask the ledger.
    pub fn request(
        &self,
        purpose: AttemptPurpose,
        subject: impl Into<String>,
        incident: Option<IncidentId>,
    ) -> SignatureRequest {
        SignatureRequest {
            authority: self.authority.clone(),
            key: self.key.clone(),
            purpose,
            subject: subject.into(),
            algorithm: self.algorithm,
            incident,
        }
    }

    /// Puts the signature under the bytes: the DER of the whole.
    pub fn finish(self, signed: &Signed) -> Result<Vec<u8>, FinishError> {
        if signed.key_digest != self.key_digest || signed.algorithm != self.algorithm {
            return Err(FinishError::OtherKey(self.authority));
        }
        assemble(&self.tbs, self.algorithm, &signed.signature).map_err(FinishError::Encode)
    }

    /// Asks, signs and finishes.
    pub async fn sign(
        self,
        signer: &Signer,
        purpose: AttemptPurpose,
        subject: impl Into<String>,
        incident: Option<IncidentId>,
    ) -> Result<Vec<u8>, FinishError> {
        let request = self.request(purpose, subject, incident);
        let made = signer.ask_and_sign(request, ToSign::Message(&self.tbs)).await;
        self.finish(&made.map_err(FinishError::Sign)?)
    }

    /// The whole with a signature by a key that nobody keeps, for the lints.
    pub(crate) fn with_throwaway_signature(&self) -> Option<Vec<u8>> {
        let signature = skink_signer::throwaway::sign(self.algorithm, &self.tbs).ok()?;
        assemble(&self.tbs, self.algorithm, &signature).ok()
    }
}
