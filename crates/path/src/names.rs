//! Whether a certificate has a name (RFC 9525).

use skink_x509::{Certificate, GeneralName};

use crate::{PeerName, Profile};

/// Whether `name` is the certificate's: one of its alternative names, or, outside the strict profile
/// and where there are no alternative names at all, a host in its common name.
pub fn has_name(certificate: &Certificate, name: &PeerName, profile: Profile) -> bool {
    let names = certificate.subject_alt_names();
    match name {
        PeerName::None => true,
        PeerName::Dns(host) if names.is_empty() && profile == Profile::Rfc5280 => {
            let common_name = certificate.subject().common_name();
            common_name.is_some_and(|pattern| dns_matches(&pattern, host))
        }
        PeerName::Dns(host) => certificate.dns_names().any(|pattern| dns_matches(pattern, host)),
        PeerName::Ip(ip) => names.contains(&GeneralName::Ip(*ip)),
        PeerName::Uri(uri) => names.contains(&GeneralName::Uri(uri.clone())),
        PeerName::Email(mailbox) => names.iter().any(|name| match name {
            GeneralName::Email(other) => same_mailbox(other, mailbox),
            _ => false,
        }),
    }
}

/// A wildcard stands for exactly one label, the leftmost, and never for the whole of a name with
/// fewer than three labels.
fn dns_matches(pattern: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.is_empty() || host.contains('*') {
        return false;
    }
    match pattern.strip_prefix("*.") {
        None => pattern.eq_ignore_ascii_case(host),
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| {
            !label.is_empty() && parent.contains('.') && rest.eq_ignore_ascii_case(parent)
        }),
    }
}

/// The part before the `@` counts as it is written, the host in any case (RFC 5280 §7.5).
fn same_mailbox(one: &str, other: &str) -> bool {
    match (one.rsplit_once('@'), other.rsplit_once('@')) {
        (Some((local, host)), Some((other_local, other_host))) => {
            local == other_local && host.eq_ignore_ascii_case(other_host)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_one_label() {
        assert!(dns_matches("www.example.com", "WWW.example.com."));
        assert!(dns_matches("*.example.com", "a.example.com"));
        for (pattern, host) in [
            ("*.example.com", "example.com"),
            ("*.example.com", "a.b.example.com"),
            ("*.com", "example.com"),
            ("*.example.com", ".example.com"),
            ("w*.example.com", "www.example.com"),
        ] {
            assert!(!dns_matches(pattern, host), "{pattern} {host}");
        }
    }

    #[test]
    fn mailboxes_keep_the_case_of_their_local_part() {
        assert!(same_mailbox("a@Example.com", "a@example.com"));
        assert!(!same_mailbox("A@example.com", "a@example.com"));
        assert!(!same_mailbox("example.com", "example.com"));
    }
}
