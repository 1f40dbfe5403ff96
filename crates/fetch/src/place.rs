//! Which server is asked, and how.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use rustls::pki_types::ServerName;

use crate::{FetchError, Identity, Protocol, Proxy};

/// A server: `HOST:PORT`, `[::1]:443`, `https://HOST/…`, `smtp://HOST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What is spoken before TLS; [`Protocol::Tls`] is nothing.
    pub protocol: Protocol,
}

/// The text names no server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a server: {what}")]
pub struct BadPlace {
    text: String,
    what: &'static str,
}

/// Which addresses count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Whatever the resolver gives, in its order.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// The name that the server is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sni {
    /// The host's name; none where the host is an address.
    #[default]
    Host,
    /// Another name.
    Name(String),
    /// None.
    None,
}

/// How a server is asked.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name that is asked for.
    pub sni: Sni,
    /// Which addresses count.
    pub family: Family,
    /// How long one connection may take in all.
    pub timeout: Duration,
    /// The proxy on the way.
    pub proxy: Option<Proxy>,
    /// What to send when the server asks for a certificate.
    pub identity: Option<Identity>,
    /// Application protocols to offer; none leaves ALPN out.
    pub alpn: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sni: Sni::Host,
            family: Family::Any,
            timeout: Duration::from_secs(10),
            proxy: None,
            identity: None,
            alpn: Vec::new(),
        }
    }
}

impl Place {
    /// The same server by another protocol.
    pub fn speaking(self, protocol: Protocol) -> Self {
        Self { protocol, ..self }
    }

    /// The host as an address, when it is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The server name to send, by the choice of `sni`.
    pub(crate) fn server_name(&self, sni: &Sni) -> Result<Option<String>, FetchError> {
        let name = match sni {
            Sni::None => return Ok(None),
            Sni::Host if self.address().is_some() => return Ok(None),
            Sni::Host => self.host.trim_end_matches('.'),
            Sni::Name(name) => name,
        };
        match ServerName::try_from(name) {
            Ok(ServerName::DnsName(_)) => Ok(Some(name.to_owned())),
            _ => Err(FetchError::ServerName(name.to_owned())),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Place {
    type Err = BadPlace;

    fn from_str(text: &str) -> Result<Self, BadPlace> {
        // The text may hold a password.
        let shown = match text.rsplit_once('@') {
            Some((_, after)) => after,
            None => text,
        };
        let bad = |what| BadPlace { text: shown.to_owned(), what };
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, text),
        };
        let (protocol, usual) = match scheme {
            None => (None, None),
            Some(scheme) => {
                let known = Protocol::of_scheme(scheme);
                known.map(|(a, b)| (Some(a), Some(b))).ok_or_else(|| bad("no such scheme"))?
            }
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let (host, port) = split(authority).ok_or_else(|| bad("write HOST:PORT"))?;
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(bad("write HOST:PORT"));
        }
        let port = match port {
            Some(port) => port.parse().map_err(|_| bad("the port is a number up to 65535"))?,
            None => usual.ok_or_else(|| bad("a port is missing, as in HOST:443"))?,
        };
        if port == 0 {
            return Err(bad("nothing listens on port 0"));
        }
        let protocol = protocol.unwrap_or_else(|| Protocol::of_port(port));
        Ok(Self { host: host.to_owned(), port, protocol })
    }
}

/// Host and port; an IPv6 address stands in brackets, or alone.
fn split(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None if after.is_empty() => Some((host, None)),
            None => None,
        };
    }
    match authority.matches(':').count() {
        0 => Some((authority, None)),
        1 => authority.split_once(':').map(|(host, port)| (host, Some(port))),
        _ => authority.parse::<Ipv6Addr>().ok().map(|_| (authority, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> (String, u16, Protocol) {
        let place: Place = text.parse().unwrap();
        (place.host, place.port, place.protocol)
    }

    #[test]
    fn servers_are_written_in_many_ways() {
        assert_eq!(place("web.example:8443"), ("web.example".into(), 8443, Protocol::Tls));
        assert_eq!(place("[::1]:443"), ("::1".into(), 443, Protocol::Tls));
        assert_eq!(place("https://web.example/a?b"), ("web.example".into(), 443, Protocol::Tls));
        assert_eq!(place("https://[2001:db8::1]"), ("2001:db8::1".into(), 443, Protocol::Tls));
        assert_eq!(place("smtp://mx.example"), ("mx.example".into(), 25, Protocol::Smtp));
        assert_eq!(place("mx.example:587"), ("mx.example".into(), 587, Protocol::Smtp));
        assert_eq!(place("postgres://me@db:6432/x"), ("db".into(), 6432, Protocol::Postgres));
        for bad in ["", "web.example", ":443", "web:0", "web:70000", "gopher://x", "[::1", "a b:1"]
        {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
        let error = "gopher://me:pw@db:1".parse::<Place>().unwrap_err().to_string();
        assert!(error.contains("db:1") && !error.contains("pw"), "{error}");
    }

    #[test]
    fn an_address_is_not_sent_as_a_name() {
        let name = |text: &str, sni| text.parse::<Place>().unwrap().server_name(&sni).unwrap();
        assert_eq!(name("127.0.0.1:1", Sni::Host), None);
        assert_eq!(name("127.0.0.1:1", Sni::Name("a.test".into())), Some("a.test".into()));
        assert_eq!(name("a.test.:1", Sni::Host), Some("a.test".into()));
        assert_eq!(name("a.test:1", Sni::None), None);
    }
}
