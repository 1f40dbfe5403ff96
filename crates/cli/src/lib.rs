//! The command line: what a person types becomes resolved arguments, calls of the operators' API or
//! work in the offline root's folder, and an answer as a table or as JSON.
//!
//! The commands that bring an engine of their own (`init`, `serve`, `agent`, `drill`) are described
//! here and performed by the binary, which alone knows the server.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks")]

mod ambient;
mod api;
mod commands;
mod custodian;
mod exit;
mod failure;
mod operator;
mod output;
mod passphrase;
#[cfg(test)]
mod reference;
mod table;
mod tree;
mod when;

pub use ambient::{MachineClock, MachineRng};
pub use commands::agent::{
    AgentCommand, DisableArgs, EnrollArgs, RunArgs, disable as disable_agent,
};
pub use commands::drill::{DrillArgs, DrillPlan};
pub use commands::init::{InitArgs, ResolvedInit};
pub use commands::serve::ServeArgs;
pub use commands::store::{CopyArgs, FileArgs, ListsArgs, RestoreArgs, StoreArgs, StoreCommand};
pub use custodian::ask_custodians;
pub use exit::Exit;
pub use failure::{Failure, report};
pub use operator::OperatorFile;
pub use output::Output;
pub use passphrase::{PassphraseArgs, Passphrases};
pub use tree::{Cli, ClientCommand, Command, Global, parse};

/// Performs a command that needs no engine of its own.
pub async fn run(command: ClientCommand, global: &Global) -> anyhow::Result<()> {
    commands::run(command, global).await
}
