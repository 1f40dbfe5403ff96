//! How long end-entity certificates live.

use crate::clause::{br, iso};
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, each, unless};
use crate::span::{days, said};

pub(super) const RULE: Rule = Rule {
    id: "certificate-lifetime",
    title: "no profile allows certificates beyond the limit (398 days)",
    worst: Severity::Medium,
    scope: Scope::Server,
    reads: "profiles",
    needs: "the server's roles that read",
    recommendation: "shorten max lifetime in the profile: agents renew by themselves",
    clauses: &[br("§6.3.2"), iso("A.8.24")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.server(|server| {
        each(
            "profiles",
            &server.profiles,
            |one| &one.name,
            |one| {
                let limit = days(asked.limits.certificate_life);
                let evidence = || format!("its certificates may live {}", said(one.max_life));
                unless((one.max_life > limit).then(|| (Severity::Medium, evidence())))
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
        let long = |facts: &mut crate::Facts| {
            let Fact::Known(profiles) = &mut server(facts).profiles else { return };
            profiles[0].max_life = days(399);
        };
        assert_eq!(found(&RULE, long), Some(Severity::Medium));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| server(facts).profiles = unread()));
    }
}
