//! `cargo xtask crash`: many drills whose server is killed at random moments.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use super::{Drill, release_binary, run};
use crate::shell;

#[derive(Args)]
pub(crate) struct CrashOptions {
    /// How many drills, each with a seed of its own.
    #[arg(long, default_value_t = 100)]
    runs: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Endpoints, and as many clients.
    #[arg(long, default_value_t = 8)]
    endpoints: u32,
    /// Instead: two servers on one PostgreSQL under load, servers and database killed.
    #[arg(long)]
    replicas: bool,
    /// Of those, how many disasters a run has.
    #[arg(long, default_value_t = 14, requires = "replicas")]
    rounds: u64,
}

/// Runs the test of the replicas with one seed after the other, until one does not hold.
fn replicas(options: &CrashOptions) -> Result<()> {
    for seed in options.seed..options.seed.saturating_add(options.runs) {
        let mut command = shell::cargo(["test", "--release", "--locked", "--package", "skink"]);
        command.args(["--test", "replicas", "--", "--nocapture"]);
        command.env("SKINK_REPLICAS_SEED", seed.to_string());
        command.env("SKINK_REPLICAS_ROUNDS", options.rounds.to_string());
        shell::run(&mut command).with_context(|| {
            format!(
                "seed {seed} does not hold; again: cargo xtask crash --replicas --runs 1 --seed \
                 {seed} --rounds {}",
                options.rounds
            )
        })?;
    }
    Ok(())
}

/// Runs until the first drill that does not hold: its seed, its files and how to repeat it are
/// worth more than the runs after it.
pub(crate) fn crash(options: &CrashOptions) -> Result<()> {
    if options.replicas {
        return replicas(options);
    }
    let binary = release_binary()?;
    let kept = shell::target_dir().join("drills").join("crash");
    let mut tally = Tally::default();
    for seed in options.seed..options.seed.saturating_add(options.runs) {
        let (drill, keep) =
            (Drill::crash(options.endpoints, seed), kept.join(format!("seed-{seed}")));
        clear(&keep)?;
        fs::create_dir_all(&keep)?;
        match run(&binary, &drill, Some(&keep)) {
            Ok(done) => {
                tally.add(seed, &done.figures);
                println!("ok      {} of {}: seed {seed}, {}", tally.runs, options.runs, done.line);
                clear(&keep)?;
            }
            Err(error) => {
                let number = tally.runs + 1;
                println!("FAILED  {number} of {}: seed {seed}: {error:#}", options.runs);
                println!("        files, logs and figures: {}", keep.display());
                println!(
                    "        again: cargo xtask crash --runs 1 --seed {seed} --endpoints {}",
                    options.endpoints
                );
                println!("{}", tally.line());
                return Err(error.context(format!("the drill of seed {seed} does not hold")));
            }
        }
    }
    println!("{}", tally.line());
    Ok(())
}

fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot clear {}", folder.display()))?;
    }
    Ok(())
}

/// The runs that held, added up.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    runs: u64,
    crashes: u64,
    handshakes: u64,
    failed: u64,
    unknown: u64,
    slowest: Option<(f64, u64)>,
}

impl Tally {
    fn add(&mut self, seed: u64, figures: &Value) {
        let count = |pointer: &str| figures.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        self.runs += 1;
        self.crashes += count("/crashes");
        self.handshakes += count("/handshakes/full");
        self.failed += count("/handshakes/failed");
        self.unknown += count("/certificates/unknown");
        let recovered = figures["recovered_s"].as_f64().unwrap_or(f64::INFINITY);
        if self.slowest.is_none_or(|(slowest, _)| recovered > slowest) {
            self.slowest = Some((recovered, seed));
        }
    }

    fn line(&self) -> String {
        let slowest = self.slowest.map_or_else(
            || "no recovery".to_owned(),
            |(seconds, seed)| format!("slowest recovery {seconds:.2} s (seed {seed})"),
        );
        format!(
            "{} runs held: {} crashes, {} full handshakes, {} failed, {} signatures with an \
             unknown end, {slowest}",
            self.runs, self.crashes, self.handshakes, self.failed, self.unknown
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_add_up() {
        let mut tally = Tally::default();
        for (seed, recovered) in [(3, 2.5), (4, 9.0), (5, 4.0)] {
            let figures = json!({
                "recovered_s": recovered, "crashes": 3,
                "handshakes": {"full": 1000, "failed": 0}, "certificates": {"unknown": 1},
            });
            tally.add(seed, &figures);
        }
        assert_eq!(tally.slowest, Some((9.0, 4)));
        assert_eq!((tally.runs, tally.crashes, tally.handshakes), (3, 9, 3000));
        assert!(tally.line().ends_with("slowest recovery 9.00 s (seed 4)"), "{}", tally.line());
    }
}
