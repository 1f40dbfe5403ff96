//! What stands between a mistake and the end of a key.

use crate::clause::{gdpr, iso, nist};
use crate::facts::{Deletion, Exportable};
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, Verdict, unless};
use crate::span::{days, said};

pub(super) const RULE: Rule = Rule {
    id: "deletion-guard",
    title: "no single call ends a key: deletion waits, can be taken back, or is not allowed",
    worst: Severity::Medium,
    scope: Scope::Keys,
    reads: "soft deletion and purge protection",
    needs: "Vault: read on keys/NAME; AWS: none, a destruction waits a week at least; Google: \
            cloudkms.cryptoKeys.get; tokens and files have no such guard",
    recommendation: "forbid deletion (Vault: deletion_allowed = false) or have it wait (Google: \
                     destroyScheduledDuration); a token or a file wants a standby elsewhere",
    clauses: &[nist("§8.3"), iso("A.8.13"), gdpr("Art. 32(1)(c)")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.keys(|key| {
        let wanted = days(asked.limits.deletion_wait);
        Ok(match key.deletion.told()? {
            Deletion::Forbidden => Verdict::Holds,
            Deletion::After(wait) => {
                let short = *wait < wanted;
                let evidence = || format!("a destruction waits {} only", said(*wait));
                return unless(short.then(|| (Severity::Low, evidence())));
            }
            Deletion::AtOnce => {
                // Files and tokens know no other way; they are not worse than they were meant.
                let by_nature = key.exportable.known() == Some(&Exportable::ByNature)
                    || key.name.starts_with("pkcs11:");
                let severity = if by_nature { Severity::Low } else { Severity::Medium };
                Verdict::Breaks(severity, "one call ends it, and nothing brings it back".to_owned())
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{found, passes, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let by = |deletion| found(&RULE, |facts| facts.keys[0].deletion = Fact::Known(deletion));
        assert_eq!(by(Deletion::AtOnce), Some(Severity::Medium));
        assert_eq!(by(Deletion::After(days(1))), Some(Severity::Low));
        assert_eq!(by(Deletion::Forbidden), None);
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| facts.keys[0].deletion = unread()));
    }
}
