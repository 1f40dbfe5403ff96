//! OCSP answers by a delegated responder.

use skink_model::{IncidentId, Time};
use skink_signer::{AttemptPurpose, SignatureRequest, Signed, Signer, ToSign};
use skink_x509::ocsp::{CertId, CertStatus, OcspRequest, OcspResponseSpec, SingleResponse};
use skink_x509::{Certificate, EncodeError, Serial};

use crate::identity::SigningAuthority;
use crate::span::Span;
use crate::to_be_signed::{FinishError, ToBeSigned};

/// Answers in an authority's name with a key and a certificate of its own.
#[derive(Clone, Debug)]
pub struct Responder {
    /// The authority that is asked about.
    authority: SigningAuthority,
    /// Who signs: the responder's certificate, issued by that authority, and its key.
    delegate: SigningAuthority,
    /// How long an answer holds.
    validity: Span,
    /// How far `thisUpdate` lies back, for slow clocks.
    backdate: Span,
}

/// The certificate delegates nothing for this authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the responder's certificate is not one of its authority for signing OCSP answers")]
pub struct NotDelegated;

/// An answer that waits for its signature.
#[derive(Debug)]
pub struct Answer {
    spec: OcspResponseSpec,
    to_be_signed: ToBeSigned,
    subject: String,
}

impl Responder {
    /// A responder for `authority`. An hour's answers, five minutes back-dated, unless
    /// [`Responder::with_validity`] says otherwise.
    pub fn new(
        authority: SigningAuthority,
        delegate: SigningAuthority,
    ) -> Result<Self, NotDelegated> {
        let certificate = delegate.certificate();
        let delegated = certificate.extended_key_usages().contains(&skink_x509::oid::OCSP_SIGNING)
            && certificate.issuer() == authority.certificate().subject()
            && certificate.verify_signed_by(authority.certificate().public_key()).is_ok();
        if !delegated {
            return Err(NotDelegated);
        }
        let (validity, backdate) = (Span::minutes(60), Span::minutes(5));
        Ok(Self { authority, delegate, validity, backdate })
    }

    /// The same, whose answers hold for `validity`.
    pub fn with_validity(self, validity: Span) -> Self {
        Self { validity, ..self }
    }

    /// The responder's certificate.
    pub const fn certificate(&self) -> &Certificate {
        self.delegate.certificate()
    }

    /// The serials of this authority that a request asks about, in order; nothing when it asks about
    /// another authority.
    pub fn serials(&self, request: &OcspRequest) -> Option<Vec<Serial>> {
        let own = |id: &CertId| {
            let authority = self.authority.certificate();
            id.is_issued_by(authority.subject(), authority.public_key())
        };
        let ids = request.cert_ids();
        ids.iter().all(own).then(|| ids.iter().map(|id| id.serial().clone()).collect())
    }

    /// The answer to a request, given the status of each serial in order. Serials never issued are
    /// [`CertStatus::NEVER_ISSUED`].
    pub fn answer(
        &self,
        request: &OcspRequest,
        statuses: &[CertStatus],
        now: Time,
    ) -> Result<Answer, EncodeError> {
        let this_update = now.minus(self.backdate.duration()).truncated_to_secs();
        let single = |(cert_id, status): (&CertId, &CertStatus)| SingleResponse {
            cert_id: cert_id.clone(),
            status: *status,
            this_update,
            next_update: Some(
                this_update.plus(self.backdate.duration()).plus(self.validity.duration()),
            ),
        };
        let pairs = request.cert_ids().iter().zip(statuses);
        let spec = OcspResponseSpec {
            responder: self.delegate.certificate().public_key().clone(),
            signature_algorithm: self.delegate.identity().signature_algorithm(),
            produced_at: now.truncated_to_secs(),
            responses: pairs.map(single).collect(),
            nonce: request.nonce().map(<[u8]>::to_vec),
            certificates: vec![self.delegate.certificate().clone()],
        };
        let serials: Vec<String> =
            request.cert_ids().iter().map(|id| id.serial().to_hex()).collect();
        let to_be_signed = ToBeSigned::new(self.delegate.identity(), spec.tbs_der()?);
        Ok(Answer { spec, to_be_signed, subject: format!("ocsp:{}", serials.join(",")) })
    }
}

impl Answer {
    /// What to ask the ledger.
    pub fn request(&self, incident: Option<IncidentId>) -> SignatureRequest {
        self.to_be_signed.request(AttemptPurpose::Ocsp, self.subject.clone(), incident)
    }

    /// The bytes to sign.
    pub fn bytes(&self) -> &[u8] {
        self.to_be_signed.bytes()
    }

    /// The DER of the whole response.
    pub fn finish(self, signed: &Signed) -> Result<Vec<u8>, FinishError> {
        let Self { spec, to_be_signed, .. } = self;
        let tbs = to_be_signed.bytes().to_vec();
        // Refuses another key's signature.
        to_be_signed.finish(signed)?;
        spec.assemble(&tbs, &signed.signature).map_err(FinishError::Encode)
    }

    /// Asks, signs and finishes.
    pub async fn sign(self, signer: &Signer) -> Result<Vec<u8>, FinishError> {
        let message = ToSign::Message(self.to_be_signed.bytes());
        let made = signer.ask_and_sign(self.request(None), message).await;
        self.finish(&made.map_err(FinishError::Sign)?)
    }
}

#[cfg(test)]
mod tests;
