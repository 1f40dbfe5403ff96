//! `skink chain diagnose`

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use skink_chain::diagnosis::{self, Diagnosis, Place, Remedy, Stage, State, Step, Symptoms};
use skink_chain::input::{self, NoPassphrase};
use skink_chain::{Bag, Word, draw, shell_word, words};
use skink_path::PeerName;

use super::anchors::Anchors;
use super::fetch::Reach;
use super::files::Files;
use super::repair_failure;
use super::settings::SettingsArgs;
use super::show::{self, Labels};
use super::verify::exit;
use crate::{Failure, Output, PassphraseArgs};

pub(crate) const LONG: &str = "Find out why TLS says no, and what mends it.\n\n\
    Walks the steps that an experienced engineer walks: can everything be read; is it expired or \
    not valid yet; is an intermediate missing; is the order wrong; does the key match; does the \
    name; is the root trusted; is something revoked, weak, or used for what it is not meant. All \
    steps are walked, whatever the first ones find. It ends with the commands and configuration \
    lines that mend it.\n\n\
    Give the files that the server is configured with, the private key included, and the name that \
    clients connect to; or a server as HOST:PORT, which is asked for what it presents, by the name \
    that it is reached under unless --host says another. Exits with 0 when nothing is wrong, 1 when \
    something is, 3 when it cannot be decided, 5 when the server cannot be reached or shows no \
    certificate.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink chain diagnose www.example.org:443\n  \
    skink chain diagnose mail.example.org:587 --trusted root.pem\n  \
    skink chain diagnose 192.0.2.7:443 --sni www.example.org --host www.example.org\n  \
    skink chain diagnose fullchain.pem privkey.pem --host www.example.org\n  \
    skink chain diagnose site.p12 --trusted root.pem --host intranet.corp.example\n  \
    skink chain diagnose cert.pem chain.pem current.crl --revocation chain --json";

#[derive(Debug, Args)]
pub struct Diagnose {
    /// The server's files: certificates in its order, the key, CRLs, OCSP responses; or a server.
    #[arg(required = true, value_name = "FILE|HOST:PORT")]
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
    reach: Reach,
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

pub(crate) async fn run(args: &Diagnose, out: Output) -> Result<()> {
    let files = Files::new(&args.passphrase)?;
    let anchors = Anchors::read(&files, &args.trusted)?;
    let Targets { server, paths } = Targets::of(&args.targets)?;
    let mut bag = Bag::default();
    if let Some(place) = &server {
        let presented = args.reach.fetch(place).await?;
        for der in presented.chain.iter().chain(&presented.stapled) {
            bag.add(input::read(der, &mut NoPassphrase), &place.to_string());
        }
    }
    let of_server = server.is_some().then(|| bag.plain_certificates());
    bag.append(files.bag(&paths)?);
    let presented = of_server.unwrap_or_else(|| bag.plain_certificates());
    bag.append(files.bag(&args.untrusted)?);
    let mut settings = args.settings.resolve(!bag.crls.is_empty() || !bag.ocsp.is_empty());
    if let (Some(place), PeerName::None) = (&server, &settings.name) {
        settings.name = words::host(&place.host);
    }
    let word = |path: &PathBuf| shell_word(&path.display().to_string());
    let mut beside: Vec<_> = args.untrusted.iter().map(word).collect();
    let place = match &server {
        Some(place) => {
            beside.extend(paths.iter().map(word));
            Place::Server(shell_word(&place.to_string()))
        }
        None => Place::Files(paths.iter().map(word).collect()),
    };
    let mut options: Vec<_> =
        args.trusted.iter().map(|it| format!("--trusted {}", word(it))).collect();
    options.extend(args.settings.host.iter().map(|it| format!("--host {}", shell_word(it))));
    let anchored = anchors.certificates;
    let symptoms = Symptoms { presented, bag, anchors: anchored, settings, place, beside, options };
    tell(&symptoms, &anchors.source, out)
}

/// What is diagnosed.
struct Targets {
    server: Option<skink_fetch::Place>,
    paths: Vec<PathBuf>,
}

impl Targets {
    /// A file where there is one, a server where it reads as one.
    fn of(targets: &[PathBuf]) -> Result<Self> {
        let (mut server, mut paths) = (None, Vec::new());
        for target in targets {
            let place = target.to_str().and_then(|it| it.parse::<skink_fetch::Place>().ok());
            match place {
                Some(place) if !target.exists() => {
                    if server.replace(place).is_some() {
                        return Err(Failure::Usage {
                            what: "one server is diagnosed at a time".to_owned(),
                            hint: "begin the command once for each server".to_owned(),
                        }
                        .into());
                    }
                }
                _ => paths.push(target.clone()),
            }
        }
        Ok(Self { server, paths })
    }
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
