//! Certificate policies (RFC 5280 §6.1, with the graph of RFC 9618 instead of the tree: a tree grows
//! exponentially under hostile mappings).

use std::collections::{BTreeMap, BTreeSet};

use der::Decode;
use skink_x509::{Certificate, ObjectIdentifier, oid};
use x509_cert::ext::pkix::{
    CertificatePolicies, InhibitAnyPolicy, PolicyConstraints, PolicyMappings,
};

use crate::Options;
use crate::finding::{Code, Finding};

/// anyPolicy.
const ANY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32.0");

type Oids = BTreeSet<ObjectIdentifier>;

/// The nodes of one depth, by their valid policy.
type Level = BTreeMap<ObjectIdentifier, Node>;

#[derive(Default)]
struct Node {
    parents: Oids,
    expected: Oids,
}

/// The state variables of §6.1.2 that are about policies.
struct State {
    /// From the anchor down; the last is empty when nothing is valid any more.
    levels: Vec<Level>,
    explicit: usize,
    mapping: usize,
    any: usize,
}

/// What a certificate says about policies.
struct Policies {
    own: Option<Oids>,
    mappings: BTreeMap<ObjectIdentifier, Oids>,
    require_explicit: Option<u32>,
    inhibit_mapping: Option<u32>,
    inhibit_any: Option<u32>,
}

/// Findings on the policies of `path`, end entity first, anchor last.
pub(crate) fn judge(path: &[Certificate], options: &Options<'_>, findings: &mut Vec<Finding>) {
    let Some((_anchor, below)) = path.split_last() else { return };
    let mut state = State::new(options, below.len());
    for (left, certificate) in below.iter().enumerate().rev() {
        let Ok(said) = Policies::of(certificate) else {
            let message = "its policy extensions cannot be read, or map anyPolicy".to_owned();
            findings.push(Finding::error(Code::UnreadablePolicy, certificate, message));
            return;
        };
        let self_issued = left > 0 && certificate.is_self_issued();
        state.enter(&said, self_issued);
        let mut accepted = state.explicit > 0 || state.is_valid();
        if left > 0 {
            state.map(&said);
            state.descend(&said, self_issued);
        } else {
            let needless = state.explicit > 1 && said.require_explicit != Some(0);
            accepted = accepted && (needless || state.accepts(&options.policies));
        }
        if !accepted {
            let message = "no acceptable policy is valid on the path, one is required".to_owned();
            findings.push(Finding::error(Code::Policy, certificate, message));
            return;
        }
    }
}

impl State {
    fn new(options: &Options<'_>, depth: usize) -> Self {
        let skip = |at_once: bool| if at_once { 0 } else { depth + 1 };
        let any = Node { parents: Oids::new(), expected: Oids::from([ANY]) };
        Self {
            levels: vec![Level::from([(ANY, any)])],
            explicit: skip(options.explicit_policy),
            mapping: skip(options.inhibit_mapping),
            any: skip(options.inhibit_any_policy),
        }
    }

    fn is_valid(&self) -> bool {
        self.levels.last().is_some_and(|level| !level.is_empty())
    }

    /// §6.1.3 (d) and (e): the level of the next certificate.
    fn enter(&mut self, said: &Policies, self_issued: bool) {
        let mut next = Level::new();
        if let (Some(own), Some(level)) = (&said.own, self.levels.last()) {
            let mut expecting: BTreeMap<ObjectIdentifier, Oids> = BTreeMap::new();
            for (policy, node) in level {
                for expected in &node.expected {
                    expecting.entry(*expected).or_default().insert(*policy);
                }
            }
            let node = |policy, parents| Node { parents, expected: Oids::from([policy]) };
            for policy in own.iter().filter(|policy| **policy != ANY) {
                if let Some(parents) = expecting.get(policy).or_else(|| expecting.get(&ANY)) {
                    next.insert(*policy, node(*policy, parents.clone()));
                }
            }
            if own.contains(&ANY) && (self.any > 0 || self_issued) {
                for (policy, parents) in expecting {
                    next.entry(policy).or_insert_with(|| node(policy, parents));
                }
            }
        }
        self.levels.push(next);
    }

    /// §6.1.4 (b): what the certificates below may say instead.
    fn map(&mut self, said: &Policies) {
        let Some(level) = self.levels.last_mut() else { return };
        for (policy, instead) in &said.mappings {
            if self.mapping == 0 {
                level.remove(policy);
            } else if let Some(node) = level.get_mut(policy) {
                node.expected.clone_from(instead);
            } else if let Some(any) = level.get(&ANY) {
                let node = Node { parents: any.parents.clone(), expected: instead.clone() };
                level.insert(*policy, node);
            }
        }
    }

    /// §6.1.4 (h), (i) and (j): the counters for the next certificate.
    fn descend(&mut self, said: &Policies, self_issued: bool) {
        let limits = [said.require_explicit, said.inhibit_mapping, said.inhibit_any];
        let counters = [&mut self.explicit, &mut self.mapping, &mut self.any];
        for (counter, limit) in counters.into_iter().zip(limits) {
            if !self_issued {
                *counter = counter.saturating_sub(1);
            }
            if let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) {
                *counter = limit.min(*counter);
            }
        }
    }

    /// §6.1.5 (g): whether one of the `acceptable` policies, or any where there are none, is valid
    /// in the words of the authority right below the anchor.
    fn accepts(&self, acceptable: &[ObjectIdentifier]) -> bool {
        if acceptable.is_empty() || acceptable.contains(&ANY) {
            return self.is_valid();
        }
        let Some(leaf) = self.levels.last() else { return false };
        if leaf.contains_key(&ANY) {
            return true;
        }
        let mut reached: Oids = leaf.keys().copied().collect();
        for level in self.levels.iter().rev() {
            let mut above = Oids::new();
            for (policy, node) in level.iter().filter(|(policy, _)| reached.contains(*policy)) {
                if node.parents.contains(&ANY) && acceptable.contains(policy) {
                    return true;
                }
                above.extend(&node.parents);
            }
            reached = above;
        }
        false
    }
}

impl Policies {
    fn of(certificate: &Certificate) -> Result<Self, der::Error> {
        let own = read::<CertificatePolicies>(certificate, oid::CERTIFICATE_POLICIES)?
            .map(|own| own.0.into_iter().map(|policy| policy.policy_identifier).collect());
        let mut mappings: BTreeMap<_, Oids> = BTreeMap::new();
        for pair in read::<PolicyMappings>(certificate, oid::POLICY_MAPPINGS)?
            .map(|mappings| mappings.0)
            .unwrap_or_default()
        {
            if pair.issuer_domain_policy == ANY || pair.subject_domain_policy == ANY {
                return Err(der::ErrorKind::OidUnknown { oid: ANY }.into());
            }
            let instead = mappings.entry(pair.issuer_domain_policy).or_default();
            instead.insert(pair.subject_domain_policy);
        }
        let constraints = read::<PolicyConstraints>(certificate, oid::POLICY_CONSTRAINTS)?;
        let inhibit_any = read::<InhibitAnyPolicy>(certificate, oid::INHIBIT_ANY_POLICY)?;
        Ok(Self {
            own,
            mappings,
            require_explicit: constraints.as_ref().and_then(|said| said.require_explicit_policy),
            inhibit_mapping: constraints.as_ref().and_then(|said| said.inhibit_policy_mapping),
            inhibit_any: inhibit_any.map(|skip| skip.0),
        })
    }
}

fn read<'c, T: Decode<'c, Error = der::Error>>(
    certificate: &'c Certificate,
    oid: ObjectIdentifier,
) -> Result<Option<T>, der::Error> {
    certificate.extension(oid).map(|extension| T::from_der(&extension.value)).transpose()
}
