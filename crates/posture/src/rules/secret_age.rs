//! Secrets that are too old.

use crate::clause::{iso, pci};
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, named, unless};
use crate::span::{days, said};

pub(super) const RULE: Rule = Rule {
    id: "secret-age",
    title: "no token or password is older than 90 days",
    worst: Severity::Medium,
    scope: Scope::Keys,
    reads: "when operators' tokens and the credentials in use were made",
    needs: "the server's roles that read; Vault: auth/token/lookup-self",
    recommendation: "make another and remove this one: `skink operator create`, `skink operator \
                     disable`; better, register a client key",
    clauses: &[pci("8.3.9"), pci("8.6.3"), iso("A.5.17")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    let limit = days(asked.limits.secret);
    let one = |secret: &crate::SecretFacts| {
        let judged = secret.created.told().and_then(|created| {
            let age = asked.now.since(*created);
            let severity = if age > limit * 2 { Severity::Medium } else { Severity::Low };
            unless((age > limit).then(|| (severity, format!("{} old", said(age)))))
        });
        named(&secret.name, judged)
    };
    asked.facts.secrets.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{ago, found, passes, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let by = |days| found(&RULE, |facts| facts.secrets[0].created = Fact::Known(ago(days)));
        assert_eq!(by(91), Some(Severity::Low));
        assert_eq!(by(181), Some(Severity::Medium));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| facts.secrets[0].created = unread()));
    }
}
