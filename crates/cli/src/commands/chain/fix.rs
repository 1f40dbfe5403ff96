//! `skink chain fix`

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use skink_chain::repair::{Repair, RepairError, RepairedFile, repair};
use skink_chain::{Answer, Bag, Judgement, draw};

use super::anchors::Anchors;
use super::files::Files;
use super::issuers;
use super::repair_failure;
use super::settings::SettingsArgs;
use super::show::{self, Labels};
use super::verify::exit;
use crate::{Output, PassphraseArgs};

pub(crate) const LONG: &str = "Make the files that a server should have of what there is.\n\n\
    The leaf first, then each issuer; the root, duplicates and strangers left out; missing \
    intermediates taken from the files given or, with --aia, fetched from where the certificates \
    themselves say their issuers are (plain HTTP; what comes back counts only if it verifies). \
    Written as certbot lays them out: cert.pem, chain.pem, fullchain.pem, and privkey.pem (only for \
    its owner, without passphrase) if the key was given. Files that are there are replaced, each at \
    once and whole.\n\n\
    What does not verify is not written: exits with 1 and says why, 3 when it cannot be decided.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink chain fix site.pem bundle.p7b site.key --out /etc/ssl/site\n  \
    skink chain fix leaf.pem --aia --out live --dry-run\n  \
    skink chain fix old.p12 --trusted root.pem --host intranet.corp.example --out live";

#[derive(Debug, Args)]
pub struct Fix {
    /// Files with certificates and the key, in any order.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder to write to; made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Fetch missing issuers from the addresses in the certificates.
    #[arg(long)]
    aia: bool,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Certificates that are trusted [default: the machine's trust store]
    #[arg(long, value_name = "FILE")]
    trusted: Vec<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Serialize)]
struct Fixed {
    #[serde(flatten)]
    answer: Answer,
    changes: Vec<String>,
    files: Vec<String>,
    written: bool,
}

pub(crate) async fn run(args: &Fix, out: Output) -> Result<()> {
    let files = Files::new(&args.passphrase)?;
    let anchors = Anchors::read(&files, &args.trusted)?;
    let mut bag = files.bag(&args.files)?;
    let presented = bag.plain_certificates();
    let settings = args.settings.resolve(!bag.crls.is_empty() || !bag.ocsp.is_empty());
    let mut repaired = repair(&presented, &bag, &anchors.certificates, &settings);
    let mut fetched = issuers::Fetched::default();
    while args.aia
        && let Err(RepairError::NotGood(judgement)) = &repaired
        && let Some(certificates) = fetched.next(judgement, out).await?
    {
        bag.add(certificates, "fetched");
        repaired = repair(&presented, &bag, &anchors.certificates, &settings);
    }
    match repaired {
        Ok(repaired) => write(args, &repaired, out),
        Err(RepairError::NotGood(judgement)) => refuse(args, &judgement, &bag, &anchors, out),
        Err(other) => Err(repair_failure(&other)),
    }
}

fn refuse(
    args: &Fix,
    judgement: &Judgement,
    bag: &Bag,
    anchors: &Anchors,
    out: Output,
) -> Result<()> {
    let answer = judgement.answer();
    let fixed = Fixed { answer, changes: Vec::new(), files: Vec::new(), written: false };
    out.show(&fixed, || {
        let known = bag.certificates.iter().chain(&anchors.certificates);
        let labels = Labels::of(known.map(|it| &it.certificate));
        let mut text = "nothing is written: what can be made of it does not verify\n".to_owned();
        let Judgement { path, reached_anchor, findings, .. } = judgement;
        text += &draw::path(path, *reached_anchor, super::files::now(), findings);
        text += &show::findings(findings, &labels);
        let missing = judgement.has("issuer-not-found");
        if missing && !args.aia {
            text +=
                "hint: --aia fetches missing issuers; --trusted FILE names a root of your own\n";
        }
        text + &format!("trusted: {}", anchors.source)
    })?;
    exit(std::iter::once(judgement.word))
}

fn write(args: &Fix, repaired: &Repair, out: Output) -> Result<()> {
    let files = repaired.files();
    if !args.dry_run {
        place(&args.out, &files)?;
    }
    let paths = files.iter().map(|it| args.out.join(it.name).display().to_string()).collect();
    let fixed = Fixed {
        answer: repaired.judgement.answer(),
        changes: repaired.changes.clone(),
        files: paths,
        written: !args.dry_run,
    };
    out.show(&fixed, || {
        let Judgement { path, reached_anchor, findings, .. } = &repaired.judgement;
        let mut lines = vec![
            draw::path(path, *reached_anchor, super::files::now(), findings).trim_end().to_owned(),
        ];
        lines.extend(fixed.changes.iter().cloned());
        if fixed.changes.is_empty() {
            lines.push("the certificates were as they should be".to_owned());
        }
        let verb = if args.dry_run { "would write" } else { "wrote" };
        lines.extend(fixed.files.iter().map(|it| format!("{verb} {it}")));
        lines.join("\n")
    })
}

/// Writes all files beside their places first, then moves each to its place.
fn place(folder: &Path, files: &[RepairedFile]) -> Result<()> {
    fs_err::create_dir_all(folder)?;
    let beside = |it: &RepairedFile| folder.join(format!(".{}.{}", it.name, std::process::id()));
    let written: Result<()> = files.iter().try_for_each(|it| write_one(&beside(it), it));
    if let Err(error) = written {
        for file in files {
            // The first error is the one that counts.
            let _ = fs_err::remove_file(beside(file));
        }
        return Err(error).context("nothing is changed");
    }
    for file in files {
        fs_err::rename(beside(file), folder.join(file.name))?;
    }
    fs_err::File::open(folder)?.sync_all()?;
    Ok(())
}

fn write_one(path: &Path, file: &RepairedFile) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if file.secret { 0o600 } else { 0o644 });
    }
    let mut opened =
        options.open(path).with_context(|| format!("cannot write {}", path.display()))?;
    opened.write_all(file.contents.as_bytes())?;
    opened.sync_all()?;
    Ok(())
}
