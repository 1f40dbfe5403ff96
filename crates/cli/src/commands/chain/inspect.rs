//! `skink chain inspect`

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use skink_chain::describe::{Description, Problem, describe};
use skink_x509::Fingerprint;

use super::files::{self, Files};
use crate::table::Facts;
use crate::{Exit, Failure, Output, PassphraseArgs};

pub(crate) const LONG: &str = "Say what files hold, whatever they are called.\n\n\
    Certificates, requests, revocation lists, OCSP responses and keys, in PEM, DER, PKCS #7 and \
    PKCS #12, several in one file, with text around, in UTF-16, with wrong labels. Each thing is \
    told with its names, validity, key and fingerprints, and with what is wrong with it. The key's \
    SHA-256 is the same for a certificate, a request and a private key that belong together.\n\n\
    Exits with 1 if there is something that cannot be read.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink chain inspect server.pem\n  \
    skink chain inspect store.p12 --passphrase-file secret\n  \
    skink chain inspect bundle.p7b --pem SHA256 > root.pem\n  \
    openssl s_client -connect example.org:443 -showcerts </dev/null | skink chain inspect -";

#[derive(Debug, Args)]
pub struct Inspect {
    /// The files; - is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write the certificate with this fingerprint as PEM, and nothing else.
    #[arg(long, value_name = "SHA256")]
    pem: Option<Fingerprint>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Serialize)]
struct Found {
    file: String,
    #[serde(flatten)]
    description: Description,
}

pub(crate) fn run(args: &Inspect, out: Output) -> Result<()> {
    let files = Files::new(&args.passphrase)?;
    if let Some(fingerprint) = args.pem {
        return write(&files, args, fingerprint);
    }
    let now = files::now();
    let mut found = Vec::new();
    for path in &args.files {
        for piece in files.pieces(path)? {
            found.push(Found { file: files::name(path), description: describe(&piece, now) });
        }
    }
    out.show(&found, || found.iter().map(people).collect::<Vec<_>>().join("\n"))?;
    if found.iter().all(|it| it.description.readable) {
        Ok(())
    } else {
        Err(Failure::Answered(Exit::NotGood).into())
    }
}

fn write(files: &Files, args: &Inspect, fingerprint: Fingerprint) -> Result<()> {
    let bag = files.bag(&args.files)?;
    let all = bag.plain_certificates();
    let Some(found) = all.iter().find(|it| it.fingerprint() == fingerprint) else {
        return Err(Failure::Usage {
            what: format!("no certificate has the fingerprint {fingerprint}"),
            hint: "without --pem all are shown, with their fingerprints".to_owned(),
        }
        .into());
    };
    Output::raw(&found.to_pem());
    Ok(())
}

fn people(found: &Found) -> String {
    let it = &found.description;
    let mut place = found.file.clone();
    if let Some(line) = it.line {
        // Writing into a string does not fail.
        let _ = write!(place, ", line {line}");
    }
    let alias = it.alias.as_ref().map(|it| format!(" {it:?}")).unwrap_or_default();
    let mut text = format!("{place}: {}{alias} ({})\n", it.summary, it.container);
    let facts = it.facts.iter().fold(Facts::default(), |facts, it| facts.fact(it.name, &it.value));
    for line in facts.to_string().lines() {
        let _ = writeln!(text, "  {line}");
    }
    for Problem { severity, section, message, .. } in &it.problems {
        let section = if *section == "-" { String::new() } else { format!(" ({section})") };
        let _ = writeln!(text, "  {severity}: {message}{section}");
    }
    text
}
