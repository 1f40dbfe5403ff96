//! Proxies: HTTP CONNECT (RFC 9110 section 9.3.6) and SOCKS 5 (RFC 1928, RFC 1929).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::plain::{Plain, Talk};
use crate::{FetchError, Place, Stage};

/// A proxy: `http://[USER:PASSWORD@]HOST:PORT` or `socks5://…`.
///
/// The proxy looks up the server's name, also for `socks5`: what is asked must be what a client
/// behind this proxy gets.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    host: String,
    port: u16,
    login: Option<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http,
    Socks5,
}

/// The text names no proxy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a proxy; write http://HOST:PORT or socks5://HOST:PORT")]
pub struct BadProxy(String);

/// Without the password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.kind == Kind::Http { "http" } else { "socks5" };
        write!(f, "{scheme}://{}", self.place())
    }
}

impl FromStr for Proxy {
    type Err = BadProxy;

    fn from_str(text: &str) -> Result<Self, BadProxy> {
        // The text may hold a password.
        let shown = text.rsplit('@').next().unwrap_or_default();
        let bad = || BadProxy(shown.to_owned());
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (kind, usual) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Kind::Http, 8080),
            "socks5" | "socks5h" | "socks" => (Kind::Socks5, 1080),
            _ => return Err(bad()),
        };
        let authority = rest.split('/').next().unwrap_or_default();
        let (login, address) = match authority.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, authority),
        };
        let place = address
            .parse::<Place>()
            .or_else(|_| format!("{address}:{usual}").parse())
            .map_err(|_| bad())?;
        let login = login.map(|login| {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            (percent_decoded(user), percent_decoded(password))
        });
        Ok(Self { kind, host: place.host, port: place.port, login })
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Proxy {
    /// The proxy for `place` by the customary variables: `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`,
    /// also in small letters.
    pub fn of_environment(
        place: &Place,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, BadProxy> {
        let first = |names: [&str; 2]| names.into_iter().find_map(&variable);
        let none = first(["no_proxy", "NO_PROXY"]).unwrap_or_default();
        if none.split(',').any(|pattern| exempts(pattern.trim(), &place.host)) {
            return Ok(None);
        }
        let found =
            first(["https_proxy", "HTTPS_PROXY"]).or_else(|| first(["all_proxy", "ALL_PROXY"]));
        found.filter(|text| !text.is_empty()).map(|text| text.parse()).transpose()
    }

    pub(crate) fn place(&self) -> Place {
        let protocol = crate::Protocol::Tls;
        Place { host: self.host.clone(), port: self.port, protocol }
    }

    /// Has the way to `place` opened.
    pub(crate) async fn open(&self, plain: &mut Plain, place: &Place) -> Result<(), FetchError> {
        let done = match self.kind {
            Kind::Http => self.connect(plain, place).await,
            Kind::Socks5 => self.socks(plain, place).await,
        };
        done.map_err(|talk| match talk {
            Talk::Io(source) => FetchError::Closed { stage: Stage::Proxy, source: Some(source) },
            Talk::Ended => FetchError::Closed { stage: Stage::Proxy, source: None },
            Talk::Said(said) | Talk::Foreign(said) => {
                FetchError::ProxyRefused { proxy: self.to_string(), said }
            }
        })
    }

    async fn connect(&self, plain: &mut Plain, place: &Place) -> Result<(), Talk> {
        let login = self.login.as_ref().map(|(user, password)| {
            let both = BASE64_STANDARD.encode(format!("{user}:{password}"));
            format!("Proxy-Authorization: Basic {both}\r\n")
        });
        let login = login.unwrap_or_default();
        let request = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{login}\r\n");
        plain.send(request.as_bytes()).await?;
        let status = plain.line().await?;
        while !plain.line().await?.is_empty() {}
        let code = status.split_whitespace().nth(1).unwrap_or_default();
        if code.starts_with('2') { Ok(()) } else { Err(Talk::Said(status)) }
    }

    async fn socks(&self, plain: &mut Plain, place: &Place) -> Result<(), Talk> {
        let methods: &[u8] = if self.login.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
        plain.send(methods).await?;
        match plain.exactly::<2>().await? {
            [5, 0] => {}
            [5, 2] => self.log_in(plain).await?,
            [5, _] => return Err(Talk::Said("it wants another way to log in".into())),
            other => return Err(Talk::Said(format!("this is not SOCKS 5: {other:02x?}"))),
        }
        let mut request = vec![5, 1, 0];
        match place.address() {
            Some(std::net::IpAddr::V4(address)) => {
                request.push(1);
                request.extend(address.octets());
            }
            Some(std::net::IpAddr::V6(address)) => {
                request.push(4);
                request.extend(address.octets());
            }
            None => {
                request.push(3);
                request.extend(counted(&place.host)?);
            }
        }
        request.extend(place.port.to_be_bytes());
        plain.send(&request).await?;
        let [_, status, _, kind] = plain.exactly::<4>().await?;
        if status != 0 {
            return Err(Talk::Said(socks_refusal(status).to_owned()));
        }
        let rest = match kind {
            1 => 4,
            4 => 16,
            _ => usize::from(plain.exactly::<1>().await?[0]),
        };
        plain.bytes(rest + 2).await.map(drop)
    }

    async fn log_in(&self, plain: &mut Plain) -> Result<(), Talk> {
        let (user, password) = self.login.clone().unwrap_or_default();
        let request = [vec![1], counted(&user)?, counted(&password)?].concat();
        plain.send(&request).await?;
        match plain.exactly::<2>().await? {
            [_, 0] => Ok(()),
            _ => Err(Talk::Said("the name or the password is wrong".into())),
        }
    }
}

/// Bytes behind their count.
fn counted(text: &str) -> Result<Vec<u8>, Talk> {
    let count = u8::try_from(text.len());
    let count = count.map_err(|_| Talk::Said("a name is longer than SOCKS can carry".into()))?;
    Ok([&[count], text.as_bytes()].concat())
}

const fn socks_refusal(status: u8) -> &'static str {
    match status {
        2 => "its rules forbid it",
        3 => "the network cannot be reached",
        4 => "the host cannot be reached",
        5 => "the connection was refused",
        6 => "it took too long",
        7 => "it does not make connections",
        8 => "it does not know this kind of address",
        _ => "it failed",
    }
}

fn exempts(pattern: &str, host: &str) -> bool {
    let pattern = pattern.trim_start_matches('.').to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    pattern == "*"
        || (!pattern.is_empty()
            && (host == pattern
                || host.strip_suffix(&pattern).is_some_and(|rest| rest.ends_with('.'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_come_from_the_environment_unless_exempted() {
        let of = |host: &str, pairs: &[(&str, &str)]| {
            let place = format!("{host}:443").parse().unwrap();
            let found = Proxy::of_environment(&place, |name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            });
            found.unwrap().map(|proxy| proxy.to_string())
        };
        let proxy = ("HTTPS_PROXY", "http://me:se%40cret@gate:3128/");
        assert_eq!(of("a.example", &[proxy]).unwrap(), "http://gate:3128");
        assert_eq!(of("a.corp.example", &[proxy, ("NO_PROXY", "x, .corp.example")]), None);
        assert_eq!(
            of("acorp.example", &[proxy, ("no_proxy", "corp.example")]).unwrap(),
            "http://gate:3128"
        );
        assert_eq!(of("a", &[("all_proxy", "socks5h://gate")]).unwrap(), "socks5://gate:1080");
        assert_eq!(of("a", &[]), None);
    }

    #[test]
    fn a_password_is_read_and_never_shown() {
        let proxy: Proxy = "http://me:se%40cret@gate:3128".parse().unwrap();
        assert_eq!(proxy.login, Some(("me".into(), "se@cret".into())));
        assert!(!format!("{proxy} {proxy:?}").contains("cret"));
        let error = "ftp://me:secret@gate:1".parse::<Proxy>().unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
