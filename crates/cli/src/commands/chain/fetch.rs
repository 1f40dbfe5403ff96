//! `skink chain fetch`

mod scanned;
mod shown;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use skink_fetch::{Family, Identity, Options, Place, Presented, Protocol, Proxy, Sni};
use skink_x509::Certificate;

use crate::when::Span;
use crate::{Failure, Output};

pub(crate) const LONG: &str = "Fetch what a server presents, without judging it.\n\n\
    Prints the certificates as PEM, in the order in which the server sends them: the order, the \
    gaps and the strangers are the server's own. Beside it, on standard error: version, cipher, \
    the stapled OCSP response, and whether the server wants certificates from its clients. Nothing \
    is verified; hand the result to `skink chain verify` or `diagnose`. Exit code 5: the server \
    cannot be reached, or shows no certificate.\n\n\
    With --scan it is asked many times, with hellos that no library would send any more: every version \
    from SSL 3.0 to TLS 1.3, every cipher and group, whether it staples each time and really \
    resumes what it promises. The grade is about protocols and ciphers; the certificates are for \
    `diagnose`. Scan servers that are yours.\n\n\
    The port tells which protocol is spoken before TLS (25 and 587 SMTP, 143 IMAP, 389 LDAP, 5432 \
    PostgreSQL, 3306 MySQL, 5222 XMPP, …); --starttls names another, and `none` means TLS from the \
    first byte. A proxy is taken from --proxy or from HTTPS_PROXY and NO_PROXY.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink chain fetch www.example.com:443 > chain.pem\n  \
    skink chain fetch 192.0.2.7:443 --sni www.example.com   one server of many, by address\n  \
    skink chain fetch mail.example.com:587                  SMTP with STARTTLS, by its port\n  \
    skink chain fetch db.corp.example:6432 --starttls postgres\n  \
    skink chain fetch www.example.com:443 --proxy socks5://gate:1080\n  \
    skink chain fetch api.corp.example:443 --client-cert me.pem --client-key me.key\n  \
    skink chain fetch www.example.com:443 --scan            versions, ciphers, a grade\n  \
    skink chain fetch www.example.com:443 --json | jq -r .client_certificate";

/// How a server is reached.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that a person sets")]
#[command(next_help_heading = "How the server is reached")]
pub(super) struct Reach {
    /// Protocol before TLS: smtp, lmtp, imap, pop3, ftp, ldap, postgres, mysql, xmpp,
    /// xmpp-server, or none [default: by the port].
    #[arg(long, value_name = "PROTOCOL")]
    starttls: Option<Protocol>,
    /// Name to ask for (SNI) [default: the host].
    #[arg(long, value_name = "NAME", conflicts_with = "no_sni")]
    sni: Option<String>,
    /// Ask for no name at all.
    #[arg(long)]
    no_sni: bool,
    /// Use IPv4 only.
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Use IPv6 only.
    #[arg(short = '6', long)]
    ipv6: bool,
    /// How long one connection may take.
    #[arg(long, value_name = "SPAN", default_value = "10s")]
    timeout: Span,
    /// Proxy: `http://[USER:PASSWORD@]HOST:PORT` or `socks5://…` [default: `$HTTPS_PROXY`].
    #[arg(long, value_name = "URL", conflicts_with = "no_proxy")]
    proxy: Option<String>,
    /// Go there directly, whatever the environment says.
    #[arg(long)]
    no_proxy: bool,
    /// Certificate to send when the server asks for one, with the authorities above it, as PEM.
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// Its private key, unencrypted, as PEM.
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// Application protocol to offer (ALPN), as h2; repeatable.
    #[arg(long, value_name = "NAME")]
    alpn: Vec<String>,
}

impl Reach {
    /// The place in the protocol that was named.
    pub(crate) fn place(&self, place: &Place) -> Place {
        match self.starttls {
            Some(protocol) => place.clone().speaking(protocol),
            None => place.clone(),
        }
    }

    /// How to ask `place`.
    pub(crate) fn options(&self, place: &Place) -> Result<Options> {
        let proxy = match &self.proxy {
            _ if self.no_proxy => None,
            // Not read by the command line's own parser: that shows what it cannot read.
            Some(text) => Some(text.parse::<Proxy>().map_err(|error| Failure::Usage {
                what: error.to_string(),
                hint: "give the proxy as a URL, or --no-proxy".to_owned(),
            })?),
            None => Proxy::of_environment(place, |name| std::env::var(name).ok())
                .context("the proxy that the environment names cannot be used")?,
        };
        let sni = match &self.sni {
            Some(name) => Sni::Name(name.clone()),
            None if self.no_sni => Sni::None,
            None => Sni::Host,
        };
        let family = match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        };
        let identity = match (&self.client_cert, &self.client_key) {
            (Some(chain), Some(key)) => Some(identity(chain, key)?),
            _ => None,
        };
        let (timeout, alpn) = (self.timeout.duration(), self.alpn.clone());
        Ok(Options { sni, family, timeout, proxy, identity, alpn })
    }

    /// One handshake with `place`.
    pub(crate) async fn fetch(&self, place: &Place) -> Result<Presented> {
        let place = self.place(place);
        let fetched = skink_fetch::fetch(&place, &self.options(&place)?).await;
        Ok(fetched.map_err(|error| failure(&place, error))?)
    }
}

/// Why `place` could not be looked at, with what to try.
pub(crate) fn failure(place: &Place, source: skink_fetch::FetchError) -> Failure {
    Failure::Fetch { place: place.to_string(), source }
}

fn identity(chain: &PathBuf, key: &PathBuf) -> Result<Identity> {
    use rustls::pki_types::PrivateKeyDer;
    use rustls::pki_types::pem::PemObject as _;
    let unusable = || Failure::Usage {
        what: format!("{} holds no private key that can be used", key.display()),
        hint: "an unencrypted key in PEM: `openssl pkey -in KEY -out PLAIN` takes the password off"
            .to_owned(),
    };
    let certificates = Certificate::all_from_pem(&fs_err::read_to_string(chain)?)
        .with_context(|| format!("{} is not usable", chain.display()))?;
    let chain: Vec<_> = certificates.iter().map(Certificate::der).collect();
    let key = PrivateKeyDer::from_pem_slice(&fs_err::read(key)?).map_err(|_| unusable())?;
    Ok(Identity::from_der(&chain, key.secret_der()).ok_or_else(unusable)?)
}

#[derive(Debug, Args)]
pub struct Fetch {
    /// Server: HOST:PORT, [IPV6]:PORT, or a URL as `https://HOST` and `smtp://HOST`.
    #[arg(value_name = "HOST:PORT")]
    place: String,
    /// Write the certificates to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the stapled OCSP response to this file, in DER.
    #[arg(long, value_name = "FILE")]
    staple: Option<PathBuf>,
    /// Ask many times: versions, ciphers, groups, stapling, resumption, and a grade.
    #[arg(long, conflicts_with_all = ["out", "staple"])]
    scan: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn run(args: &Fetch, out: Output) -> Result<()> {
    let place = args.place.parse::<Place>().map_err(|error| Failure::Usage {
        what: error.to_string(),
        hint: "write HOST:PORT, or a URL as https://HOST".to_owned(),
    })?;
    let place = args.reach.place(&place);
    if args.scan {
        return scan(args, &place, out).await;
    }
    let presented = args.reach.fetch(&place).await?;
    let view = shown::Fetched::new(&place, &presented);
    if let Some(file) = &args.staple {
        let Some(stapled) = &presented.stapled else {
            return Err(Failure::NotGood {
                what: format!("{place} staples no OCSP response"),
                hint: "--scan asks several times: some servers staple from the second handshake on"
                    .to_owned(),
            }
            .into());
        };
        fs_err::write(file, stapled)?;
    }
    let pem = shown::pem(&presented.chain);
    if let Some(file) = &args.out {
        fs_err::write(file, &pem)?;
    }
    if out.is_json() {
        return out.show(&view, String::new);
    }
    out.say(&view.to_string());
    if args.out.is_none() {
        Output::raw(&pem);
    }
    Ok(())
}

async fn scan(args: &Fetch, place: &Place, out: Output) -> Result<()> {
    let options = args.reach.options(place)?;
    let scanned = skink_fetch::scan(place, &options, |what| out.say(&format!("asking: {what}")));
    let (presented, scan) = scanned.await.map_err(|error| failure(place, error))?;
    let view = scanned::Scanned::new(shown::Fetched::new(place, &presented), scan);
    out.show(&view, || view.to_string())
}
