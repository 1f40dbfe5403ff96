//! `skink chain`

mod anchors;
mod files;
mod inspect;
mod jobs;
mod settings;
mod show;
mod verify;

use anyhow::Result;
use clap::Subcommand;

use crate::Output;

pub(crate) const LONG: &str = "Chains: read, build, verify, explain and mend them, without a server.\n\n\
    Works on files in any of the usual containers, and on what servers present. Needs no operator \
    file. Exit codes here: 0 good, 1 looked at and not good, 2 wrong usage or an input that cannot \
    be read, 3 cannot be decided.";

#[derive(Debug, Subcommand)]
pub enum ChainCommand {
    /// Say what files hold: certificates, requests, lists, responses, keys
    #[command(long_about = inspect::LONG, after_long_help = inspect::EXAMPLES)]
    Inspect(inspect::Inspect),
    /// Say whether certificates are good, and everything that is wrong with them
    #[command(long_about = verify::LONG, after_long_help = verify::EXAMPLES)]
    Verify(Box<verify::Verify>),
}

#[expect(clippy::unused_async, reason = "commands that reach servers join")]
pub(crate) async fn run(command: ChainCommand, out: Output) -> Result<()> {
    match command {
        ChainCommand::Inspect(args) => inspect::run(&args, out),
        ChainCommand::Verify(args) => verify::run(&args, out),
    }
}
