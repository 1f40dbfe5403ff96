//! An authority's revocation lists.

use std::io::{Cursor, Read, Seek, Write};

use skink_model::{IncidentId, Time};
use skink_signer::{AttemptPurpose, SignError, SignatureRequest, Signed, Signer, ToSign};
use skink_x509::crl::{
    CrlNumber, CrlSpec, CrlWriter, EntryGrounds, IssuingDistributionPoint, RevokedEntry,
};
use skink_x509::crl::{UnsignedCrl, encode_tbs};
use skink_x509::{EncodeError, KeyDigest};

use crate::identity::SigningIdentity;
use crate::to_be_signed::{FinishError, ToBeSigned};

/// Which list, and for how long it speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPlan {
    /// Its scope: the distribution point in the certificates that it is about.
    pub uri: String,
    /// Its number, reserved by the caller: it only goes up.
    pub number: CrlNumber,
    /// When it is said.
    pub this_update: Time,
    /// Until when it speaks.
    pub next_update: Time,
}

impl ListPlan {
    /// The list without its entries.
    pub fn spec(&self, identity: &SigningIdentity) -> CrlSpec {
        CrlSpec {
            issuer: identity.subject.clone(),
            signature_algorithm: identity.signature_algorithm(),
            this_update: self.this_update,
            next_update: self.next_update,
            number: self.number.clone(),
            authority_key_id: identity.public_key.key_id().to_vec(),
            issuing_distribution_point: Some(IssuingDistributionPoint::at(&self.uri)),
        }
    }

    /// How the ledger knows it.
    pub fn subject(&self) -> String {
        format!("{}#{}", self.uri, self.number)
    }
}

/// A list that fits into memory, ready for its signature.
pub fn small_list(
    identity: &SigningIdentity,
    plan: &ListPlan,
    entries: impl IntoIterator<Item = RevokedEntry>,
) -> Result<ToBeSigned, EncodeError> {
    let tbs = encode_tbs(&plan.spec(identity), entries)?;
    Ok(ToBeSigned::new(identity, tbs))
}

/// Takes a list's entries from a cursor, in the order of serials, and holds one at a time.
#[derive(Debug)]
pub struct ListWriter<S> {
    writer: CrlWriter<S>,
    identity: SigningIdentity,
    plan: ListPlan,
}

impl<S: Read + Write + Seek> ListWriter<S> {
    /// Begins a list; `spool` is a temporary file, or memory for a small one.
    pub fn new(identity: &SigningIdentity, plan: ListPlan, spool: S) -> Result<Self, EncodeError> {
        let writer = CrlWriter::new(&plan.spec(identity), spool)?;
        Ok(Self { writer, identity: identity.clone(), plan })
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: &RevokedEntry) -> Result<(), EncodeError> {
        self.writer.push(entry)
    }

    /// The same by the value of the serial, big-endian and without leading zeros.
    pub fn push_value(&mut self, serial: &[u8], grounds: EntryGrounds) -> Result<(), EncodeError> {
        self.writer.push_value(serial, grounds)
    }

    /// The entries are complete.
    pub fn finish(self) -> Result<ListToSign<S>, EncodeError> {
        let mut unsigned = self.writer.finish()?;
        let to_sign = match unsigned.tbs_digest()? {
            Some(digest) => Bytes::Digest(digest.as_ref().to_vec()),
            None => Bytes::Message(unsigned.tbs_der()?),
        };
        Ok(ListToSign { unsigned, identity: self.identity, plan: self.plan, to_sign })
    }
}

impl ListWriter<Cursor<Vec<u8>>> {
    /// Begins a list in memory.
    pub fn in_memory(identity: &SigningIdentity, plan: ListPlan) -> Result<Self, EncodeError> {
        Self::new(identity, plan, Cursor::new(Vec::new()))
    }
}

#[derive(Debug)]
enum Bytes {
    Digest(Vec<u8>),
    Message(Vec<u8>),
}

/// A complete list that waits for its signature.
#[derive(Debug)]
pub struct ListToSign<S> {
    unsigned: UnsignedCrl<S>,
    identity: SigningIdentity,
    plan: ListPlan,
    to_sign: Bytes,
}

impl<S: Read + Seek> ListToSign<S> {
    /// How many certificates it revokes.
    pub fn entries(&self) -> u64 {
        self.unsigned.entries()
    }

    /// What to ask the ledger.
    pub fn request(
        &self,
        purpose: AttemptPurpose,
        incident: Option<IncidentId>,
    ) -> SignatureRequest {
        SignatureRequest {
            authority: self.identity.id.clone(),
            key: self.identity.key.clone(),
            purpose,
            subject: self.plan.subject(),
            algorithm: self.identity.signature_algorithm(),
            incident,
        }
    }

    /// What to sign: the digest, or the whole where the key signs no digests.
    pub fn to_sign(&self) -> ToSign<'_> {
        match &self.to_sign {
            Bytes::Digest(bytes) => ToSign::Digest(bytes),
            Bytes::Message(bytes) => ToSign::Message(bytes),
        }
    }

    /// Asks and signs.
    pub async fn sign(
        &self,
        signer: &Signer,
        purpose: AttemptPurpose,
        incident: Option<IncidentId>,
    ) -> Result<Signed, SignError> {
        signer.ask_and_sign(self.request(purpose, incident), self.to_sign()).await
    }

    /// Writes the whole list.
    pub fn write(&mut self, signed: &Signed, out: &mut impl Write) -> Result<(), FinishError> {
        let own: KeyDigest = self.identity.public_key.digest();
        if signed.key_digest != own || signed.algorithm != self.identity.signature_algorithm() {
            return Err(FinishError::OtherKey(self.identity.id.clone()));
        }
        self.unsigned.write_signed(&signed.signature, out).map_err(FinishError::Encode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, NOW, openssl, plus_days};
    use skink_x509::crl::{Crl, Reason};
    use skink_x509::{KeyAlgorithm, Serial};

    fn entries() -> Vec<RevokedEntry> {
        let entry = |n: u8| RevokedEntry {
            serial: Serial::from_random([n; 16]),
            revoked_at: NOW,
            reason: Some(Reason::KeyCompromise),
            invalidity_date: Some(NOW),
        };
        (1..=5).map(entry).collect()
    }

    #[tokio::test]
    async fn streamed_and_small_lists_are_the_same_and_verify() {
        for algorithm in [KeyAlgorithm::EcP256, KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa2048] {
            let pki = Fixture::with(algorithm).await;
            let identity = pki.issuer.identity();
            let plan = ListPlan {
                uri: pki.locations.crl(&identity.id, 0),
                number: CrlNumber::from_u64(7),
                this_update: NOW,
                next_update: plus_days(7),
            };
            let small = small_list(identity, &plan, entries()).unwrap();
            let mut writer = ListWriter::in_memory(identity, plan.clone()).unwrap();
            for entry in entries() {
                writer.push(&entry).unwrap();
            }
            let mut list = writer.finish().unwrap();
            assert_eq!(list.entries(), 5);
            let signed = list.sign(&pki.signer, AttemptPurpose::Crl, None).await.unwrap();
            let mut der = Vec::new();
            list.write(&signed, &mut der).unwrap();
            let crl = Crl::from_der(&der).unwrap();
            assert_eq!(crl.tbs_der(), small.bytes());
            crl.verify_signed_by(pki.issuer.certificate().public_key()).unwrap();
            assert_eq!(crl.number().unwrap().to_u64(), Some(7));
            assert_eq!(crl.issuing_distribution_point().unwrap().uris, [plan.uri]);
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("crl.pem"), crl.to_pem()).unwrap();
            let ca = pki.issuer.certificate().to_pem();
            std::fs::write(dir.path().join("ca.pem"), ca).unwrap();
            let args = ["crl", "-in", "crl.pem", "-CAfile", "ca.pem", "-noout", "-verify"];
            let (ok, said) = openssl(dir.path(), &args);
            assert!(ok && said.contains("verify OK"), "{said}");
        }
    }

    #[tokio::test]
    async fn another_keys_signature_does_not_make_a_list() {
        let (pki, other) = (Fixture::new().await, Fixture::new().await);
        let plan = ListPlan {
            uri: "http://pki.example/crl/a.crl".to_owned(),
            number: CrlNumber::from_u64(1),
            this_update: NOW,
            next_update: plus_days(1),
        };
        let write = |pki: &Fixture| {
            ListWriter::in_memory(pki.issuer.identity(), plan.clone()).unwrap().finish().unwrap()
        };
        let foreign = write(&other).sign(&other.signer, AttemptPurpose::Crl, None).await.unwrap();
        let refused = write(&pki).write(&foreign, &mut Vec::new());
        assert!(matches!(refused, Err(FinishError::OtherKey(_))));
    }
}
