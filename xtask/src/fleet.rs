//! `cargo xtask fleet N`: what one server carries, measured with simulated agents.

use anyhow::Result;
use clap::Args;

use crate::shell;

/// How large, and in which form.
#[derive(Args)]
pub(crate) struct Options {
    /// How many agents.
    agents: u32,
    /// Agents connect, poll and disconnect instead of waiting on an open connection.
    #[arg(long)]
    polling: bool,
    /// Print the rows as a JSON list.
    #[arg(long)]
    json: bool,
    /// More for the simulator: `cargo xtask fleet 1000 -- --wave 100`.
    #[arg(last = true)]
    more: Vec<String>,
}

/// Builds server and simulator in release and runs them as two processes.
pub(crate) fn run(options: &Options) -> Result<()> {
    shell::run(&mut shell::cargo(["build", "--release", "--locked", "-p", "skink-fleet"]))?;
    shell::run(&mut shell::cargo(["build", "--release", "--locked", "-p", "skink"]))?;
    let programs = shell::target_dir().join("release");
    let suffix = std::env::consts::EXE_SUFFIX;
    let mut command = shell::command(
        programs.join(format!("skink-fleet{suffix}")),
        [options.agents.to_string(), "--skink".to_owned()],
    );
    command.arg(programs.join(format!("skink{suffix}")));
    if options.polling {
        command.arg("--polling");
    }
    if options.json {
        command.arg("--json");
    }
    command.args(&options.more);
    shell::run(&mut command)
}
