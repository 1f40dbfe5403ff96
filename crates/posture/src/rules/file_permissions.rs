//! Key files that others may read.

use crate::clause::{iso, nist, pci};
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, Verdict, unless};

pub(super) const RULE: Rule = Rule {
    id: "file-permissions",
    title: "nobody but its owner reads a key's file",
    worst: Severity::High,
    scope: Scope::Keys,
    reads: "the file's permissions",
    needs: "the server's folder (--dir)",
    recommendation: "chmod 600, and find out who could have read it: an encrypted key file is worth \
                     its credential",
    clauses: &[nist("§6.2.2"), pci("3.6.1.2"), iso("A.5.15")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.keys(|key| {
        let Some(mode) = key.file_mode.told()? else { return Ok(Verdict::Apart) };
        let severity = if mode & 0o006 == 0 { Severity::Medium } else { Severity::High };
        let others = mode & 0o077 != 0;
        unless(others.then(|| (severity, format!("its permissions are {:03o}", mode & 0o777))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{found, passes, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let by = |mode| found(&RULE, |facts| facts.keys[0].file_mode = Fact::Known(Some(mode)));
        assert_eq!(by(0o100_644), Some(Severity::High));
        assert_eq!(by(0o100_640), Some(Severity::Medium));
        assert!(passes(&RULE, |facts| facts.keys[0].file_mode = Fact::Known(Some(0o100_600))));
        assert!(unknown(&RULE, |facts| facts.keys[0].file_mode = unread()));
    }
}
