//! Keys that can be read out.

use crate::clause::{br, gdpr, iso, nist, pci};
use crate::facts::Exportable;
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, Verdict};

pub(super) const RULE: Rule = Rule {
    id: "exportable",
    title: "no call gives a private or secret key out",
    worst: Severity::High,
    scope: Scope::Keys,
    reads: "whether it can be exported or backed up in plain",
    needs: "Vault: read on keys/NAME; a token: its PIN; AWS and Google: none, they have no such call",
    recommendation: "make another that cannot be read out, and replace this one: whoever had the \
                     right may have a copy, and disabling stops no copy",
    clauses: &[
        br("§6.2.6"),
        nist("§6.2.2"),
        pci("3.6.1.2"),
        pci("3.7.3"),
        iso("A.8.24"),
        gdpr("Art. 32(1)(b)"),
    ],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.keys(|key| {
        Ok(match key.exportable.told()? {
            Exportable::No => Verdict::Holds,
            Exportable::ByCall(says) => Verdict::Breaks(Severity::High, says.clone()),
            Exportable::ByNature => {
                let evidence = "a file: whoever has it and its credential has the key";
                let severity = if key.is_authoritys() { Severity::Medium } else { Severity::Low };
                Verdict::Breaks(severity, evidence.to_owned())
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{found, passes, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let is =
            |exportable| found(&RULE, |facts| facts.keys[0].exportable = Fact::Known(exportable));
        assert_eq!(is(Exportable::ByCall("exportable = true".to_owned())), Some(Severity::High));
        assert_eq!(is(Exportable::ByNature), Some(Severity::Medium));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| facts.keys[0].exportable = unread()));
    }
}
