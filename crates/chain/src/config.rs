//! The TLS section of a server's configuration, for files that are at hand.

mod apache;
mod caddy;
mod haproxy;
mod nginx;
mod postgres;

use serde::Serialize;

/// What it is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Software {
    /// nginx 1.19.4 and later.
    Nginx,
    /// Apache 2.4.8 and later.
    Apache,
    /// `HAProxy` 2.4 and later.
    Haproxy,
    /// Caddy 2.
    Caddy,
    /// `PostgreSQL` 12 and later.
    Postgres,
}

/// Files and wishes. Paths are those on the server.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Names of the server; the first one is its own.
    pub names: Vec<String>,
    /// The certificate with its intermediates behind it.
    pub fullchain: String,
    /// The private key.
    pub key: String,
    /// The certificates above the server's own, for checking stapled answers; nothing if there are
    /// none.
    pub chain: Option<String>,
    /// Roots whose clients are let in; nothing asks no client for a certificate.
    pub clients: Option<String>,
    /// CRLs about those clients.
    pub crl: Option<String>,
    /// Whether the certificate names an OCSP responder.
    pub staples: bool,
    /// The address of a resolver, by which nginx finds the responder.
    pub resolver: Option<String>,
    /// Where it listens.
    pub port: u16,
    /// Whether to speak only TLS 1.3.
    pub modern: bool,
}

/// A section, what must be done beside, and what to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    /// The section.
    pub text: String,
    /// Commands that prepare, check and load it, in order.
    pub commands: Vec<String>,
    /// What to know.
    pub notes: Vec<String>,
}

/// A path that cannot stand in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot stand in a configuration: it holds a quote, a backslash, a dollar or a line end"
)]
pub struct BadText(String);

impl Wanted {
    /// The section for `software`.
    pub fn section(&self, software: Software) -> Result<Section, BadText> {
        let paths = [Some(&self.fullchain), Some(&self.key), self.chain.as_ref()];
        let others = [self.clients.as_ref(), self.crl.as_ref(), self.resolver.as_ref()];
        let texts = paths.into_iter().chain(others).flatten().chain(&self.names);
        for text in texts {
            let special =
                |c: char| c.is_control() || matches!(c, '"' | '\'' | '\\' | '$' | '{' | '}');
            if text.contains(special) || text.is_empty() {
                return Err(BadText(text.clone()));
            }
        }
        if let Some(name) = self.names.iter().find(|name| name.contains([' ', ';', '#', '<', '>']))
        {
            return Err(BadText(name.clone()));
        }
        Ok(match software {
            Software::Nginx => nginx::section(self),
            Software::Apache => apache::section(self),
            Software::Haproxy => haproxy::section(self),
            Software::Caddy => caddy::section(self),
            Software::Postgres => postgres::section(self),
        })
    }

    fn name(&self) -> &str {
        self.names.first().map_or("_", String::as_str)
    }

    /// What to know whatever the software.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.staples {
            notes.push(
                "no stapling: the certificate names no OCSP responder, so there is nothing to staple"
                    .to_owned(),
            );
        }
        if self.clients.is_some() && self.crl.is_none() {
            notes.push(
                "clients are not checked for revocation: give --crl, and load it anew before its \
                 nextUpdate"
                    .to_owned(),
            );
        }
        notes
    }
}

/// Ciphers of TLS 1.2 with forward secrecy and authenticated encryption, in OpenSSL's words.
const CIPHERS: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
    ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
    ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

#[cfg(test)]
mod tests;
