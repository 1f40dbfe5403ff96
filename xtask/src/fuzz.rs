//! `cargo xtask fuzz`: every target for a short while, on the committed corpus.

use std::fs;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::shell;
use crate::tools::Tools;

#[derive(Args)]
pub(crate) struct Options {
    /// Seconds for each target.
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Only this target.
    #[arg(long)]
    target: Option<String>,
}

/// Every target, a minute in all.
pub(crate) fn for_a_minute() -> Result<()> {
    let count = u32::try_from(targets()?.len()).context("there are so many targets")?;
    run(&Options { seconds: 60u32.div_ceil(count), target: None })
}

/// Runs the targets; an input that breaks one is left in `fuzz/artifacts`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let tools = Tools::install_for_fuzzing()?;
    let targets = match &options.target {
        Some(target) => vec![target.clone()],
        None => targets()?,
    };
    let time = format!("-max_total_time={}", options.seconds);
    let mut broken = Vec::new();
    for target in &targets {
        println!("── {target}");
        // What a run finds goes into a scratch folder, not into the committed corpus.
        let scratch = shell::target_dir().join("fuzz-corpus").join(target);
        fs::create_dir_all(&scratch)?;
        let corpus = shell::workspace_root().join("fuzz/corpus").join(target);
        // Sanitizers need a nightly compiler; panics, overflows and loops show without.
        let mut command = tools.cargo(["fuzz", "run", "--sanitizer", "none"]);
        command.arg(target).arg(scratch).arg(corpus).args(["--", &time, "-print_final_stats=1"]);
        if shell::run(&mut command).is_err() {
            broken.push(target.as_str());
        }
    }
    if !broken.is_empty() {
        bail!("inputs broke {}; see fuzz/artifacts", broken.join(", "));
    }
    println!("{} targets held", targets.len());
    Ok(())
}

fn targets() -> Result<Vec<String>> {
    let folder = shell::workspace_root().join("fuzz/targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}
