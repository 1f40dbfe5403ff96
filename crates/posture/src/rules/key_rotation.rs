//! Symmetric keys that nobody rotates.

use crate::clause::{iso, nist, pci};
use crate::facts::KeyKind;
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, Verdict, unless};
use crate::span::{days, said};

pub(super) const RULE: Rule = Rule {
    id: "key-rotation",
    title: "the service rotates symmetric keys by itself, within a year",
    worst: Severity::Medium,
    scope: Scope::Keys,
    reads: "the rotation that is set",
    needs: "Vault: read on keys/NAME; AWS: kms:GetKeyRotationStatus; Google: cloudkms.cryptoKeys.get",
    recommendation: "set a rotation at the service; what is encrypted under old versions is \
                     re-encrypted by need, not by habit",
    clauses: &[nist("§8.2.3"), pci("3.7.4"), iso("A.8.24")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.keys(|key| {
        // Pairs are replaced by generations.
        if key.service_managed || *key.kind.told()? == KeyKind::Asymmetric {
            return Ok(Verdict::Apart);
        }
        let limit = days(asked.limits.symmetric_key);
        unless(match key.rotates_every.told()? {
            None => Some((Severity::Medium, "nothing rotates it".to_owned())),
            Some(every) if *every > limit => {
                Some((Severity::Low, format!("it is rotated every {} only", said(*every))))
            }
            Some(_) => None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{found, judged, passes, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let symmetric = |facts: &mut crate::Facts| {
            facts.keys[0].kind = Fact::Known(KeyKind::Symmetric);
        };
        let by = |every| {
            found(&RULE, |facts| {
                symmetric(facts);
                facts.keys[0].rotates_every = Fact::Known(every);
            })
        };
        assert_eq!(by(None), Some(Severity::Medium));
        assert_eq!(by(Some(days(700))), Some(Severity::Low));
        assert!(passes(&RULE, symmetric));
        assert!(unknown(&RULE, |facts| {
            symmetric(facts);
            facts.keys[0].rotates_every = unread();
        }));
        assert!(judged(&RULE, |_| {}).is_empty());
    }
}
