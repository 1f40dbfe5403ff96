//! `skink posture`

mod keys;
mod places;
mod published;
mod served;
mod show;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use skink_model::Clock as _;
use skink_posture::{ALL, Baseline, Facts, Limits, Report, Severity, UnknownSeverity};
use skink_signer::KeyUri;

use self::places::Places;
use super::Session;
use crate::table::Table;
use crate::{Exit, Failure, Global, MachineClock, Output};

pub(crate) const LONG: &str = "Posture: whether keys, authorities and people are kept as they \
    should be.\n\n\
    Rules of a file each read what the server and the key services tell: age and rotation, where \
    and how keys are kept, who may do what with them, records, recovery kits, drills, lifetimes, \
    lists. What cannot be read is unknown, and never a pass.";

const CHECK: &str = "Hold every rule against what is there.\n\n\
    As an operator, over a running server: its authorities, people and publications, and its keys \
    at their services, with the environment's credential. With --keys, over those keys and without a \
    server; a place stands for all its keys (`vault:transit/`, `pkcs11:token=LABEL`, \
    `awskms:alias/`, a key ring of `gcpkms`, `software:*`). With both --keys and --operator, over both.\n\n\
    Nothing is changed and nothing signed. An auditor's credential will do: what it may not read is \
    unknown, with the permission that is missing.\n\n\
    A baseline accepts findings by name until a day:\n\n\
    \x20 [[accept]]\n\
    \x20 rule = \"fips-level\"\n\
    \x20 subject = \"vault:transit/issuer-1?version=1\"\n\
    \x20 owner = \"lea\"\n\
    \x20 reason = \"the module arrives in March\"\n\
    \x20 until = \"2027-03-31\"\n\n\
    One that ended, or fits nothing, is a LOW finding itself.\n\n\
    Exit codes: 0 nothing as bad as --fail-on says; 6 something is, or is unknown with \
    --fail-on-unknown; 2 no baseline, no limits, no such key's name; 4 and 5 the server does not let \
    you in or does not answer.";

const CHECK_EXAMPLES: &str = "Examples:\n  \
    skink posture check\n  \
    skink posture check --keys vault:transit/ --fail-on medium --fail-on-unknown\n  \
    skink posture check --baseline accepted.toml --format sarif > posture.sarif\n  \
    skink posture check --format html > posture.html";

#[derive(Debug, Subcommand)]
pub enum PostureCommand {
    /// Hold every rule against what is there
    #[command(long_about = CHECK, after_long_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// The rules: what each wants, reads and needs
    Rules,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Keys, or places with all their keys, instead of a server's.
    #[arg(long, value_name = "URI", num_args = 1..)]
    keys: Vec<KeyUri>,
    /// The credential for the keys' services; the environment's unless said.
    #[arg(long, value_name = "FILE")]
    key_credential_file: Option<PathBuf>,
    /// The server's folder, for keys in files.
    #[arg(long, value_name = "DIR", default_value = "skink")]
    dir: PathBuf,
    /// From which severity on findings make it fail.
    #[arg(long, value_enum, default_value = "high")]
    fail_on: FailOn,
    /// Fail over what is not known, too.
    #[arg(long)]
    fail_on_unknown: bool,
    /// What is accepted, by whom, why and until when (TOML).
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Other limits than the usual: `symmetric_key = 365`, … in days (TOML).
    #[arg(long, value_name = "FILE")]
    limits: Option<PathBuf>,
    /// How the answer is written; --json is the same as json.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    High,
    Medium,
    Low,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, at a terminal.
    Table,
    /// For programs.
    Json,
    /// SARIF 2.1.0, for what collects findings of many tools.
    Sarif,
    /// A page for people, in one file.
    Html,
}

pub(crate) async fn run(command: PostureCommand, global: &Global) -> Result<()> {
    let out = Output::new(global.json);
    match command {
        PostureCommand::Check(args) => check(args, global).await,
        PostureCommand::Rules => out.table(&rules_json(), rules_table),
    }
}

async fn check(args: CheckArgs, global: &Global) -> Result<()> {
    let limits = read(args.limits.as_deref(), Limits::from_toml)?.unwrap_or_default();
    let baseline = read(args.baseline.as_deref(), Baseline::from_toml)?.unwrap_or_default();
    let mut places = Places::new(&args.dir, args.key_credential_file.as_deref())?;
    let mut facts = Facts::default();
    let mut of = Vec::new();
    if args.keys.is_empty() || global.operator.is_some() {
        let session = Session::open(global)?;
        of.push(served::collect(&session.api, &mut places, &mut facts).await?);
    }
    for key in &args.keys {
        keys::named(&mut places, key, &mut facts).await?;
        of.push(key.to_string());
    }
    places.tell(&mut facts);
    let report = skink_posture::check(&facts, &limits, &baseline, MachineClock.now());
    write(&report, &args, Output::new(global.json), &of.join(", "))?;
    let least = match args.fail_on {
        FailOn::High => Some(Severity::High),
        FailOn::Medium => Some(Severity::Medium),
        FailOn::Low => Some(Severity::Low),
        FailOn::Never => None,
    };
    let unknown = if args.fail_on_unknown { UnknownSeverity::Fails } else { UnknownSeverity::Told };
    if report.fails(least, unknown) {
        bail!(Failure::Answered(Exit::NotVerified));
    }
    Ok(())
}

fn write(report: &Report, args: &CheckArgs, out: Output, of: &str) -> Result<()> {
    match args.format {
        Format::Sarif => {
            let log = report.to_sarif(env!("CARGO_PKG_VERSION"));
            Output::new(true).show(&log, String::new)
        }
        Format::Html => {
            Output::raw(&report.to_html(of));
            Ok(())
        }
        Format::Json => Output::new(true).show(&report.to_json(), String::new),
        Format::Table => out.show(&report.to_json(), || show::people(report)),
    }
}

fn read<T, E: std::error::Error>(
    file: Option<&Path>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>> {
    let Some(file) = file else { return Ok(None) };
    let text = fs_err::read_to_string(file)?;
    let parsed = parse(&text).map_err(|error| {
        let below = error.source().map(|below| format!(": {below}")).unwrap_or_default();
        Failure::Usage {
            what: format!("{} cannot be taken: {error}{below}", file.display()),
            hint: "`skink posture check --help` shows the form; nothing was checked".into(),
        }
    });
    Ok(Some(parsed?))
}

fn rules_json() -> Vec<serde_json::Value> {
    let rule = |rule: &&skink_posture::Rule| {
        serde_json::json!({
            "rule": rule.id, "title": rule.title, "worst": rule.worst, "reads": rule.reads,
            "needs": rule.needs, "recommendation": rule.recommendation, "clauses": rule.clauses,
            "server": rule.scope == skink_posture::Scope::Server,
        })
    };
    ALL.iter().map(rule).collect()
}

fn rules_table() -> Table {
    let mut table = Table::new(["rule", "worst", "what ought to hold", "needs"], "no rules");
    for rule in ALL {
        table.row([
            rule.id.to_owned(),
            rule.worst.to_string(),
            rule.title.to_owned(),
            rule.needs.to_owned(),
        ]);
    }
    table
}
