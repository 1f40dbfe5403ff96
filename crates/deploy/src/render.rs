//! A trust package in the words of each mechanism.

use serde::{Deserialize, Serialize};
use skink_trust::{Edition, Held};
use skink_x509::Certificate;

use crate::{EndpointFiles, Mechanism, NewFile};

/// Which package an endpoint's files came from: the content of `trust.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustNote {
    /// The package's edition.
    #[serde(flatten)]
    pub edition: Edition,
    /// Its digest.
    pub digest: String,
}

/// The trust files of an endpoint under what is held.
///
/// A root among the anchors of `anchor` would let the thief send the authority himself, and an
/// issuing generation among those of `parent-crl` is refused by nginx and HAProxy: so the one holds
/// generations only and the others roots only.
pub fn render(files: &EndpointFiles, held: &Held) -> Result<Vec<NewFile>, serde_json::Error> {
    let mechanism = files.mechanism();
    let anchors: String = match mechanism {
        Mechanism::Anchor => {
            held.issuing_anchors().map(|authority| authority.certificate.to_pem()).collect()
        }
        _ => held.roots().iter().map(Certificate::to_pem).collect(),
    };
    let crls = (mechanism == Mechanism::ParentCrl)
        .then(|| held.crls().iter().map(|crl| crl.crl.to_pem()).collect::<String>());
    let denied = (mechanism == Mechanism::Deny).then(|| denied_json(held)).transpose()?;
    let digest = held.digest().map(|digest| digest.to_string()).unwrap_or_default();
    let note = TrustNote { edition: held.edition(), digest };
    Ok(vec![
        NewFile::public(files.anchors(), anchors),
        optional(files.crls(), crls.map(String::into_bytes)),
        optional(files.denied(), denied),
        NewFile::public(files.trust_note(), serde_json::to_vec(&note)?),
    ])
}

fn denied_json(held: &Held) -> Result<Vec<u8>, serde_json::Error> {
    let keys: Vec<String> = held.denied_keys().iter().map(ToString::to_string).collect();
    serde_json::to_vec_pretty(&keys)
}

fn optional(path: std::path::PathBuf, content: Option<Vec<u8>>) -> NewFile {
    match content {
        Some(content) => NewFile::public(path, content),
        None => NewFile::absent(path),
    }
}
