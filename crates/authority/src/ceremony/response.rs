//! What the root answers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use skink_model::{AuthorityId, IssuerName};
use skink_signer::chain::Head;
use skink_x509::{Certificate, Fingerprint, PublicKey};

use super::document::{Document, DocumentError, payload, signing_input};
use super::kit::KitFacts;
use crate::hierarchy::AuthorityKind;

const FORMAT: &str = "skink ceremony response 1";
const WANTED: &str = "ceremony response";

/// Everything that a ceremony made, but for the kits: they go to their custodians.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponseBody {
    /// The request that it answers, by id.
    pub request: String,
    /// The request that it answers, by the SHA-256 of what was signed.
    pub request_digest: String,
    /// The trust domain.
    pub domain: String,
    /// The ceremony's number.
    pub ceremony: u64,
    /// When it took place, in milliseconds since 1970.
    pub signed_at_ms: i64,
    /// Where the root's log stands; the next request repeats it.
    pub root_head: Head,
    /// The root's certificate in PEM.
    pub root: String,
    /// The certificates that were asked for.
    pub certified: Vec<CertifiedAuthority>,
    /// The root's routine lists: its own, and one for each authority.
    pub lists: Vec<RootList>,
    /// The kits that were made, with the facts of the escrows in them.
    pub kits: Vec<KitFacts>,
    /// The anchors part of the trust package, signed by the root.
    pub anchors: Option<SignedAnchors>,
}

/// One new certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedAuthority {
    /// The authority.
    pub authority: AuthorityId,
    /// The issuer whose generation it is.
    pub issuer: IssuerName,
    /// What it is for.
    pub kind: AuthorityKind,
    /// The certificate in PEM.
    pub certificate: String,
}

/// One routine list of the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootList {
    /// An authority's id, or `root`.
    pub scope: String,
    /// Its distribution point.
    pub uri: String,
    /// Its number.
    pub number: u64,
    /// Base64 of its DER.
    pub der: String,
}

/// The anchors part, as its text was given, and the root's signature over it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedAnchors {
    /// The part's text.
    pub body: String,
    /// Base64 of the signature over [`super::ANCHORS_CONTEXT`] and the text.
    pub signature: String,
}

/// A response whose signature verifies with the key that it names.
#[derive(Clone, Debug)]
pub struct Response {
    document: Document,
    signer: PublicKey,
    body: ResponseBody,
}

impl ResponseBody {
    pub(super) fn signing_input(&self) -> Result<Vec<u8>, DocumentError> {
        Ok(signing_input(FORMAT, &payload(self)?))
    }
}

impl RootList {
    /// The list's DER.
    pub fn der(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.der).ok()
    }
}

impl SignedAnchors {
    /// The signature's bytes.
    pub fn signature(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.signature).ok()
    }
}

impl Response {
    pub(super) fn assemble(
        body: &ResponseBody,
        root: &Certificate,
        signature: &[u8],
    ) -> Result<Self, DocumentError> {
        let document = Document::new(FORMAT, payload(body)?, root.public_key(), signature);
        Self::from_json(&document.to_json()?)
    }

    /// Reads a response file. Whether the right root signed it, and what, is for
    /// [`Response::accept`] to say.
    pub fn from_json(json: &str) -> Result<Self, DocumentError> {
        let (document, signer, body) = Document::read(json, FORMAT, WANTED)?;
        Ok(Self { document, signer, body })
    }

    /// The file.
    pub fn to_json(&self) -> Result<String, DocumentError> {
        self.document.to_json()
    }

    /// What it says, whoever signed it.
    pub const fn body(&self) -> &ResponseBody {
        &self.body
    }

    pub(super) const fn signer(&self) -> &PublicKey {
        &self.signer
    }

    /// SHA-256 of what was signed.
    pub fn digest(&self) -> Fingerprint {
        self.document.digest()
    }
}
