//! DNS names are host names; a star stands for the leftmost label and nothing else.

use super::Facts;
use crate::lint::{Rule, Severity};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "dns_names",
    severity: Severity::Error,
    section: "RFC 5280 §4.2.1.6; RFC 9525 §6.3",
    check: |facts| {
        let bad = facts.certificate.dns_names().filter(|name| !is_host_name(name));
        bad.map(|name| format!("{name:?} is not a DNS host name")).collect()
    },
};

fn is_host_name(name: &str) -> bool {
    let plain = name.strip_prefix("*.").unwrap_or(name);
    // A star needs a domain of two labels at least under it.
    let deep_enough = plain.len() == name.len() || plain.contains('.');
    deep_enough && name.len() <= 253 && plain.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len())
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}
