//! `skink chain config`

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use skink_chain::config::{Section, Software, Wanted};
use skink_x509::Certificate;

use super::files::{self, Files};
use crate::{Failure, Output, PassphraseArgs};

pub(crate) const LONG: &str = "Write the TLS section of a server's configuration for these files.\n\n\
    Reads the certificate for its names and for whether there is something to staple, makes sure \
    that the key belongs to it, and writes a section with TLS 1.2 and 1.3, forward secrecy, session \
    resumption and stapling. The section goes to standard output, the commands that check and load \
    it to standard error. Paths are written as they are given: give them as the server sees them.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink chain config nginx --cert /etc/tls/fullchain.pem --key /etc/tls/privkey.pem \\\n    \
      --chain /etc/tls/chain.pem --resolver 127.0.0.53 > /etc/nginx/conf.d/tls.conf\n  \
    skink chain config apache --cert fullchain.pem --key privkey.pem --name www.example.com\n  \
    skink chain config postgres --cert server.crt --key server.key --clients roots.pem --crl crls.pem\n  \
    skink chain config haproxy --cert /etc/haproxy/site.pem --key site.key --modern";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum For {
    Nginx,
    Apache,
    Haproxy,
    Caddy,
    Postgres,
}

#[derive(Debug, Args)]
pub struct Config {
    /// The server's software.
    #[arg(value_enum, value_name = "SOFTWARE")]
    software: For,
    /// Certificate with its intermediates behind it, as `fix` writes fullchain.pem.
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// Its private key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The certificates above the server's own, by which stapled responses are checked.
    #[arg(long, value_name = "FILE")]
    chain: Option<PathBuf>,
    /// Name of the server; repeatable [default: the certificate's DNS names]
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// Ask clients for certificates, issued below these roots.
    #[arg(long, value_name = "FILE")]
    clients: Option<PathBuf>,
    /// Revocation lists about the clients' certificates.
    #[arg(long, value_name = "FILE", requires = "clients")]
    crl: Option<PathBuf>,
    /// Resolver by which nginx finds the OCSP responder.
    #[arg(long, value_name = "ADDRESS")]
    resolver: Option<String>,
    /// Port.
    #[arg(long, default_value_t = 443, value_name = "PORT")]
    port: u16,
    /// TLS 1.3 only.
    #[arg(long)]
    modern: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

pub(crate) fn run(args: &Config, out: Output) -> Result<()> {
    let leaf = checked(args)?;
    let names = if args.name.is_empty() {
        leaf.dns_names().map(str::to_owned).collect()
    } else {
        args.name.clone()
    };
    let wanted = Wanted {
        names,
        fullchain: text(&args.cert)?,
        key: text(&args.key)?,
        chain: args.chain.as_deref().map(text).transpose()?,
        clients: args.clients.as_deref().map(text).transpose()?,
        crl: args.crl.as_deref().map(text).transpose()?,
        staples: !leaf.ocsp_uris().is_empty(),
        resolver: args.resolver.clone(),
        port: args.port,
        modern: args.modern,
    };
    let software = match args.software {
        For::Nginx => Software::Nginx,
        For::Apache => Software::Apache,
        For::Haproxy => Software::Haproxy,
        For::Caddy => Software::Caddy,
        For::Postgres => Software::Postgres,
    };
    let section = wanted.section(software).map_err(|error| Failure::Usage {
        what: error.to_string(),
        hint: "use a plain path, as /etc/tls/fullchain.pem".to_owned(),
    })?;
    out.show(&section, || section.text.clone())?;
    out.say(&talk(&section));
    Ok(())
}

fn talk(section: &Section) -> String {
    let notes = section.notes.iter().map(|note| format!("note: {note}\n"));
    let commands = section.commands.iter().map(|command| format!("  {command}\n"));
    format!("{}then:\n{}", notes.collect::<String>(), commands.collect::<String>())
}

/// The server's own certificate, after a look at what nobody should configure.
fn checked(args: &Config) -> Result<Certificate> {
    let files = Files::new(&args.passphrase)?;
    let bag = files.bag(std::slice::from_ref(&args.cert))?;
    let usage = |what: String, hint: &str| Failure::Usage { what, hint: hint.to_owned() };
    let Some(leaf) = bag.plain_certificates().into_iter().next() else {
        let what = format!("there is no certificate in {}", files::name(&args.cert));
        return Err(usage(what, "`skink chain inspect` shows what a file holds").into());
    };
    let mend = "`skink chain fix FILES --key KEY` writes the files in the right order";
    if leaf.is_ca() {
        let what = format!(
            "the first certificate in {} is an authority's: {}",
            files::name(&args.cert),
            leaf.subject()
        );
        return Err(usage(what, mend).into());
    }
    let keys = files.bag(std::slice::from_ref(&args.key))?.keys;
    let Some(key) = keys.first() else {
        let what = format!("there is no private key in {}", files::name(&args.key));
        return Err(usage(what, "`skink chain inspect` shows what a file holds").into());
    };
    if key.public() != leaf.public_key() {
        let what = format!(
            "the key in {} does not belong to the certificate in {}",
            files::name(&args.key),
            files::name(&args.cert)
        );
        return Err(usage(what, "`skink chain match KEY CERT` shows which belong together").into());
    }
    Ok(leaf)
}

fn text(path: &Path) -> Result<String> {
    let text = path.to_str().map(str::to_owned);
    Ok(text.ok_or_else(|| Failure::Usage {
        what: format!("{} is not UTF-8", path.display()),
        hint: "use a plain path".to_owned(),
    })?)
}
