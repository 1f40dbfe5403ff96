//! DNS names have a domain. `localhost` and its like mean another machine on each machine; RFC 5280
//! allows them, linters of the public web do not.

use super::Facts;
use crate::lint::{Rule, Severity};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "dns_qualified",
    severity: Severity::Notice,
    section: "RFC 9525 §6.3",
    check: |facts| {
        let bare = facts.certificate.dns_names().filter(|name| !name.contains('.'));
        bare.map(|name| format!("{name:?} has no domain")).collect()
    },
};
