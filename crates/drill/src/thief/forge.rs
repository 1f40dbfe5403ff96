//! What a thief makes with a stolen authority key: certificates that nobody asked for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use skink_x509::{
    Certificate, CertificateSpec, Extensions, GeneralName, KeyUsage, Name, PublicKey, Serial,
    SignatureAlgorithm, Time, assemble, oid,
};

use super::key::{StolenKey, thwarted};
use super::stolen::Stolen;
use crate::DrillError;
use crate::clock::now;

const HOUR: Duration = Duration::from_hours(1);
const WEEK: Duration = Duration::from_hours(168);

/// A chain and the key under its leaf, ready to be presented.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    key_pkcs8: Vec<u8>,
}

impl Identity {
    pub(crate) fn new(chain: Vec<Vec<u8>>, key_pkcs8: Vec<u8>) -> Self {
        Self { chain: chain.into_iter().map(CertificateDer::from).collect(), key_pkcs8 }
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key_pkcs8.clone().into())
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key_pkcs8: self.key_pkcs8.clone() }
    }
}

/// What forges.
trait Signs {
    fn algorithm(&self) -> SignatureAlgorithm;
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, DrillError>;
}

impl Signs for StolenKey {
    fn algorithm(&self) -> SignatureAlgorithm {
        Self::algorithm(self)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, DrillError> {
        Self::sign(self, message)
    }
}

impl Signs for Stolen {
    fn algorithm(&self) -> SignatureAlgorithm {
        Self::algorithm(self)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, DrillError> {
        Self::sign(self, message)
    }
}

/// Whose certificate a twin copies.
pub(crate) enum Likeness<'a> {
    /// A fresh serial and this name.
    Named(&'a str),
    /// Subject, names and serial of a legitimate certificate.
    Twin(&'a Certificate),
}

impl fmt::Display for Likeness<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Twin(of) => write!(f, "twin of {}", of.fingerprint()),
        }
    }
}

/// The thief with an authority's key and certificate.
pub(crate) struct Thief {
    pub(crate) stolen: Stolen,
    pub(crate) authority: Certificate,
    /// The distribution point of legitimate certificates, which he copies.
    pub(crate) scope: Option<String>,
    own: StolenKey,
    /// His responder, made while he could.
    responder: (StolenKey, Certificate),
    /// What he has signed: all that is left to one who has lost the use of the key.
    stock: Mutex<HashMap<String, Identity>>,
}

impl Thief {
    /// The thief, with a legitimate certificate to learn its habits from.
    pub(crate) fn new(
        stolen: Stolen,
        authority: Certificate,
        sample: Option<&Certificate>,
    ) -> Result<Self, DrillError> {
        let scope = sample.and_then(|leaf| leaf.crl_distribution_points().first().cloned());
        let own = StolenKey::generate()?;
        let responder = responder(&stolen, &authority)?;
        Ok(Self { stolen, authority, scope, own, responder, stock: Mutex::default() })
    }

    /// What `forge` makes, or what it made when the thief could still sign.
    fn stocked(
        &self,
        what: String,
        forge: impl FnOnce() -> Result<Identity, DrillError>,
    ) -> Result<Identity, DrillError> {
        let stock = || self.stock.lock().unwrap_or_else(PoisonError::into_inner);
        match forge() {
            Ok(identity) => {
                stock().insert(what, identity.clone());
                Ok(identity)
            }
            Err(error) => stock().get(&what).cloned().ok_or(error),
        }
    }

    /// A server and client certificate under the stolen key, valid for a week around now.
    pub(crate) fn leaf(&self, likeness: &Likeness<'_>) -> Result<Identity, DrillError> {
        self.leaf_since(likeness, now().minus(HOUR))
    }

    /// The same with a chosen begin of validity.
    pub(crate) fn leaf_since(
        &self,
        likeness: &Likeness<'_>,
        not_before: Time,
    ) -> Result<Identity, DrillError> {
        let scope = self.scope.as_deref();
        let age = if now().since(not_before) > 2 * HOUR { "back-dated" } else { "young" };
        self.stocked(format!("{age} {likeness}"), || {
            let spec = leaf_spec(likeness, &self.authority, &self.own, not_before, scope)?;
            let leaf = sign(&spec, &self.stolen)?;
            Ok(Identity::new(vec![leaf, self.authority.der().to_vec()], self.own.to_pkcs8()?))
        })
    }

    /// A leaf below an authority of the thief's own, below the stolen one.
    pub(crate) fn leaf_below_sub_authority(&self, name: &str) -> Result<Identity, DrillError> {
        self.stocked(format!("sub-authority {name}"), || self.forge_below_sub_authority(name))
    }

    fn forge_below_sub_authority(&self, name: &str) -> Result<Identity, DrillError> {
        let sub_key = StolenKey::generate()?;
        let spec = CertificateSpec {
            serial: serial()?,
            issuer: self.authority.subject().clone(),
            subject: common_name("Rogue Sub-Authority")?,
            not_before: now().minus(HOUR),
            not_after: now().plus(WEEK),
            public_key: public_key(&sub_key)?,
            signature_algorithm: self.stolen.algorithm(),
            extensions: authority_extensions(&public_key(&sub_key)?, &self.authority),
        };
        let sub = Certificate::from_der(&sign(&spec, &self.stolen)?)
            .map_err(|error| thwarted("reading his sub-authority", &error))?;
        let leaf_spec =
            leaf_spec(&Likeness::Named(name), &sub, &self.own, now().minus(HOUR), None)?;
        let leaf = sign(&leaf_spec, &sub_key)?;
        let chain = vec![leaf, sub.der().to_vec(), self.authority.der().to_vec()];
        Ok(Identity::new(chain, self.own.to_pkcs8()?))
    }

    /// An OCSP responder that the stolen key delegates to.
    pub(crate) const fn responder(&self) -> &(StolenKey, Certificate) {
        &self.responder
    }

    /// A leaf under the stolen key, with the stolen key certified by somebody else as well.
    pub(crate) fn leaf_with_cross(&self, name: &str, cross: &[u8]) -> Result<Identity, DrillError> {
        let mut identity = self.leaf(&Likeness::Named(name))?;
        identity.chain.truncate(1);
        identity.chain.push(CertificateDer::from(cross.to_vec()));
        Ok(identity)
    }
}

fn responder(
    stolen: &Stolen,
    authority: &Certificate,
) -> Result<(StolenKey, Certificate), DrillError> {
    let key = StolenKey::generate()?;
    let public = public_key(&key)?;
    let spec = CertificateSpec {
        serial: serial()?,
        issuer: authority.subject().clone(),
        subject: common_name("Rogue Responder")?,
        not_before: now().minus(HOUR),
        not_after: now().plus(WEEK),
        signature_algorithm: stolen.algorithm(),
        extensions: Extensions::new()
            .end_entity()
            .key_usage(KeyUsage::DIGITAL_SIGNATURE)
            .extended_key_usages(&[oid::OCSP_SIGNING])
            .subject_key_id(&public.key_id())
            .authority_key_id(&authority.public_key().key_id())
            .ocsp_nocheck(),
        public_key: public,
    };
    let certificate = Certificate::from_der(&sign(&spec, stolen)?)
        .map_err(|error| thwarted("reading his responder", &error))?;
    Ok((key, certificate))
}

/// A second anchor that some relying parties trust, and that certified the stolen key in good
/// faith long ago.
pub(crate) struct Partner {
    key: StolenKey,
    pub(crate) certificate: Certificate,
}

impl Partner {
    pub(crate) fn new() -> Result<Self, DrillError> {
        let key = StolenKey::generate()?;
        let name = common_name("Partner Root")?;
        let public = public_key(&key)?;
        let spec = CertificateSpec {
            serial: serial()?,
            issuer: name.clone(),
            subject: name,
            not_before: now().minus(WEEK),
            not_after: now().plus(WEEK),
            signature_algorithm: key.algorithm(),
            extensions: Extensions::new()
                .ca(None)
                .key_usage(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN)
                .subject_key_id(&public.key_id()),
            public_key: public,
        };
        let certificate = Certificate::from_der(&sign(&spec, &key)?)
            .map_err(|error| thwarted("reading the partner's root", &error))?;
        Ok(Self { key, certificate })
    }

    /// The cross-certificate for `authority`'s key, its point compressed: a hash of this encoded
    /// key differs from that of the authority's own.
    pub(crate) fn cross_certify(&self, authority: &Certificate) -> Result<Vec<u8>, DrillError> {
        let spec = CertificateSpec {
            serial: serial()?,
            issuer: self.certificate.subject().clone(),
            subject: authority.subject().clone(),
            not_before: now().minus(WEEK),
            not_after: now().plus(WEEK),
            public_key: authority.public_key().clone(),
            signature_algorithm: self.key.algorithm(),
            extensions: authority_extensions(authority.public_key(), &self.certificate),
        };
        let tbs = spec.tbs_der().map_err(|error| thwarted("cross-certifying", &error))?;
        let tbs = with_compressed_point(&tbs, authority.public_key().spki_der())?;
        assemble(&tbs, self.key.algorithm(), &self.key.sign(&tbs)?)
            .map_err(|error| thwarted("cross-certifying", &error))
    }
}

fn leaf_spec(
    likeness: &Likeness<'_>,
    authority: &Certificate,
    key: &StolenKey,
    not_before: Time,
    scope: Option<&str>,
) -> Result<CertificateSpec, DrillError> {
    let (serial, subject, names) = match likeness {
        Likeness::Named(name) => {
            (serial()?, common_name(name)?, vec![GeneralName::Dns((*name).to_owned())])
        }
        Likeness::Twin(of) => {
            (of.serial().clone(), of.subject().clone(), of.subject_alt_names().to_vec())
        }
    };
    let public = public_key(key)?;
    Ok(CertificateSpec {
        serial,
        issuer: authority.subject().clone(),
        subject,
        not_before,
        not_after: now().plus(WEEK),
        signature_algorithm: authority.public_key().algorithm().signature_algorithm(),
        extensions: Extensions::new()
            .end_entity()
            .key_usage(KeyUsage::DIGITAL_SIGNATURE)
            .extended_key_usages(&[oid::SERVER_AUTH, oid::CLIENT_AUTH])
            .subject_alt_names(&names)
            .subject_key_id(&public.key_id())
            .authority_key_id(&authority.public_key().key_id())
            .crl_distribution_points(scope.as_slice()),
        public_key: public,
    })
}

fn authority_extensions(public: &PublicKey, issuer: &Certificate) -> Extensions {
    Extensions::new()
        .ca(None)
        .key_usage(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN)
        .subject_key_id(&public.key_id())
        .authority_key_id(&issuer.public_key().key_id())
}

fn sign(spec: &CertificateSpec, key: &impl Signs) -> Result<Vec<u8>, DrillError> {
    let tbs = spec.tbs_der().map_err(|error| thwarted("forging a certificate", &error))?;
    assemble(&tbs, key.algorithm(), &key.sign(&tbs)?)
        .map_err(|error| thwarted("forging a certificate", &error))
}

pub(crate) fn public_key(key: &StolenKey) -> Result<PublicKey, DrillError> {
    let der = key.spki_der()?;
    PublicKey::from_spki_der(&der).map_err(|error| thwarted("encoding his public key", &error))
}

pub(crate) fn serial() -> Result<Serial, DrillError> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).map_err(|error| thwarted("choosing a serial", &error))?;
    Ok(Serial::from_random(random))
}

fn common_name(name: &str) -> Result<Name, DrillError> {
    Name::from_common_name(name).map_err(|error| thwarted("choosing a name", &error))
}

/// Replaces the elliptic curve key in a `TBSCertificate` by its compressed form.
///
/// The `SubjectPublicKeyInfo` is `SEQUENCE { algorithm, BIT STRING { 04 || x || y } }`; every length
/// here is below 128 but that of the `TBSCertificate` itself, which is written anew.
fn with_compressed_point(tbs: &[u8], spki: &[u8]) -> Result<Vec<u8>, DrillError> {
    let broken = || thwarted("compressing a point", &"the structure is not as expected");
    let algorithm_end = 4 + usize::from(*spki.get(3).ok_or_else(broken)?);
    let algorithm = spki.get(2..algorithm_end).ok_or_else(broken)?;
    let point = spki.get(algorithm_end + 3..).ok_or_else(broken)?;
    let [0x04, coordinates @ ..] = point else { return Err(broken()) };
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    let parity = y.last().ok_or_else(broken)? & 1;
    let bits = [&[0, 2 + parity][..], x].concat();
    let compressed = der_sequence(&[algorithm, &der_wrap(0x03, &bits)].concat());
    let at = tbs.windows(spki.len()).position(|window| window == spki).ok_or_else(broken)?;
    let header = 2 + tbs.get(1).map_or(0, |length| usize::from(length.saturating_sub(0x80)));
    let before = tbs.get(header..at).ok_or_else(broken)?;
    let after = tbs.get(at + spki.len()..).ok_or_else(broken)?;
    Ok(der_sequence(&[before, &compressed, after].concat()))
}

fn der_sequence(content: &[u8]) -> Vec<u8> {
    der_wrap(0x30, content)
}

fn der_wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut der = vec![tag];
    match significant {
        [] => der.push(0),
        [short] if *short < 0x80 => der.push(*short),
        long => {
            der.push(0x80 | u8::try_from(long.len()).unwrap_or(0x7f));
            der.extend_from_slice(long);
        }
    }
    der.extend_from_slice(content);
    der
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cross_certificate_hides_the_key_behind_a_compressed_point() {
        let partner = Partner::new().unwrap();
        let other = Partner::new().unwrap();
        let cross = partner.cross_certify(&other.certificate).unwrap();
        let spki = other.certificate.public_key().spki_der();
        assert!(!cross.windows(spki.len()).any(|window| window == spki));
        let parsed = Certificate::from_der(&cross).unwrap();
        parsed.verify_signed_by(partner.certificate.public_key()).unwrap();
        assert_eq!(parsed.public_key().digest(), other.certificate.public_key().digest());
    }
}
