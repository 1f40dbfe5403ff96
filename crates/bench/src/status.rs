//! Questions to an OCSP responder, and what it answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use skink_x509::ocsp::{CertId, CertStatus, HashAlgorithm, OcspRequest, OcspResponse};
use skink_x509::{Certificate, Serial};

use crate::error::BenchError;
use crate::http::{Answer, Target};
use crate::skink::AUTHORITY;

/// The request that asks our responder about a serial.
pub(crate) fn question(
    target: &Target,
    issuer: &Certificate,
    serial: &Serial,
) -> Result<Vec<u8>, BenchError> {
    let body = request(issuer, serial, None)?;
    let path = format!("/ocsp/{AUTHORITY}");
    Ok(target.typed("POST", &path, "application/ocsp-request", &body))
}

/// Where a responder at `base` is asked this by GET (RFC 6960, appendix A.1).
pub(crate) fn path(base: &str, request: &[u8]) -> String {
    let encoded = STANDARD.encode(request);
    format!("{base}{}", encoded.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D"))
}

/// The DER of a request about one serial.
pub(crate) fn request(
    issuer: &Certificate,
    serial: &Serial,
    nonce: Option<Vec<u8>>,
) -> Result<Vec<u8>, BenchError> {
    let failed = |error: skink_x509::EncodeError| BenchError::Material(error.to_string());
    let id = id(issuer, serial)?;
    OcspRequest::new(vec![id], nonce).to_der().map_err(failed)
}

fn id(issuer: &Certificate, serial: &Serial) -> Result<CertId, BenchError> {
    let (subject, key) = (issuer.subject(), issuer.public_key());
    let id = CertId::new(HashAlgorithm::Sha1, subject, key, serial);
    id.map_err(|error| BenchError::Material(error.to_string()))
}

/// What an answer says about a serial.
pub(crate) fn status(
    answer: &Answer,
    issuer: &Certificate,
    serial: &Serial,
) -> Result<CertStatus, BenchError> {
    let odd = |what: &str| BenchError::Answer { whom: "OCSP".to_owned(), what: what.to_owned() };
    let response = OcspResponse::from_der(&answer.body).map_err(|error| odd(&error.to_string()))?;
    let basic = response.basic.ok_or_else(|| odd("an error instead of a status"))?;
    let found = basic.find(&id(issuer, serial)?).ok_or_else(|| odd("no word of the serial"))?;
    Ok(found.status)
}
