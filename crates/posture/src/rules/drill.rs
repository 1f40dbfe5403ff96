//! The bad day was rehearsed.

use crate::clause::{gdpr, iso, pci};
use crate::rule::{Asked, Judged, Outcome, Rule, Scope, Severity, named, unless};
use crate::span::{days, said};

pub(super) const RULE: Rule = Rule {
    id: "drill",
    title: "there was a drill in the last quarter",
    worst: Severity::Medium,
    scope: Scope::Server,
    reads: "incidents that were drills, and when they ended",
    needs: "the server's roles that read",
    recommendation: "hold one: `skink incident declare --drill`; `skink drill` alone rehearses on a \
                     hierarchy of its own, and does not count here",
    clauses: &[pci("12.10.2"), iso("A.5.24"), iso("A.5.30"), gdpr("Art. 32(1)(d)")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.server(|server| {
        let judged = server.last_drill.told().and_then(|last| judged(asked, *last));
        named("drills", judged).into_iter().collect()
    })
}

fn judged(asked: &Asked<'_>, last: Option<skink_x509::Time>) -> Judged {
    let Some(last) = last else {
        return unless(Some((Severity::Medium, "there never was one".to_owned())));
    };
    let ago = asked.now.since(last);
    let old = ago > days(asked.limits.drill);
    unless(old.then(|| (Severity::Medium, format!("the last one ended {} ago", said(ago)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{ago, found, passes, server, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let by = |last| found(&RULE, |facts| server(facts).last_drill = Fact::Known(last));
        assert_eq!(by(None), Some(Severity::Medium));
        assert_eq!(by(Some(ago(93))), Some(Severity::Medium));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| server(facts).last_drill = unread()));
    }
}
