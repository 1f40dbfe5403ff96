//! Keys of which another copy may exist.

use crate::clause::{br, iso, nist, pci};
use crate::facts::{Exportable, Origin};
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, Verdict, unless};

pub(super) const RULE: Rule = Rule {
    id: "key-origin",
    title: "every key was made where it is kept, and could never be read out",
    worst: Severity::Medium,
    scope: Scope::Keys,
    reads: "origin; whether it was ever exportable",
    needs: "Vault: read on keys/NAME; a token: its PIN; AWS: kms:DescribeKey; Google: \
            cloudkms.cryptoKeyVersions.get",
    recommendation: "make a key in the service and replace this one, or keep proof of the ceremony \
                     that brought it in",
    clauses: &[br("§6.2.6"), nist("§6.2.2"), pci("3.6.1.4"), iso("A.8.24")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.keys(|key| {
        // What can be read out is found by a rule of its own.
        if key.exportable.known() == Some(&Exportable::ByNature) {
            return Ok(Verdict::Apart);
        }
        if *key.origin.told()? == Origin::Imported {
            let evidence = "brought in from elsewhere: another copy may exist";
            return unless(Some((Severity::Medium, evidence.to_owned())));
        }
        let evidence = "it could be read out once: a copy may exist";
        unless(key.was_exportable.told()?.then(|| (Severity::Medium, evidence.to_owned())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{found, passes, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let imported = |facts: &mut crate::Facts| {
            facts.keys[0].origin = Fact::Known(Origin::Imported);
        };
        assert_eq!(found(&RULE, imported), Some(Severity::Medium));
        let once = |facts: &mut crate::Facts| facts.keys[0].was_exportable = Fact::Known(true);
        assert_eq!(found(&RULE, once), Some(Severity::Medium));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| facts.keys[0].origin = unread()));
        assert!(unknown(&RULE, |facts| facts.keys[0].was_exportable = unread()));
    }
}
