//! `skink drill`, with something to look at while it runs.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use skink_cli::{DrillArgs, DrillPlan, Failure, Output};
use skink_drill::{DrillOptions, DrilledPlan, LEAST_OF_EACH, Progress, Sabotage};

use crate::signals;

const TICK: Duration = Duration::from_millis(100);

/// Drills and shows the result; a gate that does not hold is a failure.
pub(crate) async fn run(args: DrillArgs, output: Output) -> Result<()> {
    let options = resolve(args)?;
    let progress = Lines::new(output);
    let report = tokio::select! {
        report = skink_drill::run(&options, &progress) => report?,
        // The server that it started is stopped with it.
        () = signals::told_to_stop() => bail!("the drill was interrupted, and proves nothing"),
    };
    progress.finish();
    output.show(&report, || skink_drill::render(&report))?;
    if report.holds() {
        return Ok(());
    }
    let broken = report.gates.iter().filter(|gate| !gate.holds).count();
    bail!(Failure::NotVerified {
        what: format!("{broken} of the drill's {} gates do not hold", report.gates.len()),
        hint: "run it again with --keep DIR: every file and log stays to be looked at".to_owned(),
    })
}

fn resolve(args: DrillArgs) -> Result<DrillOptions> {
    let (endpoints, clients) = (usize::from(args.endpoints), usize::from(args.clients));
    if endpoints < LEAST_OF_EACH || clients < LEAST_OF_EACH {
        bail!("a drill needs at least {LEAST_OF_EACH} endpoints and {LEAST_OF_EACH} clients");
    }
    Ok(DrillOptions {
        endpoints,
        clients,
        seed: args.seed.unwrap_or_else(|| u64::from(std::process::id())),
        keep: args.keep,
        plan: match args.plan {
            DrillPlan::Authority => DrilledPlan::Authority,
            DrillPlan::Rotation => DrilledPlan::Rotation,
        },
        crash: args.crash,
        issuer_key: args.issuer_key,
        standby_key: args.standby_key,
        skink: std::env::current_exe().context("the program does not find itself")?,
        sabotage: args.without.as_deref().map(str::parse::<Sabotage>).transpose()?,
    })
}

/// A spinner on a terminal, lines elsewhere; both on standard error.
struct Lines {
    bar: ProgressBar,
    step: Mutex<String>,
    output: Output,
}

impl Lines {
    fn new(output: Output) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{elapsed:>4} {spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self { bar, step: Mutex::default(), output }
    }

    fn say(&self, text: &str) {
        if self.bar.is_hidden() {
            self.output.say(text);
        } else {
            self.bar.set_message(text.to_owned());
        }
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Lines {
    fn stage(&self, what: &str) {
        self.say(what);
    }

    fn incident(&self, incident: &skink_drill::Incident) {
        let doing = incident.steps.iter().find(|step| step.name == incident.summary.step);
        let text = match doing {
            Some(step) if step.total > 0 => {
                format!("{}: {} ({}/{})", step.name, step.detail, step.progress, step.total)
            }
            Some(step) => format!("{}: {}", step.name, step.detail),
            None => incident.summary.step.clone(),
        };
        let mut last = self.step.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *last != text {
            last.clone_from(&text);
            drop(last);
            self.say(&text);
        }
    }
}
