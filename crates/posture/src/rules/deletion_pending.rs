//! Keys that will be gone.

use crate::clause::{gdpr, iso, nist, pci};
use crate::facts::Standing;
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, unless};

pub(super) const RULE: Rule = Rule {
    id: "deletion-pending",
    title: "no key waits for its destruction unseen",
    worst: Severity::High,
    scope: Scope::Keys,
    reads: "the key's state",
    needs: "Vault: read on keys/NAME; AWS: kms:DescribeKey; Google: cloudkms.cryptoKeyVersions.get",
    recommendation: "cancel it (`skink key destroy --cancel`) or accept it with an owner: nothing \
                     brings the key back after that day",
    clauses: &[nist("§8.3"), pci("3.7.5"), iso("A.8.10"), gdpr("Art. 32(1)(b)")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.keys(|key| {
        let Standing::DeletionPending(at) = key.standing.told()? else { return unless(None) };
        let severity = if key.is_authoritys() { Severity::High } else { Severity::Medium };
        let when =
            at.map_or_else(|| "on a day that is not told".to_owned(), |at| format!("at {at}"));
        unless(Some((severity, format!("its material will be gone {when}"))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::facts::Work;
    use crate::fixture::{ahead, found, passes, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let pending = || Fact::Known(Standing::DeletionPending(Some(ahead(7))));
        assert_eq!(found(&RULE, |facts| facts.keys[0].standing = pending()), Some(Severity::High));
        let unsaid = found(&RULE, |facts| {
            facts.keys[0].standing = pending();
            facts.keys[0].work = Work::Unsaid;
        });
        assert_eq!(unsaid, Some(Severity::Medium));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| facts.keys[0].standing = unread()));
    }
}
