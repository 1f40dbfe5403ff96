//! What a server presented, for people and for programs.

use std::fmt;

use serde::Serialize;
use skink_fetch::{ClientAuth, Handshake, Place, Presented};
use skink_x509::{Certificate, Name};

use crate::table::Facts;
use crate::when;

#[derive(Serialize)]
pub(crate) struct Fetched {
    server: String,
    peer: String,
    server_name: Option<String>,
    version: String,
    cipher: String,
    group: Option<String>,
    alpn: Option<String>,
    handshake: Handshake,
    /// `not_asked`, `asked` or `required`.
    client_certificate: &'static str,
    client_authorities: Vec<String>,
    /// Base64 of the DER.
    stapled: Option<String>,
    chain: Vec<Link>,
}

#[derive(Serialize)]
struct Link {
    subject: String,
    issuer: String,
    not_after: String,
    sha256: String,
    pem: String,
    /// Why it could not be read, if so; the other texts are empty then.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
}

impl Link {
    fn new(der: &[u8]) -> Self {
        let pem = pem_of(der);
        match Certificate::from_der_lenient(der) {
            Ok((certificate, _)) => Self {
                subject: certificate.subject().to_string(),
                issuer: certificate.issuer().to_string(),
                not_after: when::show(certificate.not_after().as_millis()),
                sha256: certificate.fingerprint().to_string(),
                pem,
                unreadable: None,
            },
            Err(error) => Self {
                subject: String::new(),
                issuer: String::new(),
                not_after: String::new(),
                sha256: skink_x509::Fingerprint::of(der).to_string(),
                pem,
                unreadable: Some(error.to_string()),
            },
        }
    }
}

impl Fetched {
    pub(crate) fn new(place: &Place, presented: &Presented) -> Self {
        let (client_certificate, authorities) = match &presented.client_auth {
            ClientAuth::NotAsked => ("not_asked", &[][..]),
            ClientAuth::Asked { authorities } => ("asked", &authorities[..]),
            ClientAuth::Required { authorities } => ("required", &authorities[..]),
        };
        let name = |der: &Vec<u8>| {
            Name::from_der(der).map_or_else(|_| "unreadable".to_owned(), |name| name.to_string())
        };
        Self {
            server: place.to_string(),
            peer: presented.peer.to_string(),
            server_name: presented.server_name.clone(),
            version: presented.version.clone(),
            cipher: presented.cipher.clone(),
            group: presented.group.clone(),
            alpn: presented.alpn.clone(),
            handshake: presented.handshake.clone(),
            client_certificate,
            client_authorities: authorities.iter().map(name).collect(),
            stapled: presented.stapled.as_ref().map(|der| base64(der)),
            chain: presented.chain.iter().map(|der| Link::new(der)).collect(),
        }
    }

    fn clients(&self) -> String {
        let of = match self.client_authorities.len() {
            0 => String::new(),
            _ => format!(", issued by {}", self.client_authorities.join(" or ")),
        };
        match self.client_certificate {
            "asked" if matches!(self.handshake, Handshake::Read { .. }) => {
                format!("asked for a certificate{of}; whether it insists was not seen")
            }
            "asked" => format!("asked for a certificate{of}; let in without one"),
            "required" => format!("turned away without a certificate{of}"),
            _ => "not asked for certificates".to_owned(),
        }
    }
}

impl fmt::Display for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.group.as_ref().map(|group| format!(" over {group}"));
        let handshake = match &self.handshake {
            Handshake::Completed => None,
            Handshake::Refused { because } => Some(format!("not finished: {because}")),
            Handshake::Read { because } => Some(format!("read only: {because}")),
        };
        let stapled = if self.stapled.is_some() { "an OCSP response" } else { "nothing" };
        let facts = Facts::default()
            .fact("server", format!("{} ({})", self.server, self.peer))
            .fact("name asked", self.server_name.as_deref().unwrap_or("none"))
            .fact(
                "spoken",
                format!("{}, {}{}", self.version, self.cipher, group.unwrap_or_default()),
            )
            .maybe("protocol", self.alpn.as_ref())
            .maybe("handshake", handshake)
            .fact("stapled", stapled)
            .fact("clients", self.clients());
        write!(f, "{facts}")?;
        if self.chain.is_empty() {
            writeln!(f, "\nno certificates")?;
        }
        for (index, link) in self.chain.iter().enumerate() {
            if let Some(why) = &link.unreadable {
                writeln!(f, "\n{index}  unreadable: {why}")?;
                continue;
            }
            writeln!(f, "\n{index}  {}", link.subject)?;
            writeln!(f, "   issued by {}", link.issuer)?;
            writeln!(f, "   until {}", link.not_after)?;
        }
        Ok(())
    }
}

/// The certificates as they came.
pub(crate) fn pem(chain: &[Vec<u8>]) -> String {
    chain.iter().map(|der| pem_of(der)).collect()
}

fn pem_of(der: &[u8]) -> String {
    let text = base64(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem + "-----END CERTIFICATE-----\n"
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_has_lines_of_64() {
        let text = pem_of(&[0xff; 49]);
        let lines: Vec<_> = text.lines().map(str::len).collect();
        assert_eq!(lines, [27, 64, 4, 25]);
    }
}
