//! The root-signed part.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use skink_x509::{Certificate, Fingerprint, KeyDigest};

use crate::{Refusal, text};

const CONTEXT: &[u8] = b"skink-trust-anchors-v1\n";

/// What a ceremony says about the roots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchors {
    /// The trust domain.
    pub domain: String,
    /// The ceremony's counter: an agent never goes back behind the one that it holds.
    pub ceremony: u64,
    /// The root certificates, PEM each.
    pub roots: Vec<String>,
    /// Roots that may sign a later anchors part, named in advance by fingerprint.
    #[serde(with = "text::list")]
    pub successors: Vec<Fingerprint>,
    /// Keys whose taint or denial ends here: nothing but a root can end one.
    #[serde(with = "text::list")]
    pub reinstated: Vec<KeyDigest>,
}

/// One root's signature under an anchors part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootSignature {
    /// The root certificate that signs.
    #[serde(with = "text")]
    pub root: Fingerprint,
    /// Base64 of the signature over [`Anchors::signing_input`].
    pub signature: String,
}

/// An anchors part as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorsPart {
    body: String,
    signatures: Vec<RootSignature>,
}

impl Anchors {
    /// The bytes that are signed over and carried.
    pub fn to_body(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// What a root signs, with the algorithm of its key
    /// ([`KeyAlgorithm::signature_algorithm`](skink_x509::KeyAlgorithm::signature_algorithm)).
    pub fn signing_input(body: &str) -> Vec<u8> {
        [CONTEXT, body.as_bytes()].concat()
    }

    /// The roots, parsed.
    pub fn root_certificates(&self) -> Result<Vec<Certificate>, Refusal> {
        let parse = |pem: &String| {
            Certificate::from_pem(pem)
                .map_err(|source| Refusal::Certificate { subject: "a root".to_owned(), source })
        };
        self.roots.iter().map(parse).collect()
    }
}

impl RootSignature {
    /// The signature of `root` over the body.
    pub fn new(root: &Certificate, signature: &[u8]) -> Self {
        Self { root: root.fingerprint(), signature: STANDARD.encode(signature) }
    }
}

impl AnchorsPart {
    /// Puts the signatures under the body; the bytes are the part.
    pub fn assemble(
        body: String,
        signatures: Vec<RootSignature>,
    ) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Self { body, signatures })
    }

    /// Reads a part; nothing is verified yet.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(bytes)
            .map_err(|source| Refusal::Malformed { what: "anchors part", source })
    }

    /// The content, if one of `signers` signed it. `signers` are roots that are trusted already or
    /// successors that they named.
    pub fn verified_by(&self, signers: &[Certificate]) -> Result<Anchors, Refusal> {
        let input = Anchors::signing_input(&self.body);
        let verifies = |by: &RootSignature| {
            let Some(root) = signers.iter().find(|root| root.fingerprint() == by.root) else {
                return false;
            };
            let algorithm = root.public_key().algorithm().signature_algorithm();
            STANDARD
                .decode(&by.signature)
                .is_ok_and(|bytes| root.public_key().verify(algorithm, &input, &bytes).is_ok())
        };
        if !self.signatures.iter().any(verifies) {
            return Err(Refusal::AnchorsNotSigned);
        }
        self.danger_unverified()
    }

    /// The content, whoever signed it: for reading back what was verified before.
    pub(crate) fn danger_unverified(&self) -> Result<Anchors, Refusal> {
        serde_json::from_str(&self.body)
            .map_err(|source| Refusal::Malformed { what: "anchors body", source })
    }
}
