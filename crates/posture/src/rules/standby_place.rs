//! A standby survives the place that it stands by for.

use crate::clause::{gdpr, iso};
use crate::facts::{AuthorityFacts, AuthorityStanding};
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, Verdict, each, unless};

pub(super) const RULE: Rule = Rule {
    id: "standby-place",
    title: "a standby's key is in another place than the active one's",
    worst: Severity::Low,
    scope: Scope::Server,
    reads: "where authorities' keys are",
    needs: "the server's roles that read",
    recommendation: "make the next standby's key at another provider: `skink authority ceremony \
                     request --standby-for ISSUER --key URI`",
    clauses: &[iso("A.5.30"), iso("A.8.14"), gdpr("Art. 32(1)(c)")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.server(|server| {
        let known = server.authorities.known().map(Vec::as_slice).unwrap_or_default();
        each(
            "authorities",
            &server.authorities,
            |one| &one.id,
            |one| {
                if one.standing != AuthorityStanding::Standby {
                    return Ok(Verdict::Apart);
                }
                let active = known.iter().find(|other| replaces(one, other));
                let together =
                    active.filter(|active| active.place.is_some() && active.place == one.place);
                unless(together.map(|active| {
                    let place = one.place.as_deref().unwrap_or_default();
                    (Severity::Low, format!("{} and {} are both in {place}", one.id, active.id))
                }))
            },
        )
    })
}

fn replaces(standby: &AuthorityFacts, other: &AuthorityFacts) -> bool {
    other.issuer == standby.issuer && other.standing == AuthorityStanding::Active
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{found, passes, server, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let together = |facts: &mut crate::Facts| {
            let Fact::Known(authorities) = &mut server(facts).authorities else { return };
            authorities[2].place = authorities[1].place.clone();
        };
        assert_eq!(found(&RULE, together), Some(Severity::Low));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| server(facts).authorities = unread()));
    }
}
