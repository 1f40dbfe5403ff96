//! Which names a profile certifies.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use skink_model::ProfileName;
use skink_x509::GeneralName;

use super::{ProfileError, defaults};

/// Rules for each kind of name. An empty list allows no name of that kind; `*` allows all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameRules {
    /// `web.example` (that host), `.example` (every host below), `*`.
    #[serde(default)]
    pub dns: Vec<String>,
    /// `10.0.0.1`, `10.0.0.0/8`, `*`.
    #[serde(default)]
    pub ip: Vec<String>,
    /// Beginnings: `spiffe://example/`, `*`.
    #[serde(default)]
    pub uri: Vec<String>,
    /// `person@example`, `@example`, `*`.
    #[serde(default)]
    pub email: Vec<String>,
    /// Whether names like `*.example` are certified.
    #[serde(default)]
    pub wildcards: bool,
    /// Whether at least one name is needed.
    #[serde(default = "defaults::yes")]
    pub required: bool,
}

impl Default for NameRules {
    fn default() -> Self {
        Self {
            dns: Vec::new(),
            ip: Vec::new(),
            uri: Vec::new(),
            email: Vec::new(),
            wildcards: false,
            required: true,
        }
    }
}

impl NameRules {
    /// Every DNS, IP and URI name, no wildcards.
    pub fn any() -> Self {
        let all = || vec!["*".to_owned()];
        Self { dns: all(), ip: all(), uri: all(), ..Self::default() }
    }

    /// Whether `name` is well formed and allowed.
    pub fn allow(&self, name: &GeneralName) -> bool {
        match name {
            GeneralName::Dns(host) => self.allow_dns(host),
            GeneralName::Ip(ip) => self.ip.iter().any(|rule| network_holds(rule, *ip)),
            GeneralName::Uri(uri) => {
                let shaped = uri.contains(':') && uri.bytes().all(|b| b.is_ascii_graphic());
                shaped && self.uri.iter().any(|rule| rule == "*" || uri.starts_with(rule))
            }
            GeneralName::Email(mailbox) => self.allow_email(mailbox),
            _ => false,
        }
    }

    fn allow_dns(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let plain = match host.strip_prefix("*.") {
            Some(rest) if self.wildcards && rest.contains('.') => rest,
            Some(_) => return false,
            None => &host,
        };
        let fits = |rule: &String| {
            let rule = rule.to_ascii_lowercase();
            rule == "*" || rule == host || (rule.starts_with('.') && host.ends_with(&rule))
        };
        is_host_name(plain) && self.dns.iter().any(fits)
    }

    fn allow_email(&self, mailbox: &str) -> bool {
        let Some((person, host)) = mailbox.rsplit_once('@') else { return false };
        let shaped = !person.is_empty()
            && person.bytes().all(|b| b.is_ascii_graphic() && b != b'@')
            && is_host_name(&host.to_ascii_lowercase());
        let at_host = format!("@{host}");
        let fits =
            |rule: &String| rule == "*" || rule == mailbox || rule.eq_ignore_ascii_case(&at_host);
        shaped && self.email.iter().any(fits)
    }

    pub(super) fn check(&self, profile: &ProfileName) -> Result<(), ProfileError> {
        let bad = |kind, rule: &str| {
            let (profile, rule) = (profile.clone(), rule.to_owned());
            Err(ProfileError::NameRule { profile, kind, rule })
        };
        for rule in &self.dns {
            let host = rule.strip_prefix('.').unwrap_or(rule).to_ascii_lowercase();
            if rule != "*" && !is_host_name(&host) {
                return bad("DNS", rule);
            }
        }
        for rule in &self.ip {
            if rule != "*" && network(rule).is_none() {
                return bad("IP", rule);
            }
        }
        for (kind, rules, mark) in [("URI", &self.uri, ':'), ("e-mail", &self.email, '@')] {
            if let Some(rule) = rules.iter().find(|rule| *rule != "*" && !rule.contains(mark)) {
                return bad(kind, rule);
            }
        }
        Ok(())
    }
}

/// Letters, digits, hyphens and underscores in labels of at most 63, 253 in all.
fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(label)
}

fn network(rule: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = match rule.split_once('/') {
        Some((address, length)) => (address.parse().ok()?, Some(length.parse().ok()?)),
        None => (rule.parse().ok()?, None),
    };
    let whole = match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    let length: u32 = length.unwrap_or(whole);
    (length <= whole).then_some((address, length))
}

fn network_holds(rule: &str, ip: IpAddr) -> bool {
    if rule == "*" {
        return true;
    }
    let differs =
        |a: u128, b: u128, host_bits: u32| (a ^ b).checked_shr(host_bits).unwrap_or(0) != 0;
    match (network(rule), ip) {
        (Some((IpAddr::V4(net), length)), IpAddr::V4(ip)) => {
            !differs(u32::from(net).into(), u32::from(ip).into(), 32 - length)
        }
        (Some((IpAddr::V6(net), length)), IpAddr::V6(ip)) => {
            !differs(net.into(), ip.into(), 128 - length)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_allowed_by_rule() {
        let rules: NameRules = toml::from_str(
            "dns = [\"web.example\", \".svc.example\"]\nip = [\"10.0.0.0/8\", \"fd00::/8\"]\n\
             uri = [\"spiffe://example/\"]\nemail = [\"@example\"]\nwildcards = true",
        )
        .unwrap();
        let dns = |host: &str| rules.allow(&GeneralName::Dns(host.to_owned()));
        assert!(dns("web.example") && dns("WEB.example") && dns("a.b.svc.example"));
        assert!(dns("*.svc.example"));
        for bad in ["", "svc.example", "evilsvc.example", "web.example.", "*.web.example", "*"] {
            assert!(!dns(bad), "{bad}");
        }
        for bad in ["a b.svc.example", "-a.svc.example", "*.*.svc.example", "a..svc.example"] {
            assert!(!dns(bad), "{bad}");
        }
        let ip = |ip: &str| rules.allow(&GeneralName::Ip(ip.parse().unwrap()));
        assert!(ip("10.9.8.7") && ip("fd12::1") && !ip("11.0.0.1") && !ip("fe80::1"));
        let uri = |uri: &str| rules.allow(&GeneralName::Uri(uri.to_owned()));
        assert!(uri("spiffe://example/a") && !uri("spiffe://example.evil/a") && !uri("a"));
        let email = |who: &str| rules.allow(&GeneralName::Email(who.to_owned()));
        assert!(email("ada@example") && !email("ada@other") && !email("@example"));
    }

    #[test]
    fn any_allows_hosts_but_no_wildcards_and_no_mailboxes() {
        let rules = NameRules::any();
        assert!(rules.allow(&GeneralName::Dns("localhost".into())));
        assert!(rules.allow(&GeneralName::Ip("::1".parse().unwrap())));
        assert!(!rules.allow(&GeneralName::Dns("*.example".into())));
        assert!(!rules.allow(&GeneralName::Email("a@example".into())));
        assert!(!NameRules::default().allow(&GeneralName::Dns("localhost".into())));
    }
}
