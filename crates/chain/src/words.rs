//! The words of the command line and of jobs for the engine's options.

use std::net::IpAddr;

use skink_path::{PeerName, Profile, Purpose, Revocation};

/// A word that means nothing here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {word:?} is not known; known are {known}")]
pub struct UnknownWord {
    what: &'static str,
    word: String,
    known: &'static str,
}

const fn unknown(what: &'static str, known: &'static str) -> impl FnOnce(&str) -> UnknownWord {
    move |word| UnknownWord { what, word: word.to_owned(), known }
}

/// A purpose by its word.
pub fn purpose(word: &str) -> Result<Purpose, UnknownWord> {
    Ok(match word {
        "server" => Purpose::Server,
        "client" => Purpose::Client,
        "any" => Purpose::Any,
        "email" | "email-protection" => Purpose::EmailProtection,
        "code" | "code-signing" => Purpose::CodeSigning,
        "time" | "time-stamping" | "timestamping" => Purpose::TimeStamping,
        "ocsp" | "ocsp-signing" => Purpose::OcspSigning,
        other => {
            let known = "server, client, any, email, code-signing, time-stamping, ocsp-signing";
            return Err(unknown("the purpose", known)(other));
        }
    })
}

/// A profile by its word.
pub fn profile(word: &str) -> Result<Profile, UnknownWord> {
    match word {
        "rfc5280" => Ok(Profile::Rfc5280),
        "webpki" => Ok(Profile::Webpki),
        other => Err(unknown("the profile", "rfc5280, webpki")(other)),
    }
}

/// Whose revocation is looked at, by its word.
pub fn revocation(word: &str) -> Result<Revocation, UnknownWord> {
    match word {
        "off" => Ok(Revocation::Off),
        "leaf" => Ok(Revocation::Leaf),
        "chain" => Ok(Revocation::Chain),
        other => Err(unknown("the scope of revocation", "off, leaf, chain")(other)),
    }
}

/// A name of this kind: `dns`, `ip`, `email`, `uri` or `none`.
pub fn name(kind: &str, value: &str) -> Result<PeerName, UnknownWord> {
    Ok(match kind {
        "none" => PeerName::None,
        "dns" => PeerName::Dns(value.to_owned()),
        "email" => PeerName::Email(value.to_owned()),
        "uri" => PeerName::Uri(value.to_owned()),
        "ip" => {
            let bare = value.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
            let address = bare.unwrap_or(value).parse::<IpAddr>();
            let bad = |_| unknown("the address", "IPv4 and IPv6 addresses")(value);
            PeerName::Ip(address.map_err(bad)?)
        }
        other => return Err(unknown("the kind of name", "dns, ip, email, uri, none")(other)),
    })
}

/// A host: an address where it reads as one, a DNS name otherwise.
pub fn host(value: &str) -> PeerName {
    name("ip", value).unwrap_or_else(|_| PeerName::Dns(value.to_owned()))
}
