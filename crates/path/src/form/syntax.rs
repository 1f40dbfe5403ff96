//! How names must be written.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Labels of letters, digits, hyphens within and, as met, underscores; a wildcard may be the whole of the
/// leftmost.
pub(crate) fn is_host(name: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// A scheme stands in front.
pub(super) fn is_absolute(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, rest)| {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(sound)
            && !rest.is_empty()
    })
}

/// `Local-part@Domain` (RFC 2821 §4.1.2): words of atoms with dots between, or one quoted string; then
/// a host without wildcard, or an address in brackets.
pub(super) fn is_mailbox(mailbox: &str) -> bool {
    mailbox.rsplit_once('@').is_some_and(|(local, host)| is_local(local) && is_mail_host(host))
}

/// A mailbox, all mailboxes at a host, or behind a period all at hosts below it (RFC 5280 §4.2.1.10);
/// empty for every mailbox, as met.
pub(crate) fn is_mailbox_base(base: &str) -> bool {
    if base.contains('@') {
        return is_mailbox(base);
    }
    base.is_empty() || is_mail_host(base.strip_prefix('.').unwrap_or(base))
}

fn is_mail_host(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match address {
        Some(address) => address.strip_prefix("IPv6:").map_or_else(
            || address.parse::<Ipv4Addr>().is_ok(),
            |v6| v6.parse::<Ipv6Addr>().is_ok(),
        ),
        None => !host.starts_with("*.") && is_host(host),
    }
}

fn is_local(local: &str) -> bool {
    let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
    match local.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').is_some_and(is_quoted),
        None => local.split('.').all(|word| !word.is_empty() && word.bytes().all(atom)),
    }
}

/// The inside of a quoted string: quotes and backslashes stand behind a backslash.
fn is_quoted(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let sound = match byte {
            b'"' => false,
            b'\\' => bytes.next().is_some_and(|escaped| matches!(escaped, b' '..=b'~')),
            other => matches!(other, b' '..=b'~'),
        };
        if !sound {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_have_one_local_part_and_one_host() {
        for sound in [
            "a@example.org",
            "first.last+tag@example.org",
            "\"a@b\"@example.org",
            "\"quote \\\" and \\\\\"@example.org",
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
        ] {
            assert!(is_mailbox(sound), "{sound}");
        }
        for broken in [
            "",
            "root",
            "@example.org",
            "a@",
            "a@b@example.org",
            "invalid@address@example.com",
            ".a@example.org",
            "a..b@example.org",
            "a b@example.org",
            "a@*.example.org",
            "a@exa mple.org",
            "a@[192.0.2]",
            "\"a\"b\"@example.org",
            "\"a\\\"@example.org",
            "Name <a@example.org>",
        ] {
            assert!(!is_mailbox(broken), "{broken}");
        }
    }

    #[test]
    fn mailbox_constraints_are_a_mailbox_a_host_or_a_domain() {
        for sound in ["a@example.org", "example.org", ".example.org", ""] {
            assert!(is_mailbox_base(sound), "{sound}");
        }
        for broken in ["a@b@example.org", "@example.org", "*.example.org", "..example.org", "."] {
            assert!(!is_mailbox_base(broken), "{broken}");
        }
    }
}
