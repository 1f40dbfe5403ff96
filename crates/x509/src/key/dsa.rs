//! DSA (FIPS 186-4), which is weak by definition: for chains of old, and said to be weak there.

use aws_lc_rs::digest;
use der::asn1::{AnyRef, UintRef};
use der::{Decode as _, Sequence};
use dsa::signature::hazmat::PrehashVerifier as _;
use dsa::{BoxedUint, Components, Signature, VerifyingKey};

use super::read::{Spki, spki_der};
use super::{Numbers, PublicKey, bit_len};
use crate::{BadSignature, KeyError, SignatureAlgorithm, oid};

/// The key, and its domain parameters unless it inherits them.
pub(super) struct DsaNumbers {
    parameters: Option<Parameters>,
    y: Box<[u8]>,
}

#[derive(Clone)]
struct Parameters {
    p: Box<[u8]>,
    q: Box<[u8]>,
    g: Box<[u8]>,
}

#[derive(Sequence)]
struct RawParameters<'a> {
    p: UintRef<'a>,
    q: UintRef<'a>,
    g: UintRef<'a>,
}

#[derive(Sequence)]
struct RawSignature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

impl DsaNumbers {
    /// Sizes other than those of FIPS 186-4 are not supported: they would only cost time.
    pub(super) fn read(parameters: Option<AnyRef<'_>>, key: &[u8]) -> Result<Self, KeyError> {
        let y = UintRef::from_der(key).map_err(KeyError::Der)?.as_bytes().into();
        // NULL, too, is met for parameters that are inherited.
        let Some(parameters) = parameters.filter(|parameters| !parameters.is_null()) else {
            return Ok(Self { parameters: None, y });
        };
        let raw: RawParameters<'_> = parameters.decode_as().map_err(KeyError::Der)?;
        let (p, q, g) = (raw.p.as_bytes(), raw.q.as_bytes(), raw.g.as_bytes());
        let sizes = (bit_len(p), bit_len(q));
        if !matches!(sizes, (1024, 160) | (2048, 224 | 256) | (3072, 256)) {
            return Err(KeyError::UnsupportedAlgorithm(oid::DSA));
        }
        let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        if !odd(p) || !odd(q) {
            return Err(KeyError::InvalidValue);
        }
        Ok(Self { parameters: Some(Parameters { p: p.into(), q: q.into(), g: g.into() }), y })
    }

    pub(super) const fn has_parameters(&self) -> bool {
        self.parameters.is_some()
    }

    pub(super) fn bits(&self) -> usize {
        self.parameters.as_ref().map_or(0, |parameters| bit_len(&parameters.p))
    }

    pub(super) fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let hash = match algorithm {
            SignatureAlgorithm::DsaSha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            SignatureAlgorithm::DsaSha256 => &digest::SHA256,
            _ => return Err(BadSignature),
        };
        let hash = digest::digest(hash, message);
        let (key, signature) = self.prepare(signature).ok_or(BadSignature)?;
        key.verify_prehash(hash.as_ref(), &signature).map_err(|_| BadSignature)
    }

    /// Key and signature as the library takes them: every number at the size of its modulus.
    fn prepare(&self, signature: &[u8]) -> Option<(VerifyingKey, Signature)> {
        let Parameters { p, q, g } = self.parameters.as_ref()?;
        let raw = RawSignature::from_der(signature).ok()?;
        let (long, short) = (p.len(), q.len());
        let components =
            Components::from_components(number(p, long)?, number(q, short)?, number(g, long)?);
        let key = VerifyingKey::from_components(components.ok()?, number(&self.y, long)?).ok()?;
        let (r, s) = (number(raw.r.as_bytes(), short)?, number(raw.s.as_bytes(), short)?);
        Some((key, Signature::from_components(r, s)?))
    }
}

/// The number in so many bytes; none when it needs more.
fn number(bytes: &[u8], length: usize) -> Option<BoxedUint> {
    BoxedUint::from_be_slice(bytes, u32::try_from(8 * length).ok()?).ok()
}

impl PublicKey {
    /// Whether this is a DSA key whose domain parameters stand in an issuer's certificate (RFC 3279
    /// §2.3.2).
    pub fn inherits_parameters(&self) -> bool {
        matches!(&self.0.numbers, Numbers::Dsa(dsa) if !dsa.has_parameters())
    }

    /// The same key with the domain parameters of another DSA key (RFC 5280 §6.1.4 (e)).
    pub fn with_parameters_of(&self, other: &Self) -> Option<Self> {
        let (Numbers::Dsa(_), Numbers::Dsa(_)) = (&self.0.numbers, &other.0.numbers) else {
            return None;
        };
        let parameters = Spki::from_der(other.spki_der()).ok()?.algorithm.parameters?;
        let der = spki_der(oid::DSA, Some(parameters), self.raw()).ok()?;
        Self::from_certificate(&der).ok()
    }
}
