//! `skink chain`

mod anchors;
mod build;
mod config;
mod diagnose;
mod explain;
mod fetch;
mod files;
mod fix;
mod inspect;
mod issuers;
mod jobs;
mod matching;
mod settings;
mod show;
mod trust;
mod verify;
mod watch;

use anyhow::Result;
use clap::Subcommand;
use skink_chain::repair::RepairError;

use crate::{Failure, Output};

pub(crate) const LONG: &str = "Chains: read, build, verify, explain and mend them, without a server.\n\n\
    Works on files in any of the usual containers, and on what servers present. Needs no operator \
    file. Exit codes here: 0 good, 1 looked at and not good, 2 wrong usage or an input that cannot \
    be read, 3 cannot be decided, 5 a server cannot be reached or shows no certificate.";

#[derive(Debug, Subcommand)]
pub enum ChainCommand {
    /// Say what files hold: certificates, requests, lists, responses, keys
    #[command(long_about = inspect::LONG, after_long_help = inspect::EXAMPLES)]
    Inspect(inspect::Inspect),
    /// Say whether certificates are good, and everything that is wrong with them
    #[command(long_about = verify::LONG, after_long_help = verify::EXAMPLES)]
    Verify(Box<verify::Verify>),
    /// Put certificates of any order and origin together to chains
    #[command(long_about = build::LONG, after_long_help = build::EXAMPLES)]
    Build(Box<build::Build>),
    /// Find out why TLS says no, and what mends it
    #[command(long_about = diagnose::LONG, after_long_help = diagnose::EXAMPLES)]
    Diagnose(Box<diagnose::Diagnose>),
    /// Make the files that a server should have of what there is
    #[command(long_about = fix::LONG, after_long_help = fix::EXAMPLES)]
    Fix(Box<fix::Fix>),
    /// Say whether a private key belongs to certificates or requests
    #[command(long_about = matching::LONG, after_long_help = matching::EXAMPLES)]
    Match(matching::Match),
    /// Fetch what a server presents, over any protocol that carries TLS
    #[command(long_about = fetch::LONG, after_long_help = fetch::EXAMPLES)]
    Fetch(Box<fetch::Fetch>),
    /// Explain an error message about TLS
    #[command(long_about = explain::LONG, after_long_help = explain::EXAMPLES)]
    Explain(explain::Explain),
    /// Write the TLS section of a server's configuration
    #[command(long_about = config::LONG, after_long_help = config::EXAMPLES)]
    Config(Box<config::Config>),
    /// Say what expires soon, in files, folders and on servers
    #[command(long_about = watch::LONG, after_long_help = watch::EXAMPLES)]
    Watch(Box<watch::Watch>),
    /// Put a private root into trust stores, or take it out
    #[command(subcommand, long_about = trust::LONG)]
    Trust(Box<trust::TrustCommand>),
}

pub(crate) async fn run(command: ChainCommand, out: Output) -> Result<()> {
    match command {
        ChainCommand::Inspect(args) => inspect::run(&args, out),
        ChainCommand::Verify(args) => verify::run(&args, out),
        ChainCommand::Build(args) => build::run(&args, out),
        ChainCommand::Diagnose(args) => diagnose::run(&args, out).await,
        ChainCommand::Fix(args) => fix::run(&args, out).await,
        ChainCommand::Match(args) => matching::run(&args, out),
        ChainCommand::Fetch(args) => fetch::run(&args, out).await,
        ChainCommand::Explain(args) => explain::run(&args, out),
        ChainCommand::Config(args) => config::run(&args, out),
        ChainCommand::Watch(args) => watch::run(&args, out).await,
        ChainCommand::Trust(command) => trust::run(&command, out),
    }
}

/// Why there is nothing to judge, as a mistake in what was given.
fn repair_failure(error: &RepairError) -> anyhow::Error {
    let hint = match error {
        RepairError::NoCertificate => "`skink chain inspect` shows what files hold",
        RepairError::WhichLeaf(_) => "give the private key or --host, or the files of one of them",
        RepairError::KeyMismatch(_) => {
            "`skink chain match KEY CERT` shows which belong together; leave the key out to go on"
        }
        _ => "`skink chain diagnose` shows what is wrong",
    };
    Failure::Usage { what: error.to_string(), hint: hint.to_owned() }.into()
}
