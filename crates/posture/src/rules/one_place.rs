//! The root and what it signs are apart.

use crate::clause::{br, iso, pci};
use crate::facts::{AuthorityFacts, AuthorityStanding, ServerFacts};
use crate::rule::{Asked, Judged, Outcome, Rule, Scope, Severity, named, unless};

pub(super) const RULE: Rule = Rule {
    id: "one-place",
    title: "the root's key is in no place, account or machine where an issuer's is",
    worst: Severity::High,
    scope: Scope::Server,
    reads: "where authorities' keys are; whether the root's folder lies beside the server",
    needs: "the server's roles that read",
    recommendation: "move the root to a machine without network, or to an account of its own: \
                     whoever takes the place takes both",
    clauses: &[br("§6.2"), pci("3.6.1.4"), iso("A.8.24")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.server(|server| named("the root", judged(server)).into_iter().collect())
}

fn judged(server: &ServerFacts) -> Judged {
    if let Some(beside) = server.root_beside.told()? {
        return unless(Some((Severity::High, beside.clone())));
    }
    let authorities = server.authorities.told()?;
    let in_use = || authorities.iter().filter(|one| one.standing != AuthorityStanding::Past);
    let (roots, below): (Vec<&AuthorityFacts>, Vec<_>) =
        in_use().partition(|one| one.parent.is_none());
    let together = roots.iter().find_map(|root| {
        let place = root.place.as_deref()?;
        let beside = below.iter().find(|one| one.place.as_deref() == Some(place))?;
        Some(format!("{} and {} are both in {place}", root.id, beside.id))
    });
    unless(together.map(|evidence| (Severity::High, evidence)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{found, passes, server, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let beside = |facts: &mut crate::Facts| {
            server(facts).root_beside = Fact::Known(Some("/srv/skink-root".to_owned()));
        };
        assert_eq!(found(&RULE, beside), Some(Severity::High));
        let one_account = |facts: &mut crate::Facts| {
            let Fact::Known(authorities) = &mut server(facts).authorities else { return };
            authorities[0].place = authorities[1].place.clone();
        };
        assert_eq!(found(&RULE, one_account), Some(Severity::High));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| server(facts).root_beside = unread()));
        assert!(unknown(&RULE, |facts| server(facts).authorities = unread()));
    }
}
