//! The project's own chores: `cargo xtask test`, `bench`, `check-deps`, `crash`, `fleet` and `fuzz`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks")]

mod bench;
mod check_deps;
mod docs;
mod drills;
mod fleet;
mod fuzz;
mod shell;
mod sizes;
mod test;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chores of the Skink workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install what the tests need, then run every check and every test.
    Test(test::Options),
    /// Measure the product beside its peers.
    Bench(bench::Options),
    /// Hold the walls between the crates, the sizes of files and functions, and the documents' links.
    CheckDeps,
    /// Hold the times that the product promises, on a machine that does nothing else
    DrillTimes,
    /// Run many drills that kill the server at random moments, or `--replicas` and their database.
    Crash(drills::CrashOptions),
    /// Measure an incident over many simulated agents.
    Fleet(fleet::Options),
    /// Run each fuzz target for a short while.
    Fuzz(fuzz::Options),
}

fn main() -> ExitCode {
    let done = match Cli::parse().chore {
        Chore::Test(options) => test::run(&options),
        Chore::Bench(options) => bench::run(&options),
        Chore::CheckDeps => check_deps::run(),
        Chore::DrillTimes => drills::times(),
        Chore::Crash(options) => drills::crash(&options),
        Chore::Fleet(options) => fleet::run(&options),
        Chore::Fuzz(options) => fuzz::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
