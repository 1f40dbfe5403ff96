//! Measures the product beside its peers: one load generator, the same requests' shape, both servers
//! pinned to one core and the generator to the other, rounds in turn, medians.
//!
//! The server is the release program, started as a process over a folder that `skink init` made.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measuring program talks")]

mod cores;
mod error;
mod ground;
mod http;
mod load;
mod machine;
mod material;
mod openbao;
mod postgres;
mod process;
mod row;
mod rows;
mod seed;
mod skink;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::error::BenchError;
use crate::machine::Machine;
use crate::row::Row;

/// Measures Skink beside its peers.
#[derive(Clone, Debug, Parser)]
#[command(name = "skink-bench")]
pub(crate) struct Options {
    /// The `skink` program that serves.
    #[arg(long)]
    pub(crate) skink: PathBuf,
    /// The `skink-fleet` program that simulates agents; without it there are no rows of fleets.
    #[arg(long)]
    pub(crate) fleet: Option<PathBuf>,
    /// Smaller sizes, under five minutes in all.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Print a JSON list of rows on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// Only rows of these names.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Connections of the generator, to either side.
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// Without the peer: for looking at our own side. Rows that need it have no ratio.
    #[arg(long)]
    pub(crate) alone: bool,
    /// Where the servers' folders are made; the disk that is measured.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
}

impl Options {
    /// Whether rows of this name are wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|one| one == name)
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok((machine, rows)) => {
            if options.json {
                println!("{}", row::json(&rows));
            } else {
                println!("{machine}\n\n{}", row::table(&rows));
            }
            let held = rows.iter().all(|row| row.holds != Some(false));
            if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {}", skink_model::with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(Machine, Vec<Row>), BenchError> {
    rows::known(&options.only)?;
    let mut place = tempfile::Builder::new();
    place.prefix("skink-bench-");
    let made = match &options.dir {
        Some(dir) => place.tempdir_in(dir),
        None => place.tempdir(),
    };
    let dir = made.map_err(BenchError::file("make the folder of the servers"))?;
    let machine = Machine::look(dir.path())?;
    if options.json {
        eprintln!("{machine}");
    }
    // One thread: it and every server started while it is on a core are on that core.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::Runtime)?;
    let rows = runtime.block_on(rows::all(options, dir.path()))?;
    Ok((machine, rows))
}

/// Progress, on standard error.
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}
