//! Key services that keep a record of uses, for a year.

use crate::clause::{br, gdpr, iso, pci};
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, Verdict, named, unless};
use crate::span::{days, said};

pub(super) const RULE: Rule = Rule {
    id: "logging",
    title: "every key service keeps a record of uses, for a year",
    worst: Severity::High,
    scope: Scope::Keys,
    reads: "the service's audit log; how long it is kept",
    needs: "Vault: read and sudo on sys/audit; AWS: cloudtrail:DescribeTrails; Google: \
            resourcemanager.projects.getIamPolicy; tokens as a rule keep none",
    recommendation: "switch the record on and keep it a year; have the server read it ([keys] \
                     audit_log) or hold it against the ledger with `skink key reconcile`",
    clauses: &[pci("10.2.1"), pci("10.5.1"), iso("A.8.15"), br("§5.4.3"), gdpr("Art. 32(1)(d)")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    let one = |log: &crate::LogFacts| named(&log.name, judged(asked, log));
    asked.facts.logs.iter().filter_map(one).collect()
}

fn judged(asked: &Asked<'_>, log: &crate::LogFacts) -> crate::rule::Judged {
    if !*log.on.told()? {
        let evidence = "no record of uses: a theft of the key's use leaves no trace there";
        return unless(Some((Severity::High, evidence.to_owned())));
    }
    let Some(kept) = log.kept.told()? else { return Ok(Verdict::Holds) };
    let wanted = days(asked.limits.log_kept);
    unless((*kept < wanted).then(|| (Severity::Medium, format!("kept for {} only", said(*kept)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{found, passes, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let off = |facts: &mut crate::Facts| facts.logs[0].on = Fact::Known(false);
        assert_eq!(found(&RULE, off), Some(Severity::High));
        let short = |facts: &mut crate::Facts| facts.logs[0].kept = Fact::Known(Some(days(90)));
        assert_eq!(found(&RULE, short), Some(Severity::Medium));
        assert!(passes(&RULE, |facts| facts.logs[0].kept = Fact::Known(None)));
        assert!(unknown(&RULE, |facts| facts.logs[0].on = unread()));
        assert!(unknown(&RULE, |facts| facts.logs[0].kept = unread()));
    }
}
