//! The signed envelope.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use skink_x509::{Certificate, Time};

use crate::{Digest, Edition, Limits, Refusal};

const CONTEXT: &[u8] = b"skink-trust-package-v1\n";

/// What the trust key signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The trust domain.
    pub domain: String,
    /// The stream within it.
    pub stream: String,
    /// Epoch of the key and version.
    pub edition: Edition,
    /// When it was signed.
    pub issued_at_ms: i64,
    /// When it expires: before the nextUpdate of every CRL in it.
    pub not_after_ms: i64,
    /// The anchors part.
    pub anchors: Digest,
    /// The status part.
    pub status: Digest,
}

/// A package as it travels, read but not believed.
#[derive(Clone, Debug)]
pub struct Envelope {
    wire: Wire,
    manifest: Manifest,
    certificate: Certificate,
    digest: Digest,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    body: String,
    certificate: String,
    signature: String,
}

impl Manifest {
    /// The bytes that are signed over and carried.
    pub fn to_body(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// What the trust key signs, with the algorithm of its kind
    /// ([`KeyAlgorithm::signature_algorithm`](skink_x509::KeyAlgorithm::signature_algorithm)).
    pub fn signing_input(body: &str) -> Vec<u8> {
        [CONTEXT, body.as_bytes()].concat()
    }

    /// When it expires.
    pub const fn not_after(&self) -> Time {
        Time::from_millis(self.not_after_ms)
    }
}

impl Envelope {
    /// Puts the trust certificate and the signature under a body; the bytes are the package, and
    /// [`Digest::of`] them is its name.
    pub fn assemble(
        body: String,
        certificate: &Certificate,
        signature: &[u8],
    ) -> Result<Vec<u8>, serde_json::Error> {
        let (certificate, signature) = (certificate.to_pem(), STANDARD.encode(signature));
        serde_json::to_vec(&Wire { body, certificate, signature })
    }

    /// Reads a package; nothing is verified yet.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Refusal> {
        if bytes.len() > limits.envelope {
            return Err(Refusal::Oversize { what: "envelope", limit: limits.envelope });
        }
        let malformed = |what| move |source| Refusal::Malformed { what, source };
        let wire: Wire = serde_json::from_slice(bytes).map_err(malformed("envelope"))?;
        let manifest = serde_json::from_str(&wire.body).map_err(malformed("manifest"))?;
        let certificate = Certificate::from_pem(&wire.certificate).map_err(|source| {
            Refusal::Certificate { subject: "the trust key".to_owned(), source }
        })?;
        Ok(Self { wire, manifest, certificate, digest: Digest::of(bytes) })
    }

    /// What it says.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The certificate of the key that signed it.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// SHA-256 of the package's bytes.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether the certificate's key made the signature; who certified it is another question.
    pub fn verify_signature(&self) -> Result<(), Refusal> {
        let signature = STANDARD.decode(&self.wire.signature).map_err(|_| Refusal::NotSigned)?;
        let key = self.certificate.public_key();
        let algorithm = key.algorithm().signature_algorithm();
        key.verify(algorithm, &Manifest::signing_input(&self.wire.body), &signature)
            .map_err(|_| Refusal::NotSigned)
    }
}
