//! Whoever signs does not administer.

use crate::clause::{iso, nist, pci};
use crate::facts::{Signs, Work};
use crate::rule::{Asked, Outcome, Rule, Scope, Severity};

pub(super) const RULE: Rule = Rule {
    id: "separation",
    title: "nobody who signs with a key can delete it, enable it, export it or change who may",
    worst: Severity::Medium,
    scope: Scope::Keys,
    reads: "who may do what with the key",
    needs: "Vault: read on sys/policies/acl; AWS: kms:GetKeyPolicy and kms:ListGrants; Google: \
            cloudkms.cryptoKeys.getIamPolicy; a token has one user",
    recommendation: "give the disabling and the enabling to credentials of their own, kept elsewhere: \
                     a thief of the signing one could otherwise undo its disabling",
    clauses: &[nist("§6.2.2"), pci("7.2.2"), iso("A.5.3")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.keys(|key| {
        let both =
            key.grants.told()?.iter().filter(|one| one.signs == Signs::Yes && one.administers);
        let names: Vec<&str> = both.map(|one| one.who.as_str()).collect();
        let severity =
            if matches!(key.work, Work::Authority(_)) { Severity::Medium } else { Severity::Low };
        let evidence = || format!("signs and administers: {}", names.join(", "));
        key.granted((!names.is_empty()).then(|| (severity, evidence())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::facts::Grant;
    use crate::fixture::{found, grant, passes, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let both = Grant { administers: true, ..grant("the server") };
        let custodian = Grant { signs: Signs::No, ..both.clone() };
        let by = |one| found(&RULE, |facts| facts.keys[0].grants = Fact::Known(vec![one]));
        assert_eq!(by(both), Some(Severity::Medium));
        assert_eq!(by(custodian), None);
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| facts.keys[0].grants = unread()));
        assert!(unknown(&RULE, |facts| {
            facts.keys[0].unseen_grants = Some("the account's are not read".to_owned());
        }));
    }
}
