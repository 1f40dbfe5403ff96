//! Drills as a check: run the real binary, read its JSON, believe nothing that it does not show.

mod crash;
mod verdict;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::shell;

pub(crate) use crash::{CrashOptions, crash};

/// What is drilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// An issuing authority's key is stolen.
    Authority,
    /// The same path without a thief.
    Rotation,
}

/// One run of `skink drill --json`.
#[derive(Clone, Debug)]
pub(crate) struct Drill {
    /// Servers, and as many clients.
    pub(crate) endpoints: u32,
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    pub(crate) crash: bool,
    /// A protection that is taken out: then the drill must notice.
    pub(crate) without: Option<&'static str>,
    /// Wall time that the whole command may take on two cores with nothing else to do. Only a
    /// measurement holds it; elsewhere three times as long ends the drill.
    pub(crate) within: Duration,
    /// From declaration to the last gate, where a measurement is to hold it.
    pub(crate) recovered_within: Option<Duration>,
    /// Whether this run is a measurement on a machine that does nothing else.
    pub(crate) timed: bool,
}

impl Drill {
    /// A stolen issuing key; 20 + 20 are done in 50 s and recover in 10 s on two cores.
    pub(crate) const fn theft(endpoints: u32, seed: u64) -> Self {
        Self {
            endpoints,
            seed,
            plan: Plan::Authority,
            crash: false,
            without: None,
            within: Duration::from_secs(50),
            recovered_within: None,
            timed: false,
        }
    }

    /// The same as a measurement: too slow is a failure.
    pub(crate) const fn timed(self, within: Duration, recovered_within: Duration) -> Self {
        Self { within, recovered_within: Some(recovered_within), timed: true, ..self }
    }

    /// The same, while the server is killed again and again.
    pub(crate) const fn crash(endpoints: u32, seed: u64) -> Self {
        Self {
            endpoints,
            seed,
            plan: Plan::Authority,
            crash: true,
            without: None,
            within: Duration::from_mins(1),
            recovered_within: None,
            timed: false,
        }
    }

    /// A planned rotation, which has no deadline but must not be noticed either.
    pub(crate) const fn rotation(endpoints: u32, seed: u64) -> Self {
        Self {
            plan: Plan::Rotation,
            within: Duration::from_mins(2),
            ..Self::theft(endpoints, seed)
        }
    }

    /// A stolen key, with one protection taken out.
    pub(crate) const fn sabotaged(endpoints: u32, protection: &'static str) -> Self {
        Self {
            without: Some(protection),
            within: Duration::from_mins(3),
            ..Self::theft(endpoints, 1)
        }
    }

    fn command(&self, binary: &Path) -> Command {
        let mut command = shell::command(binary, ["drill", "--json"]);
        let size = self.endpoints.to_string();
        command.args(["--endpoints", &size, "--clients", &size]);
        command.args(["--seed", &self.seed.to_string()]);
        if self.plan == Plan::Rotation {
            command.args(["--plan", "rotation"]);
        }
        if self.crash {
            command.arg("--crash");
        }
        if let Some(protection) = self.without {
            command.args(["--without", protection]);
        }
        command
    }

    fn name(&self) -> String {
        let plan = if self.plan == Plan::Rotation { " rotation" } else { "" };
        let crash = if self.crash { " with crashes" } else { "" };
        let without = self.without.map_or_else(String::new, |what| format!(" without {what}"));
        format!("{0} + {0}{plan}{crash}{without}, seed {1}", self.endpoints, self.seed)
    }
}

/// The protections that can be taken out; without any of them a drill must fail.
pub(crate) const PROTECTIONS: [&str; 4] =
    ["deny-list", "session-reset", "parent-crl", "quiet-gate"];

/// What `skink` exits with when something was checked and does not hold.
const NOT_VERIFIED: i32 = 6;

/// `cargo xtask drill-times`: the figures that the product promises, on a machine that does nothing
/// else. A test would measure the machine; this is run by hand.
pub(crate) fn times() -> Result<()> {
    let (ten, minute) = (Duration::from_secs(10), Duration::from_mins(1));
    run_all(&[
        Drill::theft(20, 1).timed(Duration::from_secs(50), ten),
        Drill::theft(200, 1).timed(Duration::from_mins(3), minute),
        Drill::crash(8, 1).timed(minute, minute),
    ])
}

/// Runs every drill, also after one has failed, and says which seeds to look at.
pub(crate) fn run_all(drills: &[Drill]) -> Result<()> {
    let binary = release_binary()?;
    let mut failed = Vec::new();
    for drill in drills {
        match run(&binary, drill, None) {
            Ok(done) => println!("ok      {}: {}", drill.name(), done.line),
            Err(error) => {
                println!("FAILED  {}: {error:#}", drill.name());
                failed.push(drill.seed.to_string());
            }
        }
    }
    if !failed.is_empty() {
        let (lost, all) = (failed.len(), drills.len());
        bail!("{lost} of {all} drills failed; seeds {}", failed.join(", "));
    }
    Ok(())
}

fn release_binary() -> Result<PathBuf> {
    shell::run(&mut shell::cargo(["build", "--release", "--locked", "--package", "skink"]))?;
    Ok(shell::target_dir().join("release").join(format!("skink{}", std::env::consts::EXE_SUFFIX)))
}

/// What a drill that passed has shown.
struct Done {
    /// Its figures; those of a drill that had to fail are of no use.
    figures: Value,
    /// The same in a line.
    line: String,
}

/// Runs one drill, in the folder `keep` when its files are to be looked at, and judges it.
fn run(binary: &Path, drill: &Drill, keep: Option<&Path>) -> Result<Done> {
    let began = Instant::now();
    // A drill leaves its report where it is started.
    let folder = shell::target_dir().join("drills");
    fs::create_dir_all(&folder)?;
    let mut command = drill.command(binary);
    if let Some(keep) = keep {
        command.arg("--keep").arg(keep);
    }
    let mut child = command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    let mut stdout = child.stdout.take().context("no standard output")?;
    let reader = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let status = wait(&mut child, drill.within.saturating_mul(3))?;
    let took = began.elapsed();
    let text = reader.join().ok().context("the reader of the drill's output died")??;
    if let Some(keep) = keep {
        fs::write(keep.join("figures.json"), &text)?;
    }
    if let Some(protection) = drill.without {
        let line = noticed(protection, status.code(), &text, drill)?;
        return Ok(Done { figures: Value::Null, line });
    }
    let mut problems = Vec::new();
    if !status.success() {
        problems.push(format!("ended with {status}"));
    }
    if drill.timed && took > drill.within {
        problems.push(format!("took {:.1} s of wall time", took.as_secs_f64()));
    }
    let figures: Value = serde_json::from_str(text.trim()).with_context(|| {
        format!("{}: not one JSON object on standard output", problems.join("; "))
    })?;
    problems.extend(verdict::problems(&figures, drill));
    if problems.is_empty() {
        let line = verdict::line(&figures, took);
        return Ok(Done { figures, line });
    }
    bail!("{}", problems.join("; "))
}

/// A drill without one of its protections has to fail, and by its figures, not by accident.
fn noticed(protection: &str, code: Option<i32>, text: &str, drill: &Drill) -> Result<String> {
    let figures: Value = serde_json::from_str(text.trim())
        .with_context(|| format!("without {protection}: no figures"))?;
    let problems = verdict::problems(&figures, drill);
    if code != Some(NOT_VERIFIED) || problems.is_empty() {
        bail!("nobody noticed that {protection} is missing (exit code {code:?})");
    }
    Ok(format!("noticed: {}", problems.join("; ")))
}

/// How long a drill may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Asks a drill to stop, so that it stops its server as well; kills it if it does not.
fn stop(child: &mut Child) -> Result<()> {
    Command::new("kill").arg("-TERM").arg(child.id().to_string()).status()?;
    let deadline = Instant::now() + STOP_LIMIT;
    while Instant::now() < deadline {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}

fn wait(child: &mut Child, limit: Duration) -> Result<std::process::ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() > deadline {
            stop(child)?;
            bail!("was still running after {} s", limit.as_secs());
        }
        thread::sleep(Duration::from_millis(50));
    }
}
