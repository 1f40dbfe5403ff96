//! Certificates as they are written.

use der::Encode;
use der::asn1::AnyRef;
use der::{Decode, Tag};

use crate::certificate::{Tbs, Validity};
use crate::raw_sequence::RawSequence;
use crate::{
    EncodeError, Extension, Extensions, Name, PublicKey, Serial, SignatureAlgorithm, Time, tlv,
};

/// Everything that a certificate says. Its signature is made elsewhere: [`Self::tbs_der`] gives the
/// bytes to sign, [`crate::assemble`] puts the signature under them.
#[derive(Clone, Debug)]
pub struct CertificateSpec {
    /// The serial number.
    pub serial: Serial,
    /// The issuing authority's subject.
    pub issuer: Name,
    /// Whose key it is; may be empty when there are alternative names.
    pub subject: Name,
    /// First instant of validity; a fraction of a second is cut off.
    pub not_before: Time,
    /// Last second of validity.
    pub not_after: Time,
    /// The subject's key.
    pub public_key: PublicKey,
    /// The algorithm that the issuer will sign with.
    pub signature_algorithm: SignatureAlgorithm,
    /// The extensions, in the order in which they will stand.
    pub extensions: Extensions,
}

impl CertificateSpec {
    /// The DER of the `TBSCertificate`.
    pub fn tbs_der(&self) -> Result<Vec<u8>, EncodeError> {
        let bad = || EncodeError::der("the certificate");
        let extensions = self.extensions.build(self.subject.is_empty())?;
        let extensions = Extension::sequence_der(&extensions)?;
        let serial = self.serial.der_content();
        let time = |time| tlv::x509_time(time)?.to_der().map_err(bad());
        let (not_before, not_after) = (time(self.not_before)?, time(self.not_after)?);
        let any = |der| AnyRef::from_der(der).map_err(bad());
        let tbs = Tbs {
            version: 2,
            serial: AnyRef::new(Tag::Integer, &serial).map_err(bad())?,
            signature: sequence(self.signature_algorithm.identifier_der())?,
            issuer: sequence(self.issuer.to_der())?,
            validity: Validity { not_before: any(&not_before)?, not_after: any(&not_after)? },
            subject: sequence(self.subject.to_der())?,
            public_key: sequence(self.public_key.spki_der())?,
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: match &extensions[..] {
                [0x30, 0] => None,
                some => Some(sequence(some)?),
            },
        };
        tbs.to_der().map_err(bad())
    }
}

/// The content of an encoded `SEQUENCE`.
pub(crate) fn sequence(der: &[u8]) -> Result<RawSequence<'_>, EncodeError> {
    RawSequence::from_der(der).map_err(EncodeError::der("a sequence"))
}
