//! How certificates hang together, whoever is trusted: who issued whom, who is nobody's issuer, and
//! whether they stand in the order in which a server has to send them.

use skink_x509::{Certificate, Fingerprint, PublicKey};

/// The most issuers above a leaf that are followed.
const HIGHEST: usize = 16;
/// The most signatures that are verified for one chain.
const MOST_SIGNATURES: usize = 200;

/// The certificate and its issuers as far as they are at hand, up to a self-signed one. Of several
/// issuers one that lives longer is preferred: it is the one that was renewed.
pub fn chain(leaf: &Certificate, bag: &[Certificate]) -> Vec<Certificate> {
    let mut chain = vec![leaf.clone()];
    let mut signatures = MOST_SIGNATURES;
    while chain.len() <= HIGHEST {
        let Some(top) = chain.last() else { break };
        if is_self_signed(top) {
            break;
        }
        let mut issuers: Vec<_> =
            bag.iter().filter(|it| may_have_issued(it, top) && !chain.contains(it)).collect();
        // One that says to be an authority comes first; then the one that lives longest.
        issuers.sort_by_key(|it| std::cmp::Reverse((it.is_ca(), it.not_after())));
        let issuer = issuers.into_iter().take(signatures).find(|it| {
            signatures = signatures.saturating_sub(1);
            top.verify_signed_by(it.public_key()).is_ok()
        });
        let Some(issuer) = issuer else { break };
        chain.push(issuer.clone());
    }
    chain
}

/// Whether names and key identifiers allow it.
fn may_have_issued(issuer: &Certificate, certificate: &Certificate) -> bool {
    let keys = match (certificate.authority_key_id(), issuer.subject_key_id()) {
        (Some(wanted), Some(own)) => wanted == own,
        _ => true,
    };
    keys && issuer.subject() == certificate.issuer()
}

/// Whether it is signed with its own key.
pub fn is_self_signed(certificate: &Certificate) -> bool {
    certificate.is_self_issued() && certificate.verify_signed_by(certificate.public_key()).is_ok()
}

/// The certificates that issued none of the others; those of end entities first, each once.
pub fn leaves(bag: &[Certificate]) -> Vec<Certificate> {
    let issues_nobody = |it: &&Certificate| {
        !bag.iter().any(|other| other != *it && may_have_issued(it, other) && !is_twin(it, other))
    };
    let mut leaves: Vec<Certificate> = Vec::new();
    for certificate in bag.iter().filter(issues_nobody) {
        if !leaves.contains(certificate) {
            leaves.push(certificate.clone());
        }
    }
    leaves.sort_by_key(Certificate::is_ca);
    leaves
}

/// Two certificates of one authority, such as an old and a renewed root.
fn is_twin(one: &Certificate, other: &Certificate) -> bool {
    one.subject() == other.subject() && one.public_key() == other.public_key()
}

/// The leaf that is meant: the one of the key, the one that has the name, or the only one; the
/// first of the file where it is an end entity's.
pub fn leaf(
    bag: &[Certificate],
    keys: &[&PublicKey],
    has_name: impl Fn(&Certificate) -> bool,
) -> Leaf {
    let leaves = leaves(bag);
    let of_key = |it: &&Certificate| keys.contains(&it.public_key());
    if let Some(leaf) = leaves.iter().find(of_key).or_else(|| bag.iter().find(of_key)) {
        return Leaf::Found(leaf.clone());
    }
    let ends: Vec<_> = leaves.iter().filter(|it| !it.is_ca()).cloned().collect();
    let named: Vec<_> = ends.iter().filter(|it| has_name(it)).cloned().collect();
    let candidates = [named, ends, leaves].into_iter().find(|it| !it.is_empty());
    match candidates.as_deref() {
        Some([one]) => Leaf::Found(one.clone()),
        Some(several) => Leaf::Several(several.to_vec()),
        None => bag.first().cloned().map_or(Leaf::None, Leaf::Found),
    }
}

/// Which certificate is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// This one.
    Found(Certificate),
    /// One of these; nothing says which.
    Several(Vec<Certificate>),
    /// There is no certificate.
    None,
}

/// What is wrong with the order in which certificates are presented.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Disorder {
    /// The leaf is not the first.
    pub leaf_not_first: bool,
    /// An issuer does not follow what it issued.
    pub wrong_order: bool,
    /// Certificates that are there more than once.
    pub duplicates: Vec<Certificate>,
    /// Certificates that do not belong to the chain.
    pub strangers: Vec<Certificate>,
    /// The self-signed root, which nobody needs.
    pub root: Option<Certificate>,
}

impl Disorder {
    /// Compares what is presented with the chain that it should be.
    pub fn of(presented: &[Certificate], chain: &[Certificate]) -> Self {
        let mut seen: Vec<Fingerprint> = Vec::new();
        let mut found = Self::default();
        let mut order = Vec::new();
        for certificate in presented {
            if seen.contains(&certificate.fingerprint()) {
                found.duplicates.push(certificate.clone());
                continue;
            }
            seen.push(certificate.fingerprint());
            match chain.iter().position(|it| it == certificate) {
                Some(position) => order.push(position),
                None => found.strangers.push(certificate.clone()),
            }
        }
        found.leaf_not_first = presented.first().is_some_and(|first| chain.first() != Some(first));
        found.wrong_order = !order.is_sorted();
        let root = chain.last().filter(|it| chain.len() > 1 && is_self_signed(it));
        found.root = root.filter(|it| seen.contains(&it.fingerprint())).cloned();
        found
    }

    /// Whether peers may stumble over it; a root too many is a waste, no mistake.
    pub fn is_wrong(&self) -> bool {
        self.leaf_not_first
            || self.wrong_order
            || !self.duplicates.is_empty()
            || !self.strangers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use skink_testkit::{Shape, TestKey, TestPki};
    use skink_x509::KeyAlgorithm;

    use super::*;

    fn parts(pki: &TestPki) -> [Certificate; 3] {
        [pki.leaf.clone(), pki.issuer.certificate.clone(), pki.root.certificate.clone()]
    }

    #[test]
    fn a_bag_in_any_order_gives_the_chain() {
        let pki = TestPki::new();
        let [leaf, issuer, root] = parts(&pki);
        let bag = [root.clone(), leaf.clone(), issuer.clone(), issuer.clone()];
        assert_eq!(leaves(&bag), [leaf.clone()].as_slice());
        assert_eq!(chain(&leaf, &bag), [leaf.clone(), issuer, root].as_slice());
        assert_eq!(chain(&leaf, &[]), [leaf].as_slice());
    }

    #[test]
    fn the_key_or_the_name_says_which_leaf_is_meant() {
        let pki = TestPki::new();
        let key = TestKey::generate(KeyAlgorithm::EcP256);
        let other = pki.issuer.issue(&key, &Shape::named("web-2").dns("web-2.test"));
        let bag = [pki.leaf.clone(), other.clone(), pki.issuer.certificate.clone()];
        let any = |_: &Certificate| true;
        assert_eq!(leaf(&bag, &[], any), Leaf::Several(bag[..2].to_vec()));
        assert_eq!(leaf(&bag, &[key.public()], any), Leaf::Found(other.clone()));
        let named = |it: &Certificate| it.dns_names().any(|name| name == "web-2.test");
        assert_eq!(leaf(&bag, &[], named), Leaf::Found(other));
        assert_eq!(leaf(&bag[2..], &[], any), Leaf::Found(bag[2].clone()));
        assert_eq!(leaf(&[], &[], any), Leaf::None);
    }

    #[test]
    fn disorder_is_told_by_its_kind() {
        let pki = TestPki::new();
        let [leaf, issuer, root] = parts(&pki);
        let whole = [leaf.clone(), issuer.clone(), root.clone()];
        let of = |presented: &[Certificate]| Disorder::of(presented, &whole);
        assert!(!of(&[leaf.clone(), issuer.clone()]).is_wrong());
        assert!(!of(&whole).is_wrong() && of(&whole).root == Some(root.clone()));
        let reversed = of(&[root.clone(), issuer.clone(), leaf.clone()]);
        assert!(reversed.leaf_not_first && reversed.wrong_order);
        let swapped = of(&[leaf.clone(), root, issuer.clone()]);
        assert!(swapped.wrong_order && !swapped.leaf_not_first);
        let twice = of(&[leaf.clone(), issuer.clone(), issuer.clone()]);
        assert_eq!(twice.duplicates, [issuer].as_slice());
        let stranger = TestPki::new().issuer.certificate;
        assert_eq!(of(&[leaf, stranger.clone()]).strangers, [stranger].as_slice());
    }
}
