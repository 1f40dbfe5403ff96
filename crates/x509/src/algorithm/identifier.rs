//! Encoded `AlgorithmIdentifier`s. Those of RSA with PKCS #1 v1.5 carry NULL parameters (RFC 4055 §5),
//! those of RSASSA-PSS a structure of their own (§3.1), the others none.

use der::Sequence;
use der::asn1::{AnyRef, ObjectIdentifier};

use crate::{SignatureAlgorithm, oid};

pub(super) const ECDSA_SHA256: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
pub(super) const ECDSA_SHA384: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03";
pub(super) const ECDSA_SHA512: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04";
pub(super) const ED25519: &[u8] = b"\x30\x05\x06\x03\x2b\x65\x70";
pub(super) const RSA_SHA256: &[u8] =
    b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00";
pub(super) const RSA_SHA384: &[u8] =
    b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00";
pub(super) const RSA_SHA512: &[u8] =
    b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d\x05\x00";
pub(super) const RSA_PSS_SHA256: &[u8] = b"\
    \x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34\xa0\x0f\x30\x0d\x06\x09\x60\
    \x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\
    \x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\xa2\x03\x02\x01\
    \x20";
pub(super) const RSA_PSS_SHA384: &[u8] = b"\
    \x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34\xa0\x0f\x30\x0d\x06\x09\x60\
    \x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\
    \x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\xa2\x03\x02\x01\
    \x30";
pub(super) const RSA_PSS_SHA512: &[u8] = b"\
    \x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34\xa0\x0f\x30\x0d\x06\x09\x60\
    \x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\
    \x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\xa2\x03\x02\x01\
    \x40";
pub(super) const ML_DSA_44: &[u8] = b"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x11";
pub(super) const ML_DSA_65: &[u8] = b"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12";
pub(super) const ML_DSA_87: &[u8] = b"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x13";
pub(super) const RSA_SHA1: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00";
pub(super) const ECDSA_SHA1: &[u8] = b"\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x04\x01";
pub(super) const DSA_SHA1: &[u8] = b"\x30\x09\x06\x07\x2a\x86\x48\xce\x38\x04\x03";
pub(super) const DSA_SHA256: &[u8] = b"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x02";

#[derive(Sequence)]
struct Identifier<'a> {
    oid: ObjectIdentifier,
    parameters: Option<AnyRef<'a>>,
}

/// `RSASSA-PSS-params`; what is left out stands for SHA-1 and its 20 bytes.
#[derive(Sequence)]
struct PssParameters<'a> {
    #[asn1(context_specific = "0", optional = "true")]
    hash: Option<Identifier<'a>>,
    #[asn1(context_specific = "1", optional = "true")]
    mask: Option<Identifier<'a>>,
    #[asn1(context_specific = "2", optional = "true")]
    salt: Option<u16>,
    #[asn1(context_specific = "3", optional = "true")]
    trailer: Option<u8>,
}

/// Identifiers that stand for an algorithm in another encoding, and that readers must take: RSA's
/// without parameters (RFC 4055 §5), hashes in RSASSA-PSS without NULL (§2.1).
pub(super) fn read_variant(content: &[u8]) -> Option<SignatureAlgorithm> {
    let whole = AnyRef::new(der::Tag::Sequence, content).ok()?;
    let identifier: Identifier<'_> = whole.decode_as().ok()?;
    match (identifier.oid, identifier.parameters) {
        (oid::SHA256_WITH_RSA, None) => Some(SignatureAlgorithm::RsaPkcs1Sha256),
        (oid::SHA384_WITH_RSA, None) => Some(SignatureAlgorithm::RsaPkcs1Sha384),
        (oid::SHA512_WITH_RSA, None) => Some(SignatureAlgorithm::RsaPkcs1Sha512),
        (oid::SHA1_WITH_RSA, None) => Some(SignatureAlgorithm::RsaPkcs1Sha1),
        (oid::RSASSA_PSS, Some(parameters)) => {
            let (algorithm, exact) = read_pss(parameters)?;
            exact.then_some(algorithm)
        }
        _ => None,
    }
}

/// The algorithm that the parameters of RSASSA-PSS stand for, and whether the salt has the length
/// of the hash; in a key's parameters the length is the least that is allowed.
pub(crate) fn read_pss(parameters: AnyRef<'_>) -> Option<(SignatureAlgorithm, bool)> {
    let parameters: PssParameters<'_> = parameters.decode_as().ok()?;
    let mask = parameters.mask?;
    let under_mask: Identifier<'_> = mask.parameters?.decode_as().ok()?;
    let plain = |it: &Identifier<'_>| it.parameters.is_none_or(AnyRef::is_null);
    let hash = parameters.hash?;
    let sound = mask.oid == oid::MGF1
        && under_mask.oid == hash.oid
        && plain(&hash)
        && plain(&under_mask)
        && matches!(parameters.trailer, None | Some(1));
    let (algorithm, length) = match hash.oid {
        oid::SHA256 => (SignatureAlgorithm::RsaPssSha256, 32),
        oid::SHA384 => (SignatureAlgorithm::RsaPssSha384, 48),
        oid::SHA512 => (SignatureAlgorithm::RsaPssSha512, 64),
        _ => return None,
    };
    let salt = parameters.salt.unwrap_or(20);
    (sound && salt <= length).then_some((algorithm, salt == length))
}
