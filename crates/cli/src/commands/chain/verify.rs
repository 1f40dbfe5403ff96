//! `skink chain verify`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use skink_chain::{Answer, Bag, Judgement, Other, Question, Settings, Word, draw};
use skink_path::PeerName;

use super::anchors::Anchors;
use super::files::{self, Files};
use super::jobs;
use super::settings::SettingsArgs;
use super::show::{self, Labels};
use crate::{Exit, Failure, Output, PassphraseArgs};

pub(crate) const LONG: &str = "Say whether certificates are good, and everything that is wrong \
    with them.\n\n\
    Every path from the leaf to a trusted certificate is tried (RFC 5280, section 6). The leaf is \
    the first certificate of each file; what follows it in the file counts as --untrusted. Without \
    --trusted the machine's own trust store counts.\n\n\
    Exits with 0 when accepted, 1 when rejected, 2 on wrong usage or a file that cannot be read, \
    3 when it cannot be decided. With several leaves the worst counts.\n\n\
    With --jobs it reads one JSON job a line on standard input and answers one line each, in order:\n  \
    {\"leaf\": PEM, \"untrusted\": [PEM], \"trusted\": [PEM], \"crls\": [PEM], \"ocsp\": [base64],\n   \
    \"time\": RFC 3339 or null, \"name\": {\"kind\": \"dns|ip|email|uri|none\", \"value\": …},\n   \
    \"purpose\": \"server|client|any|email|code-signing|time-stamping|ocsp-signing\",\n   \
    \"profile\": \"rfc5280|webpki\", \"revocation\": \"off|leaf|chain\", \"max_depth\": N or null,\n   \
    \"policies\": [OID], \"explicit_policy\": false, \"inhibit_mapping\": false, \"inhibit_any\": false}\n  \
    {\"verdict\": \"accept|reject|undecided\", \"path\": [SHA-256, leaf first],\n   \
    \"findings\": [{\"code\", \"severity\", \"certificate\", \"section\", \"message\", \"fix\"}]}\n\
    No policies stand for any policy; no time for now; fields that are not known are ignored; a \
    line that is no job is answered with \"undecided\". Jobs trust only what they bring.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink chain verify fullchain.pem --host www.example.org\n  \
    skink chain verify leaf.pem --untrusted issuing.pem --trusted root.pem --purpose client\n  \
    skink chain verify leaf.pem --trusted root.pem --crl root.crl --revocation chain \\\n    \
      --time 2026-03-01T00:00:00Z --profile rfc5280 --json\n  \
    skink chain verify --jobs < jobs.jsonl > answers.jsonl";

#[derive(Debug, Args)]
pub struct Verify {
    /// Files with the leaf first; - is standard input.
    #[arg(required_unless_present = "jobs", conflicts_with = "jobs", value_name = "LEAF")]
    leaves: Vec<PathBuf>,
    /// Read jobs, one a line, on standard input.
    #[arg(long)]
    jobs: bool,
    /// Certificates that may stand between, in any order; CRLs and OCSP responses in these files
    /// count, too.
    #[arg(long, value_name = "FILE")]
    untrusted: Vec<PathBuf>,
    /// Certificates that are trusted [default: the machine's trust store]
    #[arg(long, value_name = "FILE")]
    trusted: Vec<PathBuf>,
    /// Revocation lists.
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,
    /// OCSP responses.
    #[arg(long, value_name = "FILE")]
    ocsp: Vec<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// The answer about one file.
#[derive(Serialize)]
struct Verified {
    file: String,
    #[serde(flatten)]
    answer: Answer,
    others: Vec<Other>,
}

pub(crate) fn run(args: &Verify, out: Output) -> Result<()> {
    if args.jobs {
        return jobs::run();
    }
    let files = Files::new(&args.passphrase)?;
    let anchors = Anchors::read(&files, &args.trusted)?;
    let more: Vec<_> = [&args.untrusted, &args.crl, &args.ocsp].into_iter().flatten().collect();
    let more = files.bag(&more.into_iter().cloned().collect::<Vec<_>>())?;
    let settings = args.settings.resolve(!more.crls.is_empty() || !more.ocsp.is_empty());
    let mut results = Vec::new();
    for path in &args.leaves {
        let question = question(&files, path, &more, &anchors, &settings)?;
        let judgement = question.judge();
        results.push((path, question, judgement));
    }
    let verified: Vec<_> = results
        .iter()
        .map(|(path, _, judgement)| Verified {
            file: files::name(path),
            answer: judgement.answer(),
            others: judgement.others.clone(),
        })
        .collect();
    let people = || {
        let told = results.iter().map(|(path, question, it)| people(path, question, it, &anchors));
        told.collect::<Vec<_>>().join("\n")
    };
    match &verified[..] {
        [one] => out.show(one, people)?,
        several => out.show(several, people)?,
    }
    exit(results.iter().map(|(_, _, judgement)| judgement.word))
}

/// The exit code for the worst of these.
pub(super) fn exit(words: impl Iterator<Item = Word>) -> Result<()> {
    let words: Vec<_> = words.collect();
    if words.contains(&Word::Reject) {
        return Err(Failure::Answered(Exit::NotGood).into());
    }
    if words.contains(&Word::Undecided) {
        return Err(Failure::Answered(Exit::Undecided).into());
    }
    Ok(())
}

fn question(
    files: &Files,
    path: &Path,
    more: &Bag,
    anchors: &Anchors,
    settings: &Settings,
) -> Result<Question> {
    let mut bag = Bag::default();
    bag.add(files.pieces(path)?, &files::name(path));
    if bag.certificates.is_empty() {
        let why = bag.unread.first().map(|it| format!(" ({})", it.message)).unwrap_or_default();
        return Err(Failure::Usage {
            what: format!("there is no certificate in {}{why}", files::name(path)),
            hint: "`skink chain inspect` shows what a file holds".to_owned(),
        }
        .into());
    }
    let leaf = bag.certificates.remove(0);
    bag.certificates.extend(more.certificates.iter().cloned());
    bag.crls.extend(more.crls.iter().cloned());
    bag.ocsp.extend(more.ocsp.iter().cloned());
    bag.unread.extend(more.unread.iter().cloned());
    let (anchors, settings) = (anchors.certificates.clone(), settings.clone());
    Ok(Question { leaf, bag, anchors, settings })
}

fn people(path: &Path, question: &Question, judgement: &Judgement, anchors: &Anchors) -> String {
    let verdict = match judgement.word {
        Word::Accept => "accepted",
        Word::Reject => "rejected",
        Word::Undecided => "undecided",
    };
    let settings = &question.settings;
    let mut text = format!("{verdict}: {}\n", files::name(path));
    text +=
        &draw::path(&judgement.path, judgement.reached_anchor, settings.time, &judgement.findings);
    let known = question.bag.certificates.iter().chain(&question.anchors).chain([&question.leaf]);
    let labels = Labels::of(known.map(|it| &it.certificate));
    text += &show::findings(&judgement.findings, &labels);
    // Writing into a string does not fail.
    let _ = writeln!(text, "trusted: {}", anchors.source);
    if settings.name == PeerName::None {
        text += "no name was asked for: a good chain of somebody else would do, too (--host)\n";
    }
    if !judgement.is_accepted() && !judgement.others.is_empty() {
        let _ = writeln!(text, "other paths that were tried: {}", judgement.others.len());
        for other in &judgement.others {
            let why = other.findings.first().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {} certificates: {why}", other.path.len());
        }
    }
    text
}
