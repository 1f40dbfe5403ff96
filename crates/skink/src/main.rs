//! Skink: server, agent, offline root, drill and command line in one program.

mod agent;
mod drill;
mod init;
mod logging;
mod serve;
mod signals;
mod store;

use std::process::ExitCode;

use skink_cli::{Cli, Command, Exit, Output};

/// A server's thousands of connections come and go on many threads: the system's allocator keeps a
/// multiple of what they need.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match skink_cli::parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let done = tokio::runtime::Runtime::new()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(perform(cli)));
    match done {
        Ok(()) => Exit::Done.into(),
        Err(error) => skink_cli::report(&error).into(),
    }
}

/// Help and version are no errors; everything else that the parser says is.
fn usage(error: &clap::Error) -> ExitCode {
    // A closed pipe is the reader's choice.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}

async fn perform(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Client(command) => skink_cli::run(command, &cli.global).await,
        Command::Agent(command) => agent::run(command, &cli.global).await,
        Command::Init(args) => init::run(*args, Output::new(cli.global.json)).await,
        Command::Serve(args) => serve::run(&args).await,
        Command::Store(command) => store::run(command, Output::new(cli.global.json)).await,
        Command::Drill(args) => drill::run(args, Output::new(cli.global.json)).await,
    }
}
