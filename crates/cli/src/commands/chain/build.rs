//! `skink chain build`

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use skink_chain::input::PrivateKey;
use skink_chain::structure::{self, is_self_signed};
use skink_chain::{Answer, Judgement, Question, Word, draw};
use skink_x509::Certificate;

use super::anchors::Anchors;
use super::files::Files;
use super::settings::SettingsArgs;
use super::show::{self, Labels};
use super::verify::exit;
use crate::{Failure, Output, PassphraseArgs};

pub(crate) const LONG: &str = "Put certificates of any order and origin together to chains.\n\n\
    For each certificate that issued no other one the best path to a trusted certificate is \
    searched and drawn, the root above; where no path is good, the one that comes closest, with \
    what is wrong. What belongs to no chain is named. With --pem the chain is written as a server \
    sends it: leaf first, root left out.\n\n\
    Exits with 0 when every leaf has a good chain, 1 when one has not, 3 when it cannot be decided.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink chain build *.pem --trusted root.pem\n  \
    skink chain build leaf.pem bundle.p7b --pem > fullchain.pem";

#[derive(Debug, Args)]
pub struct Build {
    /// Files with certificates, CRLs, OCSP responses and keys, in any order.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Certificates that are trusted [default: the machine's trust store]
    #[arg(long, value_name = "FILE")]
    trusted: Vec<PathBuf>,
    /// Write the chain of the only leaf as PEM.
    #[arg(long)]
    pem: bool,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Serialize)]
struct Built {
    chains: Vec<Answer>,
    strangers: Vec<String>,
}

pub(crate) fn run(args: &Build, out: Output) -> Result<()> {
    let files = Files::new(&args.passphrase)?;
    let anchors = Anchors::read(&files, &args.trusted)?;
    let bag = files.bag(&args.files)?;
    let settings = args.settings.resolve(!bag.crls.is_empty() || !bag.ocsp.is_empty());
    let all = bag.plain_certificates();
    let mut leaves = structure::leaves(&all);
    let keys: Vec<_> = bag.keys.iter().map(PrivateKey::public).collect();
    if leaves.iter().any(|it| keys.contains(&it.public_key())) {
        leaves.retain(|it| keys.contains(&it.public_key()));
    }
    if leaves.iter().any(|it| !it.is_ca()) {
        leaves.retain(|it| !it.is_ca());
    }
    let judged: Vec<Judgement> = leaves
        .iter()
        .filter_map(|leaf| bag.certificates.iter().find(|it| it.certificate == *leaf))
        .map(|leaf| {
            let (anchors, settings) = (anchors.certificates.clone(), settings.clone());
            Question { leaf: leaf.clone(), bag: bag.clone(), anchors, settings }.judge()
        })
        .collect();
    if judged.is_empty() {
        return Err(Failure::Usage {
            what: "there is no certificate in what was given".to_owned(),
            hint: "`skink chain inspect` shows what files hold".to_owned(),
        }
        .into());
    }
    let verdicts: Vec<Word> = judged.iter().map(|it| it.word).collect();
    if args.pem {
        Output::raw(&pem(&judged)?);
        return exit(verdicts.into_iter());
    }
    let on_path = |it: &Certificate| judged.iter().any(|judged| judged.path.contains(it));
    let strangers: Vec<_> = all.iter().filter(|it| !on_path(it)).map(draw::label).collect();
    let built = Built { chains: judged.iter().map(Judgement::answer).collect(), strangers };
    let labels =
        Labels::of(all.iter().chain(anchors.certificates.iter().map(|it| &it.certificate)));
    out.show(&built, || {
        let mut text = String::new();
        for judged in &judged {
            let Judgement { path, reached_anchor, findings, .. } = judged;
            text += &draw::path(path, *reached_anchor, settings.time, findings);
            text += &show::findings(findings, &labels);
            text.push('\n');
        }
        if !built.strangers.is_empty() {
            // Writing into a string does not fail.
            let _ = writeln!(text, "belongs to no chain: {}", built.strangers.join(", "));
        }
        text + &format!("trusted: {}", anchors.source)
    })?;
    exit(verdicts.into_iter())
}

/// The one chain, as a server sends it.
fn pem(judged: &[Judgement]) -> Result<String> {
    let [one] = judged else {
        let names: Vec<_> =
            judged.iter().filter_map(|it| it.path.first()).map(draw::label).collect();
        return Err(Failure::Usage {
            what: format!("there are several leaves: {}", names.join(", ")),
            hint: "give the files of one of them, or its private key".to_owned(),
        }
        .into());
    };
    let sent = one.path.iter().enumerate().filter(|(at, it)| *at == 0 || !is_self_signed(it));
    Ok(sent.map(|(_, it)| it.to_pem()).collect())
}
