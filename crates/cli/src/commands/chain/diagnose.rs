//! `skink chain diagnose`

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use skink_chain::diagnosis::{
    self, Diagnosis, Place, Remedy, Stage, State, Step, Symptoms, shell_word,
};
use skink_chain::{Word, draw};

use super::anchors::Anchors;
use super::files::Files;
use super::repair_failure;
use super::settings::SettingsArgs;
use super::show::{self, Labels};
use super::verify::exit;
use crate::{Output, PassphraseArgs};

pub(crate) const LONG: &str = "Find out why TLS says no, and what mends it.\n\n\
    Walks the steps that an experienced engineer walks: can everything be read; is it expired or \
    not valid yet; is an intermediate missing; is the order wrong; does the key match; does the \
    name; is the root trusted; is something revoked, weak, or used for what it is not meant. All \
    steps are walked, whatever the first ones find. It ends with the commands and configuration \
    lines that mend it.\n\n\
    Give the files that the server is configured with, the private key included, and the name that \
    clients connect to. Exits with 0 when nothing is wrong, 1 when something is, 3 when it cannot \
    be decided.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink chain diagnose fullchain.pem privkey.pem --host www.example.org\n  \
    skink chain diagnose site.p12 --trusted root.pem --host intranet.corp.example\n  \
    skink chain diagnose cert.pem chain.pem current.crl --revocation chain --json";

#[derive(Debug, Args)]
pub struct Diagnose {
    /// The server's files: certificates in its order, the key, CRLs, OCSP responses.
    #[arg(required = true, value_name = "FILE")]
    targets: Vec<PathBuf>,
    /// Further certificates that are at hand and that the server does not send.
    #[arg(long, value_name = "FILE")]
    untrusted: Vec<PathBuf>,
    /// Certificates that are trusted [default: the machine's trust store]
    #[arg(long, value_name = "FILE")]
    trusted: Vec<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Serialize)]
struct Told<'d> {
    verdict: Word,
    path: Vec<String>,
    steps: &'d [Stage],
    remedies: &'d [Remedy],
    trusted: &'d str,
}

pub(crate) fn run(args: &Diagnose, out: Output) -> Result<()> {
    let files = Files::new(&args.passphrase)?;
    let anchors = Anchors::read(&files, &args.trusted)?;
    let mut bag = files.bag(&args.targets)?;
    let presented = bag.plain_certificates();
    let more = files.bag(&args.untrusted)?;
    bag.certificates.extend(more.certificates);
    bag.crls.extend(more.crls);
    bag.ocsp.extend(more.ocsp);
    bag.unread.extend(more.unread);
    let settings = args.settings.resolve(!bag.crls.is_empty() || !bag.ocsp.is_empty());
    let word = |path: &PathBuf| shell_word(&path.display().to_string());
    let names = args.targets.iter().map(word).collect();
    let mut options: Vec<_> =
        args.trusted.iter().map(|it| format!("--trusted {}", word(it))).collect();
    options.extend(args.settings.host.iter().map(|it| format!("--host {}", shell_word(it))));
    let symptoms = Symptoms {
        presented,
        bag,
        anchors: anchors.certificates,
        settings,
        place: Place::Files(names),
        options,
    };
    tell(&symptoms, &anchors.source, out)
}

/// Diagnoses and tells.
pub(super) fn tell(symptoms: &Symptoms, trusted: &str, out: Output) -> Result<()> {
    let diagnosis = diagnosis::diagnose(symptoms).map_err(|error| repair_failure(&error))?;
    let told = Told {
        verdict: diagnosis.word(),
        path: diagnosis.judgement.answer().path,
        steps: &diagnosis.stages,
        remedies: &diagnosis.remedies,
        trusted,
    };
    out.show(&told, || people(&diagnosis, symptoms, trusted))?;
    exit(std::iter::once(diagnosis.word()))
}

fn people(diagnosis: &Diagnosis, symptoms: &Symptoms, trusted: &str) -> String {
    let judgement = &diagnosis.judgement;
    let mut text =
        draw::path(&judgement.path, judgement.reached_anchor, diagnosis.time, &judgement.findings);
    text.push('\n');
    let known = symptoms.bag.certificates.iter().chain(&symptoms.anchors);
    let labels = Labels::of(known.map(|it| &it.certificate));
    for stage in &diagnosis.stages {
        let mark = match stage.state {
            State::Good => "✓",
            State::Wrong => "✗",
            State::Unknown => "-",
        };
        // Writing into a string does not fail.
        let _ = writeln!(text, "{mark} {:13} {}", stage.step.to_string(), stage.summary);
        for line in show::plain_findings(&stage.findings, &labels).lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    let _ = writeln!(text, "\ntrusted: {trusted}");
    if diagnosis.is_good() {
        text += "nothing is wrong\n";
        let unknown = diagnosis.stages.iter().filter(|it| it.state == State::Unknown);
        let steps: Vec<_> = unknown.map(|it: &Stage| Step::to_string(&it.step)).collect();
        if !steps.is_empty() {
            let _ = writeln!(text, "not looked at: {}", steps.join(", "));
        }
    } else {
        text += "\nTo mend it:\n";
        for (number, Remedy { why, commands }) in diagnosis.remedies.iter().enumerate() {
            let _ = writeln!(text, "{}. {why}", number + 1);
            for command in commands {
                let _ = writeln!(text, "     {command}");
            }
        }
    }
    text
}
