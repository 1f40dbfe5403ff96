//! E-mail addresses have one @ with something on both sides.

use super::Facts;
use crate::GeneralName;
use crate::lint::{Rule, Severity};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "mailboxes",
    severity: Severity::Error,
    section: "RFC 5280 §4.2.1.6",
    check: |facts| {
        let names = facts.certificate.subject_alt_names().iter();
        let mailboxes = names.filter_map(|name| match name {
            GeneralName::Email(mailbox) => Some(mailbox),
            _ => None,
        });
        mailboxes
            .filter(|mailbox| !is_mailbox(mailbox))
            .map(|mailbox| format!("{mailbox:?} is not a mailbox"))
            .collect()
    },
};

fn is_mailbox(text: &str) -> bool {
    let halves = text.split_once('@');
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    printable
        && !text.contains(['<', '>'])
        && halves.is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@')
        })
}
