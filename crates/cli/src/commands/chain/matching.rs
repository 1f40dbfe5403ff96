//! `skink chain match`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use skink_chain::Bag;
use skink_chain::draw::label;
use skink_x509::PublicKey;

use super::files::{self, Files};
use crate::{Exit, Failure, Output, PassphraseArgs};

pub(crate) const LONG: &str = "Say whether a private key belongs to certificates or requests.\n\n\
    Compares public keys, so that the encoding does not matter. Of a file with a chain the first \
    certificate counts; that another one matches is told. Exits with 0 when all belong to the key, \
    1 when one does not.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink chain match privkey.pem fullchain.pem\n  \
    skink chain match site.key request.csr site.p12 --passphrase-file secret";

#[derive(Debug, Args)]
pub struct Match {
    /// File with the private key, or a public one.
    #[arg(value_name = "KEY")]
    key: PathBuf,
    /// Files with certificates, requests or keys.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Serialize)]
struct Matched {
    key_sha256: String,
    files: Vec<Pair>,
}

#[derive(Serialize)]
struct Pair {
    file: String,
    what: String,
    key_sha256: String,
    matches: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

pub(crate) fn run(args: &Match, out: Output) -> Result<()> {
    let files = Files::new(&args.passphrase)?;
    let bag = files.bag(std::slice::from_ref(&args.key))?;
    let key = own_key(&bag).ok_or_else(|| {
        let why = bag.unread.first().map(|it| format!(" ({})", it.message)).unwrap_or_default();
        Failure::Usage {
            what: format!("there is no key in {}{why}", files::name(&args.key)),
            hint: "the first file is the one with the private key".to_owned(),
        }
    })?;
    let mut pairs = Vec::new();
    for path in &args.files {
        let mut bag = Bag::default();
        bag.add(files.pieces(path)?, &files::name(path));
        pairs.push(pair(&bag, &key, files::name(path))?);
    }
    let matched = Matched { key_sha256: key.digest().to_string(), files: pairs };
    out.show(&matched, || {
        let lines = matched.files.iter().map(|it| {
            let verdict = if it.matches { "matches" } else { "DOES NOT MATCH" };
            let note = it.note.as_ref().map(|it| format!("\n  {it}")).unwrap_or_default();
            format!("{}: {} {verdict}{note}", it.file, it.what)
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    if matched.files.iter().all(|it| it.matches) {
        Ok(())
    } else {
        Err(Failure::Answered(Exit::NotGood).into())
    }
}

fn own_key(bag: &Bag) -> Option<PublicKey> {
    let private = bag.keys.first().map(|it| it.public().clone());
    private.or_else(|| bag.public_keys.first().cloned())
}

fn pair(bag: &Bag, key: &PublicKey, file: String) -> Result<Pair> {
    let certificate = bag.certificates.first().map(|it| &it.certificate);
    let first = certificate
        .map(|it| (format!("the certificate of {}", label(it)), it.public_key().clone()))
        .or_else(|| {
            let request = bag.requests.first()?;
            Some((format!("the request of {}", request.subject()), request.public_key().clone()))
        })
        .or_else(|| Some(("the key".to_owned(), own_key(bag)?)));
    let Some((what, found)) = first else {
        let why = bag.unread.first().map(|it| format!(" ({})", it.message)).unwrap_or_default();
        return Err(Failure::Usage {
            what: format!("there is no certificate, request or key in {file}{why}"),
            hint: "`skink chain inspect` shows what a file holds".to_owned(),
        }
        .into());
    };
    let matches = found == *key;
    let elsewhere = bag.certificates.iter().skip(1).find(|it| it.certificate.public_key() == key);
    let note = elsewhere.filter(|_| !matches).map(|it| {
        let name = label(&it.certificate);
        format!("the key belongs to {name} further down: the leaf must be first")
    });
    Ok(Pair { file, what, key_sha256: found.digest().to_string(), matches, note })
}
