//! An incident over many simulated agents, as the fleet simulator measures it.

use tokio::process::Command;

use crate::cores::{self, Core};
use crate::error::BenchError;
use crate::ground::not_understood;
use crate::row::Row;
use crate::{Options, say};

/// Agents that hold a connection each, and agents that come and go.
const HELD: usize = 10_000;
const POLLING: usize = 100_000;
/// When somebody only wants to see that it runs.
const QUICK: usize = 100;

/// Both forms, one after the other: each with a server and agents of its own.
pub(crate) async fn measure(options: &Options) -> Result<Vec<Row>, BenchError> {
    let Some(program) = &options.fleet else {
        say("fleet: no simulator was given (--fleet): no row of it");
        return Ok(Vec::new());
    };
    let forms: &[(usize, &[&str])] = if options.quick {
        &[(QUICK, &[]), (QUICK, &["--polling"])]
    } else {
        &[(HELD, &[]), (POLLING, &["--polling"])]
    };
    cores::pin(Core::Any)?;
    let mut rows = Vec::new();
    for (agents, more) in forms {
        say(&format!("fleet: {agents} agents {}", more.join(" ")));
        let mut command = Command::new(program);
        command.arg(agents.to_string()).arg("--skink").arg(&options.skink).arg("--json");
        // What it says on the way is for whoever watches.
        command.args(*more).stderr(std::process::Stdio::inherit()).kill_on_drop(true);
        let output = command.output().await.map_err(|source| BenchError::Missing {
            program: program.display().to_string(),
            hint: "build it first",
            source,
        })?;
        // It ends badly too when nobody recovered, and its rows say so.
        let told: Vec<Row> = serde_json::from_slice(&output.stdout)
            .map_err(|_| not_understood("no rows of the fleet simulator"))?;
        rows.extend(told.into_iter().map(|row| {
            row.named(|work| {
                work.replacen("fleet:", &format!("fleet: {agents} {}:", form(more)), 1)
            })
        }));
    }
    Ok(rows)
}

fn form(more: &[&str]) -> &'static str {
    if more.is_empty() { "connected" } else { "polling" }
}
