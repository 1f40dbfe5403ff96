//! The cryptography that one certificate cannot do without, by the library alone.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use skink_x509::PublicKey;

use crate::cores::{self, Core};
use crate::error::BenchError;
use crate::load::{float, median};
use crate::material::Wanted;
use crate::process::own_cpu_us;

/// Runs whose median counts.
const RUNS: usize = 5;

/// Microseconds of CPU time for one certificate on the servers' core: the request's signature is
/// verified; a key is made, signs once and is thrown away; the authority's key signs; that is
/// verified.
pub(crate) fn microseconds(wanted: &[Wanted]) -> Result<f64, BenchError> {
    let failed = |error: &dyn std::fmt::Display| BenchError::Material(error.to_string());
    let generate = || EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING);
    let (authority, random) = (generate().map_err(|error| failed(&error))?, SystemRandom::new());
    let point = authority.public_key().as_ref().to_vec();
    let parsed = aws_lc_rs::signature::ParsedPublicKey::new(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1,
        &point,
    );
    let parsed = parsed.map_err(|error| failed(&error))?;
    cores::pin(Core::Server)?;
    let mut runs = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let began = own_cpu_us();
        for one in wanted {
            let key: &PublicKey = one.csr.public_key();
            one.csr.verify().map_err(|_| failed(&format!("a bad request of {key:?}")))?;
            let message = one.csr.tbs_der();
            let throwaway = generate().map_err(|error| failed(&error))?;
            throwaway.sign(&random, message).map_err(|error| failed(&error))?;
            let signature = authority.sign(&random, message).map_err(|error| failed(&error))?;
            parsed.verify_sig(message, signature.as_ref()).map_err(|error| failed(&error))?;
        }
        runs.push((own_cpu_us() - began) / float(wanted.len()));
    }
    cores::pin(Core::Generator)?;
    Ok(median(&runs))
}
