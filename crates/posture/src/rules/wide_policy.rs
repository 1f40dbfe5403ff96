//! Policies that let everybody in, or let somebody do everything.

use crate::clause::{gdpr, iso, pci};
use crate::facts::Grant;
use crate::rule::{Asked, Outcome, Rule, Scope, Severity};

pub(super) const RULE: Rule = Rule {
    id: "wide-policy",
    title: "no policy of a key names every principal or every action",
    worst: Severity::High,
    scope: Scope::Keys,
    reads: "who may do what with the key",
    needs: "Vault: read on sys/policies/acl; AWS: kms:GetKeyPolicy and kms:ListGrants; Google: \
            cloudkms.cryptoKeys.getIamPolicy; a token has one user",
    recommendation: "name the principals and the actions: the server signs and reads, a custodian \
                     disables, an administrator is somebody else",
    clauses: &[pci("7.2.1"), pci("7.2.2"), iso("A.5.15"), iso("A.8.2"), gdpr("Art. 32(1)(b)")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.keys(|key| {
        let grants = key.grants.told()?;
        let wide: Vec<&Grant> =
            grants.iter().filter(|one| one.everybody || one.everything).collect();
        let open = wide.iter().any(|one| one.everybody);
        let severity = if open { Severity::High } else { Severity::Medium };
        let evidence: Vec<String> =
            wide.iter().map(|one| format!("{} may {}", one.who, one.what)).collect();
        key.granted((!wide.is_empty()).then(|| (severity, evidence.join("; "))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{found, grant, passes, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let with = |one: Grant| {
            found(&RULE, |facts| facts.keys[0].grants = Fact::Known(vec![grant("a"), one]))
        };
        assert_eq!(with(Grant { everybody: true, ..grant("*") }), Some(Severity::High));
        assert_eq!(with(Grant { everything: true, ..grant("ops") }), Some(Severity::Medium));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| facts.keys[0].grants = unread()));
        assert!(unknown(&RULE, |facts| {
            facts.keys[0].unseen_grants = Some("the account's are not read".to_owned());
        }));
    }
}
