//! Name constraints (RFC 5280 §4.2.1.10).

use std::net::IpAddr;

use der::{Decode as _, Encode as _};
use skink_x509::{Certificate, GeneralName, Name, ObjectIdentifier, oid};
use x509_cert::ext::pkix::NameConstraints;
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
use x509_cert::ext::pkix::name::GeneralName as Base;

use crate::distinguished::{Canonical, is_self_issued};
use crate::finding::{Code, Finding};
use crate::form::{is_host, is_mailbox_base};
use crate::work::{COMPARISONS, Spent, Work};
use crate::{Formalities, Options, Profile};

/// The mailbox in a subject (PKCS #9), deprecated and still met.
const EMAIL_ADDRESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1");

/// Findings on the names of the end entity and of the authorities `between`, under the
/// constraints of `issuer`.
pub(crate) fn judge(
    issuer: &Certificate,
    leaf: &Certificate,
    between: &[Certificate],
    options: &Options<'_>,
    work: &mut Work,
    findings: &mut Vec<Finding>,
) -> Result<(), Spent> {
    let Some(extension) = issuer.extension(oid::NAME_CONSTRAINTS) else { return Ok(()) };
    let constraints = match read(&extension.value, options.formalities) {
        Ok(constraints) => constraints,
        Err(message) => {
            findings.push(Finding::error(Code::UnreadableConstraint, issuer, message.to_owned()));
            return Ok(());
        }
    };
    let permitted = constraints.permitted_subtrees.unwrap_or_default();
    let excluded = constraints.excluded_subtrees.unwrap_or_default();
    // Self-issued authorities are exempt, an end entity never is (§6.1.3 (b)).
    let others = between.iter().filter(|certificate| !is_self_issued(certificate));
    for certificate in std::iter::once(leaf).chain(others) {
        let mut names = names_of(certificate);
        if options.profile == Profile::Rfc5280 && certificate == leaf {
            names.extend(hosts_in_subject(leaf));
        }
        for name in names {
            work.steps((permitted.len() + excluded.len()).div_ceil(COMPARISONS))?;
            if let Some(message) = broken(&name, &permitted, &excluded) {
                let finding = Finding::error(Code::NameConstraint, certificate, message);
                let allowed = format_args!("names that {} may give", issuer.subject());
                findings.push(finding.with(allowed, name));
            }
        }
    }
    Ok(())
}

/// The constraints, or what keeps them from being judged.
fn read(value: &[u8], formalities: Formalities) -> Result<NameConstraints, &'static str> {
    let constraints =
        NameConstraints::from_der(value).map_err(|_| "its name constraints cannot be read")?;
    let (permitted, excluded) = (&constraints.permitted_subtrees, &constraints.excluded_subtrees);
    if permitted.is_none() && excluded.is_none() {
        return Err("its name constraints constrain nothing");
    }
    // What an empty list means is clear; it breaks the syntax, and no more.
    let formal = formalities == Formalities::Refuse;
    if formal && permitted.iter().chain(excluded).any(Vec::is_empty) {
        return Err("its name constraints hold an empty list of subtrees");
    }
    for subtree in permitted.iter().chain(excluded).flatten() {
        if subtree.minimum != 0 || subtree.maximum.is_some() {
            return Err("its name constraints have distances, which this profile does not");
        }
        let sound = match &subtree.base {
            Base::DnsName(base) => is_dns_base(base.as_str(), formalities),
            Base::IpAddress(base) => is_network(base.as_bytes()),
            Base::Rfc822Name(base) => is_mailbox_base(base.as_str()),
            _ => true,
        };
        if !sound {
            return Err("its name constraints hold a malformed name");
        }
    }
    Ok(constraints)
}

/// A host name without wildcard; empty for every name. A leading period is not allowed and often
/// met: it leaves the host itself out.
fn is_dns_base(base: &str, formalities: Formalities) -> bool {
    let base = match formalities {
        Formalities::Warn => base.strip_prefix('.').unwrap_or(base),
        Formalities::Refuse => base,
    };
    let label = |label: &str| !label.is_empty() && label != "*";
    base.is_empty() || base.split('.').all(label)
}

/// An address and a mask whose ones stand in front.
fn is_network(bytes: &[u8]) -> bool {
    let mask = &bytes[bytes.len() / 2..];
    let ones: u32 = mask.iter().map(|byte| byte.leading_ones()).sum();
    let set: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
    let front = mask.iter().position(|byte| *byte != 0xff).unwrap_or(mask.len());
    let rest_is_zero = mask.iter().skip(front + 1).all(|byte| *byte == 0);
    matches!(bytes.len(), 8 | 32) && ones == set && rest_is_zero
}

/// The alternative names, the subject, and the mailboxes in the subject: where there are others, too,
/// since software of old takes the first that it finds.
fn names_of(certificate: &Certificate) -> Vec<GeneralName> {
    let mut names = certificate.subject_alt_names().to_vec();
    let subject = certificate.subject();
    let mailboxes = subject.attributes().into_iter().filter(|(kind, _)| *kind == EMAIL_ADDRESS);
    // What is no text cannot be judged, and so neither lies inside nor outside.
    let strange = || GeneralName::Other { tag: 1, der: Vec::new() };
    names.extend(mailboxes.map(|(_, text)| text.map_or_else(strange, GeneralName::Email)));
    if !subject.is_empty() {
        names.push(GeneralName::Directory(subject.clone()));
    }
    names
}

/// Hosts among the common names, which count where there are no alternative names.
fn hosts_in_subject(leaf: &Certificate) -> Vec<GeneralName> {
    if leaf.dns_names().next().is_some() {
        return Vec::new();
    }
    let names =
        leaf.subject().attributes().into_iter().filter(|(kind, _)| *kind == oid::COMMON_NAME);
    names
        .filter_map(|(_, text)| text)
        .filter(|text| text.contains('.') && is_host(text))
        .map(GeneralName::Dns)
        .collect()
}

/// Why `name` is not within the constraints, if it is not.
fn broken(
    name: &GeneralName,
    permitted: &[GeneralSubtree],
    excluded: &[GeneralSubtree],
) -> Option<String> {
    let is_excluded = |base: &Base| {
        same_form(name, base) && (within(name, base) != Some(false) || may_stand_for(name, base))
    };
    if excluded.iter().any(|subtree| is_excluded(&subtree.base)) {
        return Some(format!("{name} is excluded by an authority above"));
    }
    let mut same = permitted.iter().filter(|subtree| same_form(name, &subtree.base)).peekable();
    if same.peek().is_some() && !same.any(|subtree| within(name, &subtree.base) == Some(true)) {
        return Some(format!("{name} is not among the names an authority above may give"));
    }
    None
}

/// Whether a wildcard covers a host that the subtree begins with: `*.a` names `b.a`, too.
fn may_stand_for(name: &GeneralName, base: &Base) -> bool {
    let (GeneralName::Dns(name), Base::DnsName(base)) = (name, base) else { return false };
    let base = base.as_str();
    match (name.strip_prefix("*."), base.strip_prefix('.').unwrap_or(base).split_once('.')) {
        (Some(parent), Some((_, rest))) => parent.eq_ignore_ascii_case(rest),
        _ => false,
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
            let base = Name::from_der(&base.to_der().ok()?).ok()?;
            Some(Canonical::of(name).is_within(&Canonical::of(&base)))
        }
        _ => None,
    }
}

/// The base itself or anything with labels added on the left; a wildcard stands for its whole
/// subtree.
fn dns_within(name: &str, base: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name).as_bytes();
    let Some(front) = ends_with(name, base) else { return false };
    front.is_empty() && !base.starts_with('.')
        || base.is_empty()
        || !front.is_empty() && (base.starts_with('.') || front.ends_with(b"."))
}

/// With a leading dot: any host below; without: that host alone (URIs and mailboxes).
fn host_within(host: &str, base: &str) -> bool {
    ends_with(host.as_bytes(), base).is_some_and(|front| front.is_empty() != base.starts_with('.'))
}

/// What stands in front of `end`, in whatever case, if `name` ends with it.
fn ends_with<'n>(name: &'n [u8], end: &str) -> Option<&'n [u8]> {
    let (front, back) = name.split_at(name.len().checked_sub(end.len())?);
    back.eq_ignore_ascii_case(end.as_bytes()).then_some(front)
}

fn mailbox_within(mailbox: &str, base: &str) -> bool {
    if base.is_empty() {
        return true;
    }
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

fn ip_within(ip: IpAddr, base: &[u8]) -> Option<bool> {
    let octets = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let (network, mask) = base.split_at_checked(base.len() / 2)?;
    if network.len() != mask.len() {
        return None;
    }
    Some(
        network.len() == octets.len() && {
            let masked = |bytes: &[u8]| -> Vec<u8> {
                bytes.iter().zip(mask).map(|(byte, mask)| byte & mask).collect()
            };
            masked(&octets) == masked(network)
        },
    )
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
        let formal = |base| is_dns_base(base, Formalities::Refuse);
        assert!(formal("") && formal("a.b") && !formal(".a") && !formal("*.a"));
        assert!(is_dns_base(".a", Formalities::Warn) && !is_dns_base("*.a", Formalities::Warn));
        assert!(dns_within("x.a", ".a") && !dns_within("a", ".a") && !dns_within("xa", ".a"));
        assert!(is_network(&[10, 0, 0, 0, 255, 0, 0, 0]) && is_network(&[0; 8]));
        assert!(!is_network(&[10, 0, 0, 0, 255, 0, 255, 0]) && !is_network(&[10, 0]));
        assert!(!mailbox_within("x@a.example.com", "example.com"));
        assert_eq!(uri_host("https://u@h.example:1/x"), Some("h.example"));
        assert_eq!(ip_within([10, 1, 2, 3].into(), &[10, 0, 0, 0, 255, 0, 0, 0]), Some(true));
        assert_eq!(ip_within([11, 1, 2, 3].into(), &[10, 0, 0, 0, 255, 0, 0, 0]), Some(false));
        assert_eq!(ip_within([11, 1, 2, 3].into(), &[10, 0, 0]), None);
    }
}
