//! Keys that are too old.

use crate::clause::{iso, nist, pci};
use crate::facts::{KeyKind, Standing};
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, Verdict, unless};
use crate::span::{days, said};

pub(super) const RULE: Rule = Rule {
    id: "key-age",
    title: "no key is older than its time: a year if symmetric, two to three otherwise",
    worst: Severity::Medium,
    scope: Scope::Keys,
    reads: "when it was made, or at the latest certified",
    needs: "Vault: read on keys/NAME; AWS: kms:DescribeKey; Google: cloudkms.cryptoKeyVersions.get; \
            tokens and files do not tell: the authority's certificate does",
    recommendation: "rotate: `skink incident declare` with plan rotation for an authority, `skink key \
                     rotate` for others",
    clauses: &[nist("§5.3.6"), pci("3.7.4"), iso("A.8.24")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.keys(|key| {
        let stopped = key.standing.known() == Some(&Standing::Disabled);
        if key.service_managed || stopped {
            return Ok(Verdict::Apart);
        }
        let age = asked.now.since(*key.created.told()?);
        let limits = asked.limits;
        let (soon, late) = match key.kind.told()? {
            KeyKind::Symmetric => (limits.symmetric_key, limits.symmetric_key),
            KeyKind::Asymmetric => (limits.asymmetric_key_soon, limits.asymmetric_key),
        };
        let evidence =
            |limit: u64| format!("{} old; {} is the limit", said(age), said(days(limit)));
        unless(if age > days(late) {
            Some((Severity::Medium, evidence(late)))
        } else {
            (age > days(soon)).then(|| (Severity::Low, evidence(soon)))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{ago, found, passes, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let by = |kind, count| {
            found(&RULE, |facts| {
                facts.keys[0].kind = Fact::Known(kind);
                facts.keys[0].created = Fact::Known(ago(count));
            })
        };
        assert_eq!(by(KeyKind::Symmetric, 366), Some(Severity::Medium));
        assert_eq!(by(KeyKind::Symmetric, 364), None);
        assert_eq!(by(KeyKind::Asymmetric, 366), None);
        assert_eq!(by(KeyKind::Asymmetric, 800), Some(Severity::Low));
        assert_eq!(by(KeyKind::Asymmetric, 1100), Some(Severity::Medium));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| facts.keys[0].created = unread()));
        assert!(unknown(&RULE, |facts| facts.keys[0].kind = unread()));
    }

    #[test]
    fn what_the_service_manages_is_its_own() {
        let said = crate::fixture::judged(&RULE, |facts| {
            facts.keys[0].service_managed = true;
            facts.keys[0].created = Fact::Known(ago(9000));
        });
        assert_eq!(said, []);
    }
}
