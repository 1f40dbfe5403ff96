//! Who may sign a package.

use der::Decode;
use der::asn1::UintRef;
use skink_x509::{Certificate, EncodeError, Time, oid};

use crate::{Edition, HeldCrl, Refusal};

/// The DER of the epoch extension ([`oid::SKINK_EPOCH`]) in a trust key's certificate.
pub fn epoch_extension(epoch: u64) -> Result<Vec<u8>, EncodeError> {
    der::Encode::to_der(&epoch).map_err(|source| EncodeError::Der { what: "the epoch", source })
}

/// The root-signed certificate has the private usage and the epoch, is valid and not revoked.
pub(crate) fn check(
    signer: &Certificate,
    edition: Edition,
    roots: &[Certificate],
    now: Time,
) -> Result<(), Refusal> {
    let refuse = |reason| Err(Refusal::WrongKey { reason });
    if !roots.iter().any(|root| is_signed_by(signer, root)) {
        return refuse("is not signed by a root that is trusted here");
    }
    if signer.is_ca() || !signer.extended_key_usages().contains(&oid::SKINK_TRUST) {
        return refuse("is not for signing trust packages");
    }
    if !signer.is_valid_at(now) {
        return refuse("is not valid now");
    }
    if epoch(signer) != Some(edition.epoch) {
        return refuse("is for another epoch");
    }
    Ok(())
}

/// No root's CRL that is held revokes the signer.
pub(crate) fn check_revocation(signer: &Certificate, crls: &[HeldCrl]) -> Result<(), Refusal> {
    if crls.iter().any(|crl| crl.revokes(signer)) {
        return Err(Refusal::WrongKey { reason: "is revoked by the root" });
    }
    Ok(())
}

pub(crate) fn is_signed_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    certificate.issuer() == issuer.subject()
        && certificate.verify_signed_by(issuer.public_key()).is_ok()
}

fn epoch(certificate: &Certificate) -> Option<u64> {
    let extension = certificate.extension(oid::SKINK_EPOCH)?;
    let integer = UintRef::from_der(&extension.value).ok()?;
    let bytes = integer.as_bytes();
    if bytes.len() > 8 {
        return None;
    }
    Some(bytes.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte)))
}
