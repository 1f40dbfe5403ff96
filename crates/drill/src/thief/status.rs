//! What the thief says of his certificates' status: with the authority's key he may say anything.

use std::time::Duration;

use skink_x509::crl::{
    Crl, CrlNumber, CrlSpec, IssuingDistributionPoint, RevokedEntry, encode_tbs,
};
use skink_x509::ocsp::{CertId, CertStatus, HashAlgorithm, OcspResponseSpec, SingleResponse};
use skink_x509::{Certificate, assemble};

use super::forge::Thief;
use super::key::thwarted;
use crate::DrillError;
use crate::clock::now;

const BACK: Duration = Duration::from_mins(1);
const LIFE: Duration = Duration::from_hours(8760);

/// A CRL of the stolen authority without an entry, with the scope of the one it displaces and the
/// number 2^150.
pub(crate) fn empty_crl(thief: &Thief) -> Result<Crl, DrillError> {
    let mut number = [0; 19];
    number[0] = 0x40;
    let number =
        CrlNumber::from_be_bytes(&number).map_err(|error| thwarted("numbering his CRL", &error))?;
    let spec = CrlSpec {
        issuer: thief.authority.subject().clone(),
        signature_algorithm: thief.stolen.algorithm(),
        this_update: now().minus(BACK),
        next_update: now().plus(LIFE),
        number,
        authority_key_id: thief.authority.public_key().key_id().to_vec(),
        issuing_distribution_point: thief.scope.as_deref().map(IssuingDistributionPoint::at),
    };
    let tbs = encode_tbs(&spec, std::iter::empty::<RevokedEntry>())
        .map_err(|error| thwarted("forging a CRL", &error))?;
    let der = assemble(&tbs, thief.stolen.algorithm(), &thief.stolen.sign(&tbs)?)
        .map_err(|error| thwarted("forging a CRL", &error))?;
    Crl::from_der(&der).map_err(|error| thwarted("reading his CRL", &error))
}

/// A `good` for the forged leaf, signed by a responder that the thief certified himself.
pub(crate) fn good_response(thief: &Thief, leaf: &Certificate) -> Result<Vec<u8>, DrillError> {
    let forged = |error: &dyn std::fmt::Display| thwarted("forging an OCSP response", error);
    let (responder, certificate) = thief.responder();
    let cert_id =
        CertId::of(HashAlgorithm::Sha1, leaf, &thief.authority).map_err(|error| forged(&error))?;
    let spec = OcspResponseSpec {
        responder: certificate.public_key().clone(),
        signature_algorithm: responder.algorithm(),
        produced_at: now(),
        responses: vec![SingleResponse {
            cert_id,
            status: CertStatus::Good,
            this_update: now().minus(BACK),
            next_update: Some(now().plus(LIFE)),
        }],
        nonce: None,
        certificates: vec![certificate.clone()],
    };
    let tbs = spec.tbs_der().map_err(|error| forged(&error))?;
    spec.assemble(&tbs, &responder.sign(&tbs)?).map_err(|error| forged(&error))
}
