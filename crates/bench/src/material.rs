//! Keys and requests, made beforehand.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use skink_x509::{Csr, CsrSpec, GeneralName, Name, PublicKey, assemble};

use crate::error::BenchError;

/// Under this all names are.
pub(crate) const DOMAIN: &str = "bench.skink.internal";

/// A request with a P-256 key of its own, and its name.
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) csr: Csr,
}

/// So many requests, each with its own key and name.
pub(crate) fn requests(series: &str, count: usize) -> Result<Vec<Wanted>, BenchError> {
    (0..count).map(|number| request(&format!("{series}-{number:07}.{DOMAIN}"))).collect()
}

fn request(name: &str) -> Result<Wanted, BenchError> {
    let failed = |error: &dyn std::fmt::Display| BenchError::Material(error.to_string());
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING);
    let key = key.map_err(|error| failed(&error))?;
    let spki = key.public_key().as_der().map_err(|error| failed(&error))?;
    let public_key = PublicKey::from_spki_der(spki.as_ref()).map_err(|error| failed(&error))?;
    let algorithm = public_key.algorithm().signature_algorithm();
    let spec = CsrSpec {
        subject: Name::from_common_name(name).map_err(|error| failed(&error))?,
        public_key,
        subject_alt_names: vec![GeneralName::Dns(name.to_owned())],
    };
    let info = spec.tbs_der().map_err(|error| failed(&error))?;
    let signature = key.sign(&SystemRandom::new(), &info).map_err(|error| failed(&error))?;
    let der = assemble(&info, algorithm, signature.as_ref()).map_err(|error| failed(&error))?;
    let csr = Csr::from_der(&der).map_err(|error| failed(&error))?;
    Ok(Wanted { name: name.to_owned(), csr })
}
