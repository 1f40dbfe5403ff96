//! Why a server could not be looked at.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::{Alert, Protocol};

/// How far a connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Looking up the name.
    Resolve,
    /// Connecting over TCP.
    Connect,
    /// Asking the proxy for the way.
    Proxy,
    /// Asking for TLS in the words of the protocol.
    StartTls,
    /// The TLS handshake.
    Handshake,
}

impl Stage {
    const fn doing(self) -> &'static str {
        match self {
            Self::Resolve => "looking up the name",
            Self::Connect => "connecting",
            Self::Proxy => "asking the proxy",
            Self::StartTls => "asking for TLS",
            Self::Handshake => "the TLS handshake",
        }
    }
}

/// Why a server could not be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The name has no address, or none of the family that was asked for.
    #[error("{host} has no {what}")]
    NoAddress {
        /// The name.
        host: String,
        /// `address`, `IPv4 address`, `IPv6 address`.
        what: &'static str,
        /// What the resolver said.
        #[source]
        source: Option<io::Error>,
    },
    /// No address took the connection.
    #[error("{address} does not take connections")]
    Connect {
        /// The last address that was tried.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It took longer than allowed.
    #[error("no answer within {} s while {}", .limit.as_secs_f32(), .stage.doing())]
    Timeout {
        /// Where it stood.
        stage: Stage,
        /// How long was allowed.
        limit: Duration,
    },
    /// The proxy said no.
    #[error("the proxy {proxy} does not open the way: {said}")]
    ProxyRefused {
        /// The proxy.
        proxy: String,
        /// Its words.
        said: String,
    },
    /// The server does not offer TLS in this protocol.
    #[error("the server does not start TLS in {protocol}: {said}")]
    NoStartTls {
        /// The protocol.
        protocol: Protocol,
        /// Its words.
        said: String,
    },
    /// The server does not speak the protocol that was named.
    #[error("what answers does not speak {protocol}: {said:?}")]
    NotProtocol {
        /// The protocol.
        protocol: Protocol,
        /// How its answer begins.
        said: String,
    },
    /// The server ended the handshake by an alert.
    #[error("the server ended the handshake with the alert {alert}")]
    Alert {
        /// The alert.
        alert: Alert,
    },
    /// What answers is not TLS.
    #[error("what answers does not speak TLS{}", .said.as_ref().map(|it| format!(": {it:?}")).unwrap_or_default())]
    NotTls {
        /// How its answer begins, where it is text.
        said: Option<String>,
    },
    /// The connection ended.
    #[error("the connection ended while {}", .stage.doing())]
    Closed {
        /// Where it stood.
        stage: Stage,
        /// How.
        #[source]
        source: Option<io::Error>,
    },
    /// The TLS library gave up.
    #[error("the handshake failed")]
    Tls {
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The client certificate or its key is not usable.
    #[error("the client certificate and its key cannot be used")]
    Identity {
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The name cannot be sent as server name.
    #[error("{0:?} is not a name that TLS can ask for")]
    ServerName(String),
}

impl FetchError {
    /// What to try next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoAddress { .. } => {
                "is the name spelled right? `getent hosts NAME` asks the same resolver; --ipv4 and \
                 --ipv6 narrow the choice"
            }
            Self::Connect { .. } => {
                "is the port right, and does something listen there? A firewall may answer too"
            }
            Self::Timeout { stage: Stage::Handshake, .. } => {
                "something took the connection and says nothing: a protocol that wants --starttls, \
                 a proxy that speaks PROXY protocol, or a firewall; --timeout 30s waits longer"
            }
            Self::Timeout { stage: Stage::StartTls, .. } => {
                "the server waits for something else: is it the right --starttls, or TLS from the \
                 first byte?"
            }
            Self::Timeout { .. } => "--timeout 30s waits longer; a firewall may swallow packets",
            Self::ProxyRefused { .. } => {
                "does the proxy allow this port, and does it want a name and a password \
                 (http://USER:PASSWORD@PROXY:PORT)? --no-proxy goes there directly"
            }
            Self::NoStartTls { .. } => {
                "turn TLS on in the server's configuration, or ask the port on which it speaks TLS \
                 from the first byte"
            }
            Self::NotProtocol { .. } => {
                "leave --starttls out if the port speaks TLS from the first byte, or name another \
                 protocol"
            }
            Self::Alert { alert } => alert_hint(*alert),
            Self::NotTls { .. } => {
                "the port speaks another protocol: try --starttls smtp, imap, ldap, postgres, \
                 mysql or xmpp, or another port"
            }
            Self::Closed { stage: Stage::Handshake, .. } => {
                "many servers close without a word when they like neither name nor version: try \
                 --sni NAME, or --scan to see what they speak"
            }
            Self::Closed { .. } => "its log may say why; a limit on connections does this too",
            Self::Tls { .. } => {
                "--scan asks with a handshake of its own and sees older servers too"
            }
            Self::Identity { .. } => {
                "--client-cert wants the certificate first and the authorities above it after; \
                 --client-key the key of that first certificate, unencrypted"
            }
            Self::ServerName(_) => "--sni takes a DNS name; --no-sni sends none",
        }
    }
}

fn alert_hint(alert: Alert) -> &'static str {
    match alert {
        Alert::HANDSHAKE_FAILURE => {
            "--scan finds what the server would take; if it wants client certificates, \
             --client-cert and --client-key send one"
        }
        Alert::PROTOCOL_VERSION => "--scan finds which versions it speaks",
        Alert::UNRECOGNIZED_NAME => "--sni NAME asks for another name, --no-sni for none",
        Alert::CERTIFICATE_REQUIRED | Alert::BAD_CERTIFICATE => {
            "--client-cert and --client-key send a certificate of your own"
        }
        Alert::NO_APPLICATION_PROTOCOL => {
            "--alpn names other protocols; none is offered without it"
        }
        _ => "the server's log says more than an alert can",
    }
}
