//! Keys that the server has blocked for good.

use crate::clause::{br, iso, nist};
use crate::facts::KeyKind;
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, Verdict, named, unless};

pub(super) const RULE: Rule = Rule {
    id: "blocked-key",
    title: "no key is on the server's list of blocked keys",
    worst: Severity::High,
    scope: Scope::Server,
    reads: "the public half; the list of blocked keys",
    needs: "reading public keys; the server's roles that read",
    recommendation: "destroy it, and look for who still uses it: a blocked key was stolen once",
    clauses: &[br("§6.1.1.3"), nist("§5.5"), iso("A.5.26")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.server(|server| {
        let blocked = match server.blocked.told() {
            Ok(blocked) => blocked,
            Err(untold) => {
                return named("the list of blocked keys", Err(untold)).into_iter().collect();
            }
        };
        asked.keys(|key| {
            if key.kind.known() == Some(&KeyKind::Symmetric) {
                return Ok(Verdict::Apart);
            }
            let digest = key.public.told()?.digest().to_string();
            // The key of what was revoked stays where it is, disabled, as evidence.
            let stopped = key.standing.known() == Some(&crate::facts::Standing::Disabled);
            let severity = if stopped { Severity::Low } else { Severity::High };
            unless(blocked.contains(&digest).then(|| (severity, format!("{digest} is blocked"))))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::facts::Standing;
    use crate::fixture::{found, passes, server, unknown, unread};

    fn block(facts: &mut crate::Facts) {
        let digest = facts.keys[0].public.known().unwrap().digest().to_string();
        server(facts).blocked = Fact::Known(vec![digest]);
    }

    #[test]
    fn it_is_found_passed_and_unknown() {
        assert_eq!(found(&RULE, block), Some(Severity::High));
        let stopped = found(&RULE, |facts| {
            block(facts);
            facts.keys[0].standing = Fact::Known(Standing::Disabled);
        });
        assert_eq!(stopped, Some(Severity::Low));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| facts.keys[0].public = unread()));
        assert!(unknown(&RULE, |facts| server(facts).blocked = unread()));
    }
}
