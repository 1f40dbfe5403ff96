//! What the server asks the root for.

use serde::{Deserialize, Serialize};
use skink_model::{AuthorityId, IssuerName, Time};
use skink_signer::chain::Head;
use skink_signer::sealed::Envelope;
use skink_x509::{Csr, Fingerprint, KeyDigest, PublicKey};

use super::document::{Document, DocumentError, payload, signing_input};
use crate::hierarchy::AuthorityKind;

const FORMAT: &str = "skink ceremony request 1";
const WANTED: &str = "ceremony request";

/// Everything that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestBody {
    /// Tells this request from every other: random, 32 hexadecimal digits.
    pub id: String,
    /// The trust domain.
    pub domain: String,
    /// The root that is asked: its certificate's fingerprint.
    pub root: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// How many ceremonies the server has taken in.
    pub ceremonies: u64,
    /// Where the root's log stood at the last of them.
    pub root_head: Option<Head>,
    /// The authorities to certify.
    pub certify: Vec<Certify>,
    /// Everything that the root's lists are to revoke; what they revoke already need not be named.
    pub revoke: Vec<Revoke>,
    /// The newest of the root's lists that the server or any relying party has seen.
    pub floors: Vec<Floor>,
    /// The head of the server's journal: the root is one more witness.
    pub journal_head: Option<String>,
}

/// One authority to certify.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certify {
    /// The authority.
    pub authority: AuthorityId,
    /// The issuer whose generation it is.
    pub issuer: IssuerName,
    /// What it is for.
    pub kind: AuthorityKind,
    /// Its request in PEM: proof that the server has the key.
    pub csr: String,
    /// The epoch of a trust key.
    pub epoch: Option<u64>,
    /// What a standby stands by for.
    pub standby: Option<StandbyFor>,
}

/// A standby, with the credential of its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandbyFor {
    /// The authority that it would replace: the recovery kit of that one holds the credential.
    pub replaces: AuthorityId,
    /// The credential of the standby's key, sealed for the root with the authority's id as context.
    /// A key outside software has none.
    pub credential: Option<Envelope>,
}

/// One authority to revoke, for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// The authority.
    pub authority: AuthorityId,
    /// The reason, by the name of RFC 5280.
    pub reason: String,
    /// When it was revoked.
    pub revoked_at_ms: i64,
    /// Since when its key may have been in other hands.
    pub suspected_since_ms: Option<i64>,
}

/// The newest list of one scope that anybody has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// An authority's id, or `root`.
    pub scope: String,
    /// The list's number.
    pub number: u64,
    /// When it was said.
    pub this_update_ms: i64,
}

/// A request whose signature verifies with the key that it names.
#[derive(Clone, Debug)]
pub struct Request {
    document: Document,
    requester: PublicKey,
    body: RequestBody,
}

impl RequestBody {
    /// The bytes that the server signs with its control key: a message under the key's own
    /// signature algorithm.
    pub fn signing_input(&self) -> Result<Vec<u8>, DocumentError> {
        Ok(signing_input(FORMAT, &payload(self)?))
    }

    /// When it was made.
    pub const fn created_at(&self) -> Time {
        Time::from_millis(self.created_at_ms)
    }
}

impl Request {
    /// Puts the signature under a request.
    pub fn assemble(
        body: &RequestBody,
        requester: &PublicKey,
        signature: &[u8],
    ) -> Result<Self, DocumentError> {
        let document = Document::new(FORMAT, payload(body)?, requester, signature);
        Self::from_json(&document.to_json()?)
    }

    /// Reads a request file.
    pub fn from_json(json: &str) -> Result<Self, DocumentError> {
        let (document, requester, body) = Document::read(json, FORMAT, WANTED)?;
        Ok(Self { document, requester, body })
    }

    /// The file.
    pub fn to_json(&self) -> Result<String, DocumentError> {
        self.document.to_json()
    }

    /// What it asks for.
    pub const fn body(&self) -> &RequestBody {
        &self.body
    }

    /// Who signed it.
    pub fn requester(&self) -> KeyDigest {
        self.requester.digest()
    }

    /// SHA-256 of what was signed.
    pub fn digest(&self) -> Fingerprint {
        self.document.digest()
    }
}

impl Certify {
    /// The authority's key, when its request is well formed and proves possession.
    pub(super) fn key(&self) -> Option<PublicKey> {
        let csr = Csr::from_pem(&self.csr).ok()?;
        csr.verify().ok()?;
        Some(csr.public_key().clone())
    }
}
