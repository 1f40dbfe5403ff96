//! CRLs that relying parties can still use.

use crate::clause::br;
use crate::facts::{Publication, PublicationKind};
use crate::rule::{Asked, Judged, Outcome, Rule, Scope, Severity, Verdict, each, unless};
use crate::span::{days, said};

pub(super) const RULE: Rule = Rule {
    id: "crl-fresh",
    title: "every distribution point has a CRL of its authority, in date",
    worst: Severity::High,
    scope: Scope::Server,
    reads: "the CRLs, as they are published",
    needs: "reaching the distribution points",
    recommendation: "the server renews its own lists, the root's take a ceremony: a list past its \
                     next update is an outage where it is checked",
    clauses: &[br("§4.9.7")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.server(|server| {
        each(
            "CRLs",
            &server.publications,
            |one| &one.name,
            |one| {
                if one.kind != PublicationKind::Crl {
                    return Ok(Verdict::Apart);
                }
                let limit = if one.by_root { u64::MAX } else { asked.limits.crl_life };
                fresh(asked, one, limit)
            },
        )
    })
}

/// Whether a publication is sound, in date, and does not last longer than `limit` days.
pub(super) fn fresh(asked: &Asked<'_>, one: &Publication, limit: u64) -> Judged {
    if let Err(wrong) = one.sound.told()? {
        return unless(Some((Severity::High, format!("{}: {wrong}", one.authority))));
    }
    let (this, next) = (*one.this_update.told()?, *one.next_update.told()?);
    let Some(next) = next else {
        let evidence = format!("{}: it does not say when the next is due", one.authority);
        return unless(Some((Severity::Medium, evidence)));
    };
    if next <= asked.now {
        return unless(Some((Severity::High, format!("{}: it was due at {next}", one.authority))));
    }
    let life = next.since(this);
    let evidence = || format!("{}: it is valid for {}", one.authority, said(life));
    unless((life > days(limit)).then(|| (Severity::Low, evidence())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{ago, ahead, found, passes, server, unknown, unread};

    fn with(change: impl Fn(&mut Publication)) -> impl FnOnce(&mut crate::Facts) {
        move |facts| {
            let Fact::Known(publications) = &mut server(facts).publications else { return };
            change(&mut publications[0]);
        }
    }

    #[test]
    fn it_is_found_passed_and_unknown() {
        let due = |at| with(move |one| one.next_update = Fact::Known(at));
        assert_eq!(found(&RULE, due(Some(ago(1)))), Some(Severity::High));
        assert_eq!(found(&RULE, due(None)), Some(Severity::Medium));
        assert_eq!(found(&RULE, due(Some(ahead(30)))), Some(Severity::Low));
        let gone = with(|one| one.sound = Fact::Known(Err("not there (404)".to_owned())));
        assert_eq!(found(&RULE, gone), Some(Severity::High));
        let by_root = with(|one| {
            one.by_root = true;
            one.next_update = Fact::Known(Some(ahead(400)));
        });
        assert!(passes(&RULE, by_root));
        assert!(unknown(&RULE, with(|one| one.sound = unread())));
        assert!(unknown(&RULE, |facts| server(facts).publications = unread()));
    }
}
