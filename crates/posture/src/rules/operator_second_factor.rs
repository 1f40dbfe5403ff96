//! Administrators show two things.

use crate::clause::{br, iso, pci};
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, Verdict, each, unless};

pub(super) const RULE: Rule = Rule {
    id: "operator-second-factor",
    title: "operators who can change anything are asked for a second factor",
    worst: Severity::High,
    scope: Scope::Server,
    reads: "operators, their roles, and what lets each in",
    needs: "the server's roles that read",
    recommendation: "Skink asks for one thing: a token or a client key. Register a client key that \
                     a card with a PIN holds, remove the token, and accept what is left with the \
                     card as its reason",
    clauses: &[br("§6.5.1"), pci("8.4.1"), iso("A.8.5"), iso("A.8.2")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.server(|server| {
        each(
            "operators",
            &server.operators,
            |one| &one.name,
            |one| {
                if !one.changes {
                    return Ok(Verdict::Apart);
                }
                if one.factors > 1 {
                    return Ok(Verdict::Holds);
                }
                // A token can be copied by whoever sees it; of a key nobody here knows what holds it.
                let by_token = one.ways_in.contains(&"token");
                let severity = if by_token { Severity::High } else { Severity::Medium };
                let ways = one.ways_in.join(" or ");
                let evidence = format!("{}, let in by {ways} alone", one.role);
                unless(Some((severity, evidence)))
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{found, passes, server, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let by = |way: &'static str| {
            found(&RULE, |facts| {
                let Fact::Known(operators) = &mut server(facts).operators else { return };
                operators[0].factors = 1;
                operators[0].ways_in = vec![way];
            })
        };
        assert_eq!(by("token"), Some(Severity::High));
        assert_eq!(by("client-key"), Some(Severity::Medium));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| server(facts).operators = unread()));
    }
}
