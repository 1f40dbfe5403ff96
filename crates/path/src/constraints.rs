//! Name constraints (RFC 5280 §4.2.1.10).

use std::net::IpAddr;

use der::Decode as _;
use skink_x509::{Certificate, GeneralName, ObjectIdentifier, oid};
use x509_cert::ext::pkix::NameConstraints;
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
use x509_cert::ext::pkix::name::GeneralName as Base;

use crate::budget::{Budget, Spent};
use crate::distinguished::Distinguished;
use crate::finding::{Code, Finding};

/// The mailbox in a subject (PKCS #9), deprecated and still met.
const EMAIL_ADDRESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1");

/// Findings on the names of the end entity and of the authorities `between`, under the
/// constraints of `issuer`.
pub(crate) fn judge(
    issuer: &Certificate,
    leaf: &Certificate,
    between: &[Certificate],
    budget: &mut Budget,
    findings: &mut Vec<Finding>,
) -> Result<(), Spent> {
    let Some(extension) = issuer.extension(oid::NAME_CONSTRAINTS) else { return Ok(()) };
    let Ok(constraints) = NameConstraints::from_der(&extension.value) else {
        let message = "its name constraints cannot be read".to_owned();
        findings.push(Finding::error(Code::UnreadableConstraint, issuer, message));
        return Ok(());
    };
    let permitted = constraints.permitted_subtrees.unwrap_or_default();
    let excluded = constraints.excluded_subtrees.unwrap_or_default();
    let subtrees = || permitted.iter().chain(&excluded);
    if subtrees().any(|subtree| subtree.minimum != 0 || subtree.maximum.is_some()) {
        let message = "its name constraints have a minimum or a maximum".to_owned();
        findings.push(Finding::error(Code::UnreadableConstraint, issuer, message));
        return Ok(());
    }
    // Self-issued authorities are exempt, an end entity never is (§6.1.3 (b)).
    let others = between.iter().filter(|certificate| !certificate.is_self_issued());
    for certificate in std::iter::once(leaf).chain(others) {
        for name in names_of(certificate) {
            budget.compare(permitted.len() + excluded.len())?;
            if let Some(message) = broken(&name, &permitted, &excluded) {
                findings.push(Finding::error(Code::NameConstraint, certificate, message));
            }
        }
    }
    Ok(())
}

/// The alternative names, the subject, and a mailbox in the subject if there is no other.
fn names_of(certificate: &Certificate) -> Vec<GeneralName> {
    let mut names = certificate.subject_alt_names().to_vec();
    if !names.iter().any(|name| matches!(name, GeneralName::Email(_))) {
        names.extend(certificate.subject().attribute(EMAIL_ADDRESS).map(GeneralName::Email));
    }
    if !certificate.subject().is_empty() {
        names.push(GeneralName::Directory(certificate.subject().clone()));
    }
    names
}

/// Why `name` is not within the constraints, if it is not.
fn broken(
    name: &GeneralName,
    permitted: &[GeneralSubtree],
    excluded: &[GeneralSubtree],
) -> Option<String> {
    let same = |subtree: &&GeneralSubtree| same_form(name, &subtree.base);
    if excluded.iter().filter(same).any(|subtree| touches(name, &subtree.base)) {
        return Some(format!("{name} is excluded by an authority above"));
    }
    let mut permitted = permitted.iter().filter(same).peekable();
    permitted.peek()?;
    if permitted.any(|subtree| within(name, &subtree.base) == Some(true)) {
        return None;
    }
    Some(format!("{name} is not among the names that an authority above may give"))
}

/// Whether `name` can stand for anything in the subtree at `base`, or cannot be told not to.
fn touches(name: &GeneralName, base: &Base) -> bool {
    match (name, base) {
        (GeneralName::Dns(name), Base::DnsName(base)) => dns_touches(name, base.as_str()),
        _ => within(name, base) != Some(false),
    }
}

fn same_form(name: &GeneralName, base: &Base) -> bool {
    match (name, base) {
        (GeneralName::Dns(_), Base::DnsName(_))
        | (GeneralName::Ip(_), Base::IpAddress(_))
        | (GeneralName::Email(_), Base::Rfc822Name(_))
        | (GeneralName::Uri(_), Base::UniformResourceIdentifier(_))
        | (GeneralName::Directory(_), Base::DirectoryName(_)) => true,
        (GeneralName::Other { tag, .. }, base) => *tag == tag_of(base),
        _ => false,
    }
}

const fn tag_of(base: &Base) -> u32 {
    match base {
        Base::OtherName(_) => 0,
        Base::Rfc822Name(_) => 1,
        Base::DnsName(_) => 2,
        Base::DirectoryName(_) => 4,
        Base::EdiPartyName(_) => 5,
        Base::UniformResourceIdentifier(_) => 6,
        Base::IpAddress(_) => 7,
        Base::RegisteredId(_) => 8,
    }
}

/// Whether `name` lies in the subtree at `base`; `None` where that cannot be told.
fn within(name: &GeneralName, base: &Base) -> Option<bool> {
    match (name, base) {
        (GeneralName::Dns(name), Base::DnsName(base)) => Some(dns_within(name, base.as_str())),
        (GeneralName::Ip(ip), Base::IpAddress(base)) => ip_within(*ip, base.as_bytes()),
        (GeneralName::Email(name), Base::Rfc822Name(base)) => {
            Some(mailbox_within(name, base.as_str()))
        }
        (GeneralName::Uri(uri), Base::UniformResourceIdentifier(base)) => {
            uri_host(uri).map(|host| host_within(host, base.as_str()))
        }
        (GeneralName::Directory(name), Base::DirectoryName(base)) => {
            let base = Distinguished::from_rdns(base.as_ref());
            Some(Distinguished::of(name).is_within(&base))
        }
        _ => None,
    }
}

/// The base itself or anything with labels added on the left; a wildcard stands for its whole
/// subtree.
fn dns_within(name: &str, base: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name).to_ascii_lowercase();
    let base = base.strip_prefix('.').unwrap_or(base).to_ascii_lowercase();
    base.is_empty() || name == base || name.ends_with(&format!(".{base}"))
}

/// As [`dns_within`]; of a wildcard, whether any host that it stands for is.
fn dns_touches(name: &str, base: &str) -> bool {
    let parent = name.strip_prefix("*.").map(str::to_ascii_lowercase);
    let base_lower = base.to_ascii_lowercase();
    let one_above = base_lower.strip_prefix('.').unwrap_or(&base_lower).split_once('.');
    dns_within(name, base)
        || parent.is_some_and(|parent| one_above.is_some_and(|(_, above)| above == parent))
}

/// With a leading dot: any host below; without: that host alone (URIs and mailboxes).
fn host_within(host: &str, base: &str) -> bool {
    let (host, base) = (host.to_ascii_lowercase(), base.to_ascii_lowercase());
    if base.starts_with('.') {
        host.ends_with(&base) && host.len() > base.len()
    } else {
        host == base
    }
}

fn mailbox_within(mailbox: &str, base: &str) -> bool {
    let Some((local, host)) = mailbox.rsplit_once('@') else { return false };
    match base.rsplit_once('@') {
        Some((base_local, base_host)) => {
            local == base_local && host.eq_ignore_ascii_case(base_host)
        }
        None => host_within(host, base),
    }
}

fn uri_host(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.starts_with('[') {
        return None;
    }
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    (!host.is_empty() && host.parse::<IpAddr>().is_err()).then_some(host)
}

/// `base` is a network and a mask, which must be a prefix's.
fn ip_within(ip: IpAddr, base: &[u8]) -> Option<bool> {
    let octets = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let (network, mask) = match base.len() {
        8 => base.split_at(4),
        32 => base.split_at(16),
        _ => return None,
    };
    let mut ones = mask.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    if ones.by_ref().skip_while(|one| *one == 1).any(|one| one == 1) {
        return None;
    }
    let masked = |bytes: &[u8]| -> Vec<u8> {
        bytes.iter().zip(mask).map(|(byte, mask)| byte & mask).collect()
    };
    Some(network.len() == octets.len() && masked(&octets) == masked(network))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtrees_of_names() {
        assert!(dns_within("a.example.com", "example.com"));
        assert!(dns_within("*.example.com", "example.com"));
        assert!(!dns_within("badexample.com", "example.com"));
        assert!(host_within("a.example.com", ".example.com"));
        assert!(!host_within("example.com", ".example.com"));
        assert!(mailbox_within("x@example.com", "example.com"));
        assert!(!mailbox_within("x@a.example.com", "example.com"));
        assert_eq!(uri_host("https://u@h.example:1/x"), Some("h.example"));
        assert_eq!(ip_within([10, 1, 2, 3].into(), &[10, 0, 0, 0, 255, 0, 0, 0]), Some(true));
        assert_eq!(ip_within([11, 1, 2, 3].into(), &[10, 0, 0, 0, 255, 0, 0, 0]), Some(false));
        assert_eq!(ip_within([11, 1, 2, 3].into(), &[10, 0, 0]), None);
        assert_eq!(ip_within([10, 1, 2, 3].into(), &[10, 0, 0, 0, 255, 0, 255, 0]), None);
        assert_eq!(ip_within([10, 1, 2, 3].into(), &[0; 32]), Some(false));
        assert_eq!(uri_host("https://[::1]/"), None);
        assert!(dns_touches("*.example.com", "a.example.com"));
        assert!(dns_touches("*.a.example.com", "example.com"));
        assert!(!dns_touches("*.example.com", "a.b.example.com"));
    }
}
