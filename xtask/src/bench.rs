//! `cargo xtask bench`: the product beside its peers, in release.

use anyhow::Result;
use clap::Args;

use crate::shell;
use crate::tools::Tools;

/// What is measured, and how it is told.
#[derive(Args)]
pub(crate) struct Options {
    /// Smaller sizes, under five minutes in all.
    #[arg(long)]
    quick: bool,
    /// Print the rows as a JSON list.
    #[arg(long)]
    json: bool,
    /// Only rows of these names: `--only issue,crypto`.
    #[arg(long)]
    only: Option<String>,
    /// More for the program that measures: `cargo xtask bench -- --connections 16`.
    #[arg(last = true)]
    more: Vec<String>,
}

/// Installs the peers, builds server and generator in release, and measures.
pub(crate) fn run(options: &Options) -> Result<()> {
    let tools = Tools::install_for_benchmarks()?;
    for package in ["skink", "skink-bench", "skink-fleet"] {
        shell::run(&mut shell::cargo(["build", "--release", "--locked", "-p", package]))?;
    }
    let programs = shell::target_dir().join("release");
    let suffix = std::env::consts::EXE_SUFFIX;
    let mut command = tools.program(&programs.join(format!("skink-bench{suffix}")));
    command.arg("--skink").arg(programs.join(format!("skink{suffix}")));
    command.arg("--fleet").arg(programs.join(format!("skink-fleet{suffix}")));
    if options.quick {
        command.arg("--quick");
    }
    if options.json {
        command.arg("--json");
    }
    if let Some(only) = &options.only {
        command.args(["--only", only]);
    }
    command.args(&options.more);
    shell::run(&mut command)
}
