//! `cargo xtask test`: everything that must hold before a change lands.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::drills::{self, Drill};
use crate::tools::Tools;
use crate::{check_deps, fuzz, shell};

#[derive(Args)]
pub(crate) struct Options {
    /// Run only these steps; may be given several times.
    #[arg(long, value_enum)]
    only: Vec<Step>,
}

/// One part of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    Fmt,
    Clippy,
    CheckDeps,
    Deny,
    Advisories,
    Test,
    Clouds,
    DocTest,
    Fuzz,
    Drill,
    Sabotage,
    Crash,
}

const STEPS: [Step; 12] = [
    Step::Fmt,
    Step::CheckDeps,
    Step::Deny,
    Step::Advisories,
    Step::Clippy,
    Step::Test,
    Step::Clouds,
    Step::DocTest,
    Step::Fuzz,
    Step::Drill,
    Step::Sabotage,
    Step::Crash,
];

/// How a step went.
enum Outcome {
    Passed,
    Skipped(&'static str),
    Failed(anyhow::Error),
}

/// Installs the tools, runs every step even after a failure, prints a summary.
pub(crate) fn run(options: &Options) -> Result<()> {
    let tools = Tools::install()?;
    let mut lines = Vec::new();
    let mut failed = 0;
    for step in STEPS {
        if !options.only.is_empty() && !options.only.contains(&step) {
            continue;
        }
        println!("── {step:?}");
        let began = Instant::now();
        let outcome = perform(step, &tools).unwrap_or_else(Outcome::Failed);
        let took = began.elapsed();
        failed += usize::from(matches!(outcome, Outcome::Failed(_)));
        lines.push(summary_line(step, &outcome, took));
    }
    println!("── summary");
    for line in lines {
        println!("{line}");
    }
    if failed > 0 {
        bail!("{failed} steps failed");
    }
    Ok(())
}

fn summary_line(step: Step, outcome: &Outcome, took: Duration) -> String {
    let (word, detail) = match outcome {
        Outcome::Passed => ("ok", String::new()),
        Outcome::Skipped(why) => ("skipped", (*why).to_owned()),
        Outcome::Failed(error) => ("FAILED", format!("{error:#}")),
    };
    let name = format!("{step:?}");
    format!("{name:<12}{word:<9}{:>7.1} s  {detail}", took.as_secs_f64())
}

fn perform(step: Step, tools: &Tools) -> Result<Outcome> {
    match step {
        Step::Fmt => shell::run(&mut tools.cargo(["fmt", "--all", "--check"]))?,
        Step::Clippy => clippy(tools)?,
        Step::CheckDeps => check_deps::run()?,
        Step::Deny => {
            let checks = ["deny", "--locked", "check", "bans", "licenses", "sources"];
            shell::run(&mut tools.cargo(checks))?;
        }
        Step::Advisories => return advisories(tools),
        Step::Test => {
            let args = ["nextest", "run", "--workspace", "--locked", "--no-fail-fast"];
            shell::run(&mut tools.cargo(args))?;
        }
        Step::Clouds => clouds(tools)?,
        Step::DocTest => {
            shell::run(&mut tools.cargo(["test", "--doc", "--workspace", "--locked"]))?;
        }
        Step::Fuzz => fuzz::for_a_minute()?,
        Step::Drill => drills::run_all(&[Drill::theft(20, 1), Drill::rotation(8, 1)])?,
        Step::Sabotage => {
            let all = drills::PROTECTIONS.map(|protection| Drill::sabotaged(6, protection));
            drills::run_all(&all)?;
            without_the_taint_check()?;
        }
        Step::Crash => {
            let seeds: Vec<Drill> = (1..=5).map(|seed| Drill::crash(8, seed)).collect();
            drills::run_all(&seeds)?;
        }
    }
    Ok(Outcome::Passed)
}

fn clippy(tools: &Tools) -> Result<()> {
    let args = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    shell::run(&mut tools.cargo(args))
}

/// The key providers that the default build does without, because their clients are heavy.
fn clouds(tools: &Tools) -> Result<()> {
    // All at once, so that what they share is built once.
    let packages = ["skink-signer", "skink", "skink-testkit", "skink-reencrypt"];
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    let packages: Vec<&str> = packages.chain(["--locked"]).collect();
    let features = ["--features", "awskms,azurekv,gcpkms,s3"];
    let mut clippy = tools.cargo(["clippy", "--all-targets"]);
    shell::run(clippy.args(&packages).args(features).args(["--", "-D", "warnings"]))?;
    let providers = "package(skink-signer) & test(/awskms|azurekv|gcpkms/)";
    let fakes = "package(skink-testkit) & binary(azurekv)";
    let drills = "package(skink) & binary(secrets) & test(/^(azure|clouds)::/)";
    let objects = "package(skink-reencrypt) & binary(s3)";
    let mut tests = tools.cargo(["nextest", "run", "--no-fail-fast"]);
    let filter = format!("({providers}) | ({fakes}) | ({drills}) | ({objects})");
    shell::run(tests.args(&packages).args(features).arg("--filterset").arg(filter))
}

/// The tests that must fail when the ask does not look at the taint.
const TAINT_TESTS: [&str; 2] = [
    "ledger::a_request_linted_before_the_taint_is_refused_after_it",
    "concurrency::no_request_slips_past_a_taint_that_commits",
];

/// The fifth protection has no switch, since no program may have one: it is compiled out of a
/// store's test alone, and each test of it has to fail then.
fn without_the_taint_check() -> Result<()> {
    let build = ["test", "--package", "skink-store", "--test", "store", "--locked"];
    let build = |more: &[&str]| {
        let args = build.iter().chain(&["--features", "danger-no-taint-check"]).chain(more);
        shell::cargo(args)
    };
    shell::run(&mut build(&["--no-run"]))?;
    for test in TAINT_TESTS {
        // A test that does not exist would not fail either.
        let listed = shell::read(&mut build(&["--quiet", "--", "--list", "--exact", test]))?;
        if !listed.contains(test) {
            bail!("there is no test {test} any more");
        }
        if shell::succeeds(&mut build(&["--quiet", "--", "--exact", test])) {
            bail!("nobody noticed that the taint check in the ask is missing: {test} passed");
        }
        println!("ok      without the taint check in the ask, {test} fails");
    }
    Ok(())
}

/// The advisory database lives in a git repository that not every network reaches.
fn advisories(tools: &Tools) -> Result<Outcome> {
    if !shell::succeeds(&mut tools.cargo(["deny", "--locked", "fetch", "db"])) {
        return Ok(Outcome::Skipped("the advisory database cannot be fetched from here"));
    }
    shell::run(&mut tools.cargo(["deny", "--locked", "check", "advisories"]))?;
    Ok(Outcome::Passed)
}
