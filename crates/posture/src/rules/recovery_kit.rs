//! Every issuer has a fresh recovery kit.

use crate::clause::{br, gdpr, iso};
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, each, unless};
use crate::span::{days, said};

pub(super) const RULE: Rule = Rule {
    id: "recovery-kit",
    title: "every issuer has a recovery kit, not expired and from the last half year",
    worst: Severity::High,
    scope: Scope::Server,
    reads: "issuers and recovery kits",
    needs: "the server's roles that read",
    recommendation: "hold a ceremony with a standby: `skink authority ceremony request \
                     --standby-for ISSUER`; without one a stolen key costs hours, not minutes",
    clauses: &[br("§5.7.1"), iso("A.5.29"), iso("A.5.30"), gdpr("Art. 32(1)(c)")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.server(|server| {
        each("issuers", &server.issuers, String::as_str, |issuer| {
            let kits = server.kits.told()?;
            let newest =
                kits.iter().filter(|kit| kit.issuer == *issuer).max_by_key(|kit| kit.created);
            let Some(kit) = newest else {
                return unless(Some((Severity::High, "it has no recovery kit".to_owned())));
            };
            if kit.expires <= asked.now {
                let evidence = format!("its recovery kit expired at {}", kit.expires);
                return unless(Some((Severity::High, evidence)));
            }
            let age = asked.now.since(kit.created);
            let old = age > days(asked.limits.kit);
            unless(old.then(|| (Severity::Medium, format!("its kit is {} old", said(age)))))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{ago, found, passes, server, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let none = |facts: &mut crate::Facts| server(facts).kits = Fact::Known(Vec::new());
        assert_eq!(found(&RULE, none), Some(Severity::High));
        let expired = |facts: &mut crate::Facts| {
            let Fact::Known(kits) = &mut server(facts).kits else { return };
            kits[0].expires = ago(1);
        };
        assert_eq!(found(&RULE, expired), Some(Severity::High));
        let old = |facts: &mut crate::Facts| {
            let Fact::Known(kits) = &mut server(facts).kits else { return };
            kits[0].created = ago(200);
        };
        assert_eq!(found(&RULE, old), Some(Severity::Medium));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| server(facts).kits = unread()));
        assert!(unknown(&RULE, |facts| server(facts).issuers = unread()));
    }
}
