//! Certificate policies: the graph of RFC 9618, which replaces the tree of RFC 5280 §6.1 and, other
//! than the tree, never grows faster than the certificates.

use std::collections::{BTreeMap, BTreeSet};

use der::Decode;
use skink_x509::{Certificate, ObjectIdentifier, oid};
use x509_cert::ext::pkix::{CertificatePolicies, PolicyConstraints, PolicyMappings};

use crate::distinguished::is_self_issued;
use crate::finding::{Code, Finding};
use crate::options::Options;
use crate::work::{Spent, Work};

/// anyPolicy (RFC 5280 §4.2.1.4).
const ANY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32.0");

type Oids = BTreeSet<ObjectIdentifier>;

/// A policy at one depth.
#[derive(Debug, Default)]
struct Node {
    /// Policies at the depth above that led here.
    parents: Oids,
    /// What the next certificate may call it.
    expected: Oids,
}

type Level = BTreeMap<ObjectIdentifier, Node>;

/// The state of RFC 5280 §6.1.2, (a) and (d) to (f).
struct State {
    /// The graph, a level for each certificate behind the anchor's own; none when it is empty.
    graph: Option<Vec<Level>>,
    explicit: usize,
    mapping: usize,
    any: usize,
}

/// What one certificate says about policies.
#[derive(Default)]
struct Said {
    policies: Option<Oids>,
    mappings: Vec<(ObjectIdentifier, ObjectIdentifier)>,
    require_explicit: Option<usize>,
    inhibit_mapping: Option<usize>,
    inhibit_any: Option<usize>,
}

/// Findings on the policies of `path`, end entity first.
pub(crate) fn judge(
    path: &[Certificate],
    options: &Options<'_>,
    work: &mut Work,
    findings: &mut Vec<Finding>,
) -> Result<(), Spent> {
    let Some((anchor, below)) = path.split_last() else { return Ok(()) };
    let above = said(anchor, findings);
    let initial = initial_policies(options, &above);
    let mut state = State::new(below.len(), options, &above);
    for (left, certificate) in below.iter().enumerate().rev() {
        let said = said(certificate, findings);
        let self_issued = is_self_issued(certificate);
        state.take(&said, left == 0 || !self_issued, work)?;
        if state.is_refused() {
            findings.push(unsatisfied(certificate, options));
            return Ok(());
        }
        if left > 0 {
            state.map(&said, certificate, findings, work)?;
            state.prepare(&said, self_issued);
        } else {
            state.wrap_up(&said);
        }
    }
    if state.explicit == 0 && !state.satisfies(initial.as_ref(), work)? {
        findings.push(unsatisfied(&path[0], options));
    }
    Ok(())
}

fn unsatisfied(certificate: &Certificate, options: &Options<'_>) -> Finding {
    let message = "a policy is required, and none holds along the whole path".to_owned();
    let wanted: Vec<_> = options.policies.iter().map(ToString::to_string).collect();
    let wanted = if wanted.is_empty() { "any policy".to_owned() } else { wanted.join(" or ") };
    Finding::error(Code::Policy, certificate, message).with(wanted, "none that is valid")
}

/// The policies that are acceptable; none for any. An anchor limits them (RFC 5937 §3.2).
fn initial_policies(options: &Options<'_>, anchor: &Said) -> Option<Oids> {
    let asked: Oids = options.policies.iter().copied().collect();
    let asked = (!asked.is_empty() && !asked.contains(&ANY)).then_some(asked);
    let own = anchor.policies.clone().filter(|policies| !policies.contains(&ANY));
    match (asked, own) {
        (Some(asked), Some(own)) => Some(asked.intersection(&own).copied().collect()),
        (asked, own) => asked.or(own),
    }
}

/// Reads the policy extensions; one that cannot be read is an error.
fn said(certificate: &Certificate, findings: &mut Vec<Finding>) -> Said {
    let mut said = Said::default();
    for extension in certificate.extensions() {
        let value = &extension.value[..];
        let read = match extension.oid {
            oid::CERTIFICATE_POLICIES => read_policies(value, &mut said),
            oid::POLICY_MAPPINGS => PolicyMappings::from_der(value).ok().map(|mappings| {
                let pair = |m: x509_cert::ext::pkix::PolicyMapping| {
                    (m.issuer_domain_policy, m.subject_domain_policy)
                };
                said.mappings = mappings.0.into_iter().map(pair).collect();
            }),
            oid::POLICY_CONSTRAINTS => PolicyConstraints::from_der(value).ok().map(|constraints| {
                said.require_explicit = constraints.require_explicit_policy.map(size);
                said.inhibit_mapping = constraints.inhibit_policy_mapping.map(size);
            }),
            oid::INHIBIT_ANY_POLICY => {
                u32::from_der(value).ok().map(|skip| said.inhibit_any = Some(size(skip)))
            }
            _ => continue,
        };
        if read.is_none() {
            let message = format!("its extension {} cannot be read", extension.oid);
            findings.push(Finding::error(Code::UnreadablePolicy, certificate, message));
        }
    }
    said
}

/// No policy may stand there twice (RFC 5280 §4.2.1.4).
fn read_policies(value: &[u8], said: &mut Said) -> Option<()> {
    let policies = CertificatePolicies::from_der(value).ok()?.0;
    let oids: Oids = policies.iter().map(|policy| policy.policy_identifier).collect();
    let sound = !oids.is_empty() && oids.len() == policies.len();
    said.policies = Some(oids);
    sound.then_some(())
}

fn size(skip: u32) -> usize {
    usize::try_from(skip).unwrap_or(usize::MAX)
}

impl State {
    fn new(len: usize, options: &Options<'_>, anchor: &Said) -> Self {
        let limit = |now: bool| if now { 0 } else { len + 1 };
        let any = Node { parents: Oids::new(), expected: Oids::from([ANY]) };
        Self {
            graph: Some(vec![Level::from([(ANY, any)])]),
            explicit: limit(options.explicit_policy || anchor.require_explicit.is_some()),
            mapping: limit(options.inhibit_mapping || anchor.inhibit_mapping.is_some()),
            any: limit(options.inhibit_any_policy || anchor.inhibit_any.is_some()),
        }
    }

    fn is_refused(&self) -> bool {
        self.explicit == 0 && self.graph.is_none()
    }

    /// RFC 5280 §6.1.3 (d) and (e).
    fn take(&mut self, said: &Said, counts: bool, work: &mut Work) -> Result<(), Spent> {
        let Some(policies) = &said.policies else {
            self.graph = None;
            return Ok(());
        };
        let Some(graph) = &mut self.graph else { return Ok(()) };
        let Some(above) = graph.last() else { return Ok(()) };
        // Which policies of the level above are to be called what.
        let mut called: BTreeMap<ObjectIdentifier, Oids> = BTreeMap::new();
        for (policy, node) in above {
            work.steps(node.expected.len())?;
            for expected in &node.expected {
                called.entry(*expected).or_default().insert(*policy);
            }
        }
        let mut level = Level::new();
        for policy in policies.iter().filter(|policy| **policy != ANY) {
            let parents = called.get(policy).cloned();
            let parents = parents.or_else(|| above.contains_key(&ANY).then(|| Oids::from([ANY])));
            if let Some(parents) = parents {
                level.insert(*policy, Node { parents, expected: Oids::from([*policy]) });
            }
        }
        let any_counts = self.any > 0 || !counts;
        if policies.contains(&ANY) && any_counts {
            for (policy, parents) in called {
                let expected = Oids::from([policy]);
                level.entry(policy).or_insert(Node { parents, expected });
            }
        }
        work.steps(level.len())?;
        graph.push(level);
        self.prune();
        Ok(())
    }

    /// Drops what leads nowhere.
    fn prune(&mut self) {
        let Some(graph) = &mut self.graph else { return };
        for depth in (1..graph.len()).rev() {
            let used: Oids = graph[depth].values().flat_map(|node| node.parents.clone()).collect();
            graph[depth - 1].retain(|policy, _| used.contains(policy));
        }
        if graph.last().is_none_or(Level::is_empty) {
            self.graph = None;
        }
    }

    /// RFC 5280 §6.1.4 (a) and (b).
    fn map(
        &mut self,
        said: &Said,
        certificate: &Certificate,
        findings: &mut Vec<Finding>,
        work: &mut Work,
    ) -> Result<(), Spent> {
        if said.mappings.iter().any(|(from, to)| *from == ANY || *to == ANY) {
            let message = "it maps from or to anyPolicy".to_owned();
            findings.push(Finding::error(Code::UnreadablePolicy, certificate, message));
        }
        let Some(level) = self.graph.as_mut().and_then(|graph| graph.last_mut()) else {
            return Ok(());
        };
        let mut mapped: BTreeMap<ObjectIdentifier, Oids> = BTreeMap::new();
        for (from, to) in &said.mappings {
            work.steps(1)?;
            mapped.entry(*from).or_default().insert(*to);
        }
        for (from, to) in mapped {
            if self.mapping == 0 {
                level.remove(&from);
            } else if let Some(node) = level.get_mut(&from) {
                node.expected = to;
            } else if level.contains_key(&ANY) {
                level.insert(from, Node { parents: Oids::from([ANY]), expected: to });
            }
        }
        self.prune();
        Ok(())
    }

    /// RFC 5280 §6.1.4 (h) to (j).
    fn prepare(&mut self, said: &Said, self_issued: bool) {
        if !self_issued {
            for counter in [&mut self.explicit, &mut self.mapping, &mut self.any] {
                *counter = counter.saturating_sub(1);
            }
        }
        let least = |counter: &mut usize, limit: Option<usize>| {
            *counter = limit.map_or(*counter, |limit| limit.min(*counter));
        };
        least(&mut self.explicit, said.require_explicit);
        least(&mut self.mapping, said.inhibit_mapping);
        least(&mut self.any, said.inhibit_any);
    }

    /// RFC 5280 §6.1.5 (a) and (b).
    fn wrap_up(&mut self, said: &Said) {
        self.explicit = self.explicit.saturating_sub(1);
        if said.require_explicit == Some(0) {
            self.explicit = 0;
        }
    }

    /// Whether a policy of the last level goes back to an acceptable one (RFC 5280 §6.1.5 (g)).
    fn satisfies(&self, initial: Option<&Oids>, work: &mut Work) -> Result<bool, Spent> {
        let Some(graph) = &self.graph else { return Ok(false) };
        let Some(initial) = initial else { return Ok(true) };
        let mut good = Oids::new();
        let mut any = true;
        for level in &graph[1..] {
            let mut next = Oids::new();
            for (policy, node) in level.iter().filter(|(policy, _)| **policy != ANY) {
                work.steps(1 + node.parents.len())?;
                let stems = any && node.parents.contains(&ANY) && initial.contains(policy);
                if stems || node.parents.iter().any(|parent| good.contains(parent)) {
                    next.insert(*policy);
                }
            }
            any = level.contains_key(&ANY);
            good = next;
        }
        Ok(any && !initial.is_empty() || !good.is_empty())
    }
}
