//! Who can sign.

use std::collections::BTreeSet;

use crate::clause::{iso, nist, pci};
use crate::facts::Signs;
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, Verdict};

pub(super) const RULE: Rule = Rule {
    id: "signers",
    title: "few can sign with an authority's key",
    worst: Severity::Medium,
    scope: Scope::Keys,
    reads: "who may sign",
    needs: "Vault: read on sys/policies/acl; AWS: kms:GetKeyPolicy and kms:ListGrants; Google: \
            cloudkms.cryptoKeys.getIamPolicy; a token has one user",
    recommendation: "leave the right to sign with the server's own credential and nobody else's",
    clauses: &[pci("3.6.1.3"), pci("7.2.5"), nist("§6.2.2"), iso("A.5.15"), iso("A.5.18")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.keys(|key| {
        if !key.is_authoritys() {
            return Ok(Verdict::Apart);
        }
        let signs = key.grants.told()?.iter().filter(|one| one.signs == Signs::Yes);
        let who: BTreeSet<&str> = signs.map(|one| one.who.as_str()).collect();
        let names: Vec<&str> = who.iter().copied().collect();
        key.granted((who.len() > asked.limits.signers).then(|| {
            let evidence = format!("{} may sign: {}", who.len(), names.join(", "));
            (Severity::Medium, evidence)
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{found, grant, passes, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let many = ["a", "b", "c", "d"].map(grant).to_vec();
        let by = |grants| found(&RULE, |facts| facts.keys[0].grants = Fact::Known(grants));
        assert_eq!(by(many.clone()), Some(Severity::Medium));
        // One who is named twice is one.
        assert_eq!(by([&many[..3], &many[..1]].concat()), None);
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| facts.keys[0].grants = unread()));
        assert!(unknown(&RULE, |facts| {
            facts.keys[0].unseen_grants = Some("the account's are not read".to_owned());
        }));
    }
}
