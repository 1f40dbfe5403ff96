//! A fleet of simulated agents in one process, and one incident over it: what a server carries.
//!
//! Each agent is its own: an enrolled key and certificate, a connection of its own over mutual TLS,
//! a key and a request for each certificate, every package judged by `skink-trust`, every chain
//! validated by `skink-path`, every acknowledgement signed. What is simulated is the software that
//! an agent tends: of one agent in a hundred the proofs come from handshakes with a TLS server that
//! runs the issued certificate and the agent's trust, of the others they are asserted.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measuring program talks")]

mod agent;
mod ambient;
mod duties;
mod error;
mod gauge;
mod limits;
mod probe;
mod report;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Brings up a server and simulated agents, and measures an incident over them.
#[derive(Clone, Debug, Parser)]
#[command(name = "skink-fleet")]
pub(crate) struct Options {
    /// How many agents.
    pub(crate) agents: usize,
    /// The `skink` program that serves.
    #[arg(long)]
    pub(crate) skink: PathBuf,
    /// Agents connect, poll, disconnect, and come back when the server says, instead of waiting on
    /// an open connection.
    #[arg(long)]
    pub(crate) polling: bool,
    /// Most connections at once, in the polling form.
    #[arg(long, default_value_t = 15_000)]
    pub(crate) connections: usize,
    /// Enrolments at once.
    #[arg(long, default_value_t = 64)]
    pub(crate) enrolling: usize,
    /// How long a poll may wait, in milliseconds; peers are reported as often.
    #[arg(long, default_value_t = 15_000)]
    pub(crate) wait_ms: u64,
    /// Endpoints of a wave; the first wave is a tenth of it. A quarter of the agents unless said.
    #[arg(long)]
    pub(crate) wave: Option<usize>,
    /// Most seconds until the incident has recovered.
    #[arg(long, default_value_t = 1_200)]
    pub(crate) limit_s: u64,
    /// Keep the server's folder here.
    #[arg(long)]
    pub(crate) keep: Option<PathBuf>,
    /// Print a JSON list of rows on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = tokio::runtime::Runtime::new()
        .map_err(error::FleetError::Runtime)
        .and_then(|runtime| runtime.block_on(run::run(&options)));
    match done {
        Ok(report) => {
            println!("{}", if options.json { report.json() } else { report.text() });
            if report.recovered() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {}", skink_model::with_causes(&error));
            ExitCode::FAILURE
        }
    }
}
