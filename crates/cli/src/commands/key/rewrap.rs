//! `skink key rewrap`

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::Serialize;
use skink_reencrypt::{Run, Source, State, StateError, Tally};
use skink_signer::encryption::{Crossing, EncryptionProvider, Patient};
use skink_signer::{KeyUri, Quotas};

use super::encryption::{ContextArgs, open};
use super::place::failed;
use crate::table::Facts;
use crate::{Exit, Failure, Output};

pub(super) const LONG: &str = "Carry ciphertexts over to another version of a symmetric key, or to \
    another key.\n\n\
    What a leaked key needs: `skink key rotate --for encryption`, then this over everything that \
    the key encrypted, then `skink key retire`. Within one Vault or OpenBao key the service does it, \
    and the plaintext does not leave it; between others the ciphertext is decrypted and encrypted \
    in this process, in memory that is cleared.\n\n\
    A target is a file, a folder with all that is in it, a pattern, or @LIST (a file with a path on \
    each line); a file holds one ciphertext and nothing else, in bytes or in base64. Or it is a \
    column of a database: `postgres://USER@HOST/DB?table=TABLE&column=COLUMN&key=KEY` (what the URL \
    leaves out comes from PGHOST, PGPASSWORD, ~/.pgpass) or `sqlite:PATH?table=…`, where the key is \
    unique and names a row. Or it is `s3://BUCKET/PREFIX`, where this program was built with S3.\n\n\
    Each new ciphertext is seen to open before it takes the old one's place, in one step, and only \
    where the old one still stands: by the service itself, or decrypted and compared (--compare, \
    and wherever the plaintext passes through here anyway). Where this credential may do neither, \
    the service's word for the new key has to do; the summary says how many of each. What is no \
    ciphertext of the old key is left alone, counted and listed.\n\n\
    Stopped at any point and started again with the same state file, it does an object at most once \
    more and loses none.\n\n\
    It takes nothing back from somebody who has the old key and copies of old ciphertexts.\n\n\
    Exit codes: 0 nothing is left under the old key where it looked, 6 something is; 3, 4, 5, 7 as \
    everywhere: the service refused or was not there, and a second run goes on.";

pub(super) const EXAMPLES: &str = "Examples:\n  \
    skink key rewrap --from vault:transit/customers /srv/secrets --dry-run\n  \
    skink key rewrap --from vault:transit/customers '/srv/secrets/*.enc' @more.list\n  \
    skink key rewrap --from vault:transit/old --to vault:transit/new --compare backup.enc\n  \
    skink key rewrap --from vault:transit/customers \\\n    \
      'postgres://app@db/shop?table=people&column=iban&key=id'";

#[derive(Debug, Args)]
pub struct Rewrap {
    /// The old key; with a version, only what is under that version.
    #[arg(long, value_name = "URI")]
    from: KeyUri,
    /// The new key [default: the newest version of the old one]
    #[arg(long, value_name = "URI")]
    to: Option<KeyUri>,
    /// Where ciphertexts lie.
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<String>,
    #[command(flatten)]
    context: ContextArgs,
    /// File with the credential for the old key, instead of what the environment gives.
    #[arg(long, value_name = "FILE")]
    key_credential_file: Option<PathBuf>,
    /// File with the credential for the new key, where it is another.
    #[arg(long, value_name = "FILE")]
    to_credential_file: Option<PathBuf>,
    /// Folder of software keys.
    #[arg(long, default_value = "skink", value_name = "DIR")]
    dir: PathBuf,
    /// File that says what was put where; a second run goes on by it.
    #[arg(long, default_value = "skink-rewrap.state", value_name = "FILE")]
    state: PathBuf,
    /// Decrypt old and new and compare them.
    #[arg(long)]
    compare: bool,
    /// Batches under way at the same time.
    #[arg(long, default_value_t = 4, value_name = "N")]
    at_once: usize,
    /// Calls of the key service in a second, at most.
    #[arg(long, value_name = "N")]
    per_second: Option<u32>,
    /// Ask the service, say what would be done, replace nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What came of it.
#[derive(Serialize)]
struct Report<'a> {
    from: &'a KeyUri,
    to: &'a KeyUri,
    /// Whether the plaintext stayed in the service.
    in_service: bool,
    dry_run: bool,
    /// Whether it went through all targets.
    finished: bool,
    #[serde(flatten)]
    tally: &'a Tally,
}

pub(super) async fn run(rewrap: Rewrap, out: Output) -> Result<()> {
    let crossing = crossing(&rewrap).await?;
    let sources = skink_reencrypt::open(&rewrap.targets).await?;
    let state = state(&rewrap, crossing.to())?;
    let run = Run::new(&crossing, state, rewrap.at_once, rewrap.dry_run);
    let mut tally = Tally::default();
    let mut ended = Ok(());
    for source in &sources {
        let mut progress = Progress::of(source.as_ref(), &tally, out).await?;
        ended = run.through(source.as_ref(), &mut tally, &mut |tally| progress.tell(tally)).await;
        progress.end();
        if ended.is_err() {
            break;
        }
    }
    let report = Report {
        from: &rewrap.from,
        to: crossing.to(),
        in_service: crossing.stays_in_service(),
        dry_run: rewrap.dry_run,
        finished: ended.is_ok(),
        tally: &tally,
    };
    out.show(&report, || report.in_words())?;
    if let Err(stopped) = ended {
        return Err(told(&rewrap.from, stopped));
    }
    if tally.is_complete() { Ok(()) } else { Err(Failure::Answered(Exit::NotVerified).into()) }
}

async fn crossing(rewrap: &Rewrap) -> Result<Crossing> {
    let to = rewrap.to.clone().unwrap_or_else(|| rewrap.from.without_version());
    let mut quotas = Quotas::new();
    for key in [&rewrap.from, &to] {
        if let Some(per_second) = rewrap.per_second {
            quotas = quotas.of_provider(key.scheme(), per_second);
        }
    }
    let quotas = Arc::new(quotas);
    let opened = |key: &KeyUri, file: Option<&PathBuf>| -> Result<Arc<dyn EncryptionProvider>> {
        let provider = open(key, file.map(PathBuf::as_path), &rewrap.dir)?;
        Ok(Arc::new(Patient::new(provider, Arc::clone(&quotas))))
    };
    let own = rewrap.key_credential_file.as_ref();
    let from = opened(&rewrap.from, own)?;
    let other = rewrap.to_credential_file.as_ref().or(own);
    let provider = opened(&to, other)?;
    let cannot = |key: &KeyUri, error| failed(key, "cannot find", error);
    from.find(&rewrap.from).await.map_err(|error| cannot(&rewrap.from, error))?;
    let found = provider.find(&to).await.map_err(|error| cannot(&to, error))?;
    if found == rewrap.from && !provider.renews_in_place() {
        bail!(Failure::Usage {
            what: format!("{found} is the old key and the new"),
            hint: "rotate it first: skink key rotate --for encryption; or name another with --to"
                .into(),
        });
    }
    let context = rewrap.context.context()?;
    let from = (from, rewrap.from.clone());
    let crossing = Crossing::new(from, (provider, found), context, rewrap.compare);
    Ok(if rewrap.to_credential_file.is_some() { crossing.apart() } else { crossing })
}

fn state(rewrap: &Rewrap, to: &KeyUri) -> Result<State> {
    if rewrap.dry_run && !rewrap.state.exists() {
        return Ok(State::none());
    }
    State::open(&rewrap.state, &rewrap.from, to).map_err(|error| {
        let what = format!("{}: {error}", rewrap.state.display());
        match error {
            StateError::OfAnotherRun { .. } => Failure::Usage {
                what,
                hint: "name another with --state; to go on with that run, name its keys".into(),
            }
            .into(),
            StateError::Taken => {
                Failure::Refused { what, hint: "wait for it, or stop it".into() }.into()
            }
            error => anyhow::Error::from(error).context(what),
        }
    })
}

fn told(key: &KeyUri, stopped: skink_reencrypt::Stopped) -> anyhow::Error {
    match stopped {
        skink_reencrypt::Stopped::Service(error) => {
            failed(key, "stopped before the end, and goes on when run again: re-encrypting", error)
        }
        other => anyhow::Error::from(other),
    }
}

impl Report<'_> {
    fn in_words(&self) -> String {
        let tally = self.tally;
        let count = |count: u64| (count > 0).then_some(count);
        let done = if self.dry_run { "would be re-encrypted" } else { "re-encrypted" };
        let how = if self.in_service { "by the service" } else { "in memory, here" };
        let mut text = Facts::default()
            .fact("from", self.from)
            .fact("to", self.to)
            .fact("looked at", tally.seen)
            .fact(done, format!("{} ({how})", tally.done))
            .maybe("  decrypted and compared", count(tally.compared))
            .maybe("  opened by the service", count(tally.opened))
            .maybe("  not opened, new key named by the service", count(tally.named))
            .maybe("done by an earlier run", count(tally.before))
            .maybe("under the new key already", count(tally.already))
            .maybe("no ciphertext of the old key, left alone", count(tally.foreign))
            .maybe("changed meanwhile, left alone", count(tally.changed))
            .maybe("gone meanwhile", count(tally.gone))
            .maybe("failed", count(tally.failed))
            .to_string();
        for one in &tally.listed {
            let why = one.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            // Writing into a string does not fail.
            let _ = writeln!(text, "{} {}{why}", one.what, one.id);
        }
        if self.dry_run {
            text.push_str("nothing was replaced\n");
        }
        text
    }
}

/// A line that is written over on a terminal, and a new one now and then elsewhere.
struct Progress {
    name: String,
    of: Option<u64>,
    began_at: u64,
    out: Output,
    terminal: bool,
    next: Instant,
}

impl Progress {
    async fn of(source: &dyn Source, tally: &Tally, out: Output) -> Result<Self> {
        let name = source.name();
        let of = source.count().await.with_context(|| format!("cannot count {name}"))?;
        let terminal = std::io::stderr().is_terminal();
        Ok(Self { name, of, began_at: tally.seen, out, terminal, next: Instant::now() })
    }

    fn tell(&mut self, tally: &Tally) {
        let now = Instant::now();
        if self.out.is_json() || now < self.next {
            return;
        }
        self.next = now + Duration::from_millis(if self.terminal { 200 } else { 5_000 });
        let of = self.of.map(|of| format!(" of {of}")).unwrap_or_default();
        let (seen, left) = (tally.seen - self.began_at, tally.foreign + tally.changed);
        let line = format!(
            "{}: {seen}{of} looked at; {} re-encrypted, {left} left alone, {} failed",
            self.name, tally.done, tally.failed
        );
        if self.terminal {
            eprint!("\r{line}\x1b[K");
        } else {
            eprintln!("{line}");
        }
    }

    fn end(&self) {
        if self.terminal && !self.out.is_json() {
            eprint!("\r\x1b[K");
        }
    }
}
