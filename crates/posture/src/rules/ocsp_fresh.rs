//! OCSP answers that relying parties can use.

use super::crl_fresh::fresh;
use crate::clause::br;
use crate::facts::PublicationKind;
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, Verdict, each};

pub(super) const RULE: Rule = Rule {
    id: "ocsp-fresh",
    title: "every authority's responder answers, signed and in date",
    worst: Severity::High,
    scope: Scope::Server,
    reads: "an answer about one certificate of each issuing authority",
    needs: "reaching the responder",
    recommendation: "look at the server's log: its responder has no key, no certificate, or the \
                     wrong time",
    clauses: &[br("§4.9.9"), br("§4.9.10")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.server(|server| {
        each(
            "OCSP",
            &server.publications,
            |one| &one.name,
            |one| {
                if one.kind != PublicationKind::Ocsp {
                    return Ok(Verdict::Apart);
                }
                fresh(asked, one, asked.limits.ocsp_life)
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{ago, found, passes, server, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let late = |facts: &mut crate::Facts| {
            let Fact::Known(publications) = &mut server(facts).publications else { return };
            publications[1].next_update = Fact::Known(Some(ago(1)));
        };
        assert_eq!(found(&RULE, late), Some(Severity::High));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| {
            let Fact::Known(publications) = &mut server(facts).publications else { return };
            publications[1].sound = unread();
        }));
    }
}
