//! What a server should send, made from what there is.

use skink_x509::Certificate;

use crate::bag::{Bag, Read};
use crate::draw::label;
use crate::input::PrivateKey;
use crate::question::{Judgement, Question, Settings};
use crate::structure::{self, Leaf, is_self_signed};

/// The files that a server should have, and how they came about. Only made of a chain that verifies.
#[derive(Clone, Debug)]
pub struct Repair {
    chain: Vec<Certificate>,
    key: Option<PrivateKey>,
    /// What was done to what was given, a sentence each.
    pub changes: Vec<String>,
    /// The judgement on the chain as it will be sent.
    pub judgement: Judgement,
}

/// A file to write.
#[derive(Clone, Debug)]
pub struct RepairedFile {
    /// Its name.
    pub name: &'static str,
    /// What goes in.
    pub contents: zeroize::Zeroizing<String>,
    /// Whether only its owner may read it.
    pub secret: bool,
}

/// Why nothing is repaired.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// There is no certificate.
    #[error("there is no certificate in what was given")]
    NoCertificate,
    /// Several certificates could be meant.
    #[error("several certificates could be meant: {}", labels(.0))]
    WhichLeaf(Vec<Certificate>),
    /// The chain does not verify.
    #[error("what can be made of it does not verify")]
    NotGood(Box<Judgement>),
    /// The key is not that of the certificate.
    #[error("none of the private keys that were given belongs to {}", label(.0))]
    KeyMismatch(Certificate),
}

fn labels(certificates: &[Certificate]) -> String {
    certificates.iter().map(label).collect::<Vec<_>>().join(", ")
}

/// Makes the chain of a bag. `presented` is what was given by the person, in its order; the bag may
/// hold more, such as what was fetched.
pub fn repair(
    presented: &[Certificate],
    bag: &Bag,
    anchors: &[Read],
    settings: &Settings,
) -> Result<Repair, RepairError> {
    let leaf = find_leaf(bag, settings)?;
    let key = bag.keys.iter().find(|it| it.public() == leaf.certificate.public_key()).cloned();
    if key.is_none() && !bag.keys.is_empty() {
        return Err(RepairError::KeyMismatch(leaf.certificate));
    }
    let question = |bag: Bag| Question {
        leaf: leaf.clone(),
        bag,
        anchors: anchors.to_vec(),
        settings: settings.clone(),
    };
    let first = question(bag.clone()).judge();
    if !first.is_accepted() {
        return Err(RepairError::NotGood(Box::new(first)));
    }
    // What is sent must verify by itself.
    let chain: Vec<_> = first.path.iter().filter(|it| !is_self_signed(it)).cloned().collect();
    let chain = if chain.is_empty() { vec![leaf.certificate.clone()] } else { chain };
    let sent = chain[1..].iter().map(|it| Read { certificate: it.clone(), broken: Vec::new() });
    let only_sent = Bag { certificates: sent.collect(), ..bag.clone() };
    let judgement = question(only_sent).judge();
    if !judgement.is_accepted() {
        return Err(RepairError::NotGood(Box::new(judgement)));
    }
    let changes = changes(presented, &chain);
    Ok(Repair { chain, key, changes, judgement })
}

/// The leaf that is meant.
pub(crate) fn find_leaf(bag: &Bag, settings: &Settings) -> Result<Read, RepairError> {
    let certificates = bag.plain_certificates();
    let keys: Vec<_> = bag.keys.iter().map(PrivateKey::public).collect();
    let has_name = |it: &Certificate| skink_path::has_name(it, &settings.name, settings.profile);
    match structure::leaf(&certificates, &keys, has_name) {
        Leaf::Found(found) => {
            let read = bag.certificates.iter().find(|it| it.certificate == found);
            read.cloned().ok_or(RepairError::NoCertificate)
        }
        Leaf::Several(several) => Err(RepairError::WhichLeaf(several)),
        Leaf::None => Err(RepairError::NoCertificate),
    }
}

fn changes(presented: &[Certificate], chain: &[Certificate]) -> Vec<String> {
    let mut changes = Vec::new();
    let mut seen: Vec<&Certificate> = Vec::new();
    for certificate in presented {
        let name = label(certificate);
        if seen.contains(&certificate) {
            changes.push(format!("left out a second copy of {name}"));
        } else if !chain.contains(certificate) {
            changes.push(if is_self_signed(certificate) {
                format!("left out the root {name}: who trusts it has it already")
            } else {
                format!("left out {name}: it does not belong to the chain")
            });
        }
        seen.push(certificate);
    }
    for certificate in chain.iter().filter(|it| !seen.contains(it)) {
        changes.push(format!("added {}", label(certificate)));
    }
    let kept: Vec<_> =
        presented.iter().filter_map(|it| chain.iter().position(|c| c == it)).collect();
    if !kept.is_sorted() {
        changes.push("put them in order: each is followed by its issuer".to_owned());
    }
    changes
}

impl Repair {
    /// The certificates as a server sends them, leaf first, without the root.
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// The files as certbot lays them out; the key's only if one was given.
    pub fn files(&self) -> Vec<RepairedFile> {
        let pem = |certificates: &[Certificate]| -> zeroize::Zeroizing<String> {
            zeroize::Zeroizing::new(certificates.iter().map(Certificate::to_pem).collect())
        };
        let file =
            |name, certificates| RepairedFile { name, contents: pem(certificates), secret: false };
        let key = self.key.as_ref().map(|key| RepairedFile {
            name: "privkey.pem",
            contents: key.to_pem(),
            secret: true,
        });
        let mut files: Vec<_> = key.into_iter().collect();
        files.push(file("cert.pem", &self.chain[..1]));
        files.push(file("chain.pem", &self.chain[1..]));
        files.push(file("fullchain.pem", &self.chain));
        files
    }
}
