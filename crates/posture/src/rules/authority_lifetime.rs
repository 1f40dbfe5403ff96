//! How long authorities live.

use crate::clause::{iso, nist};
use crate::facts::{AuthorityFacts, AuthorityStanding};
use crate::rule::{Asked, Judged, Outcome, Rule, Scope, Severity, Verdict, each, unless};
use crate::span::{days, said};

pub(super) const RULE: Rule = Rule {
    id: "authority-lifetime",
    title: "authorities are valid, not for too long, not beyond their parents, and not about to end",
    worst: Severity::High,
    scope: Scope::Server,
    reads: "authorities' certificates",
    needs: "the server's roles that read",
    recommendation: "prepare the next generation and rotate: `skink incident declare` with plan \
                     rotation",
    clauses: &[nist("§5.3.6"), iso("A.8.24")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.server(|server| {
        let known = server.authorities.known().map(Vec::as_slice).unwrap_or_default();
        each("authorities", &server.authorities, |one| &one.id, |one| judged(asked, known, one))
    })
}

fn judged(asked: &Asked<'_>, all: &[AuthorityFacts], one: &AuthorityFacts) -> Judged {
    if one.standing == AuthorityStanding::Past {
        return Ok(Verdict::Apart);
    }
    let (begin, end) = (*one.not_before.told()?, *one.not_after.told()?);
    if end <= asked.now {
        return unless(Some((Severity::High, format!("it ended at {end}"))));
    }
    let rest = end.since(asked.now);
    if rest < days(asked.limits.authority_end) {
        return unless(Some((Severity::High, format!("it ends in {}", said(rest)))));
    }
    let parent = one.parent.as_ref().and_then(|id| all.iter().find(|other| other.id == *id));
    if let Some(parent) = parent
        && end > *parent.not_after.told()?
    {
        let evidence = format!("it is valid beyond {}, which signed it", parent.id);
        return unless(Some((Severity::Medium, evidence)));
    }
    let limit =
        if one.parent.is_none() { asked.limits.root_life } else { asked.limits.authority_life };
    let life = end.since(begin);
    let evidence = || format!("it is valid for {}; {} is the limit", said(life), said(days(limit)));
    unless((life > days(limit)).then(|| (Severity::Low, evidence())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{ago, ahead, found, passes, server, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let until = |count: i64| {
            found(&RULE, |facts| {
                let Fact::Known(authorities) = &mut server(facts).authorities else { return };
                let count = u64::try_from(count);
                authorities[1].not_after = Fact::Known(count.map_or_else(|_| ago(1), ahead));
            })
        };
        assert_eq!(until(-1), Some(Severity::High));
        assert_eq!(until(60), Some(Severity::High));
        // The root of the fixture lives as long.
        assert_eq!(until(5 * 365 + 1), Some(Severity::Medium));
        let long = found(&RULE, |facts| {
            let Fact::Known(authorities) = &mut server(facts).authorities else { return };
            authorities[0].not_after = Fact::Known(ahead(30 * 365));
        });
        assert_eq!(long, Some(Severity::Low));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| server(facts).authorities = unread()));
    }
}
