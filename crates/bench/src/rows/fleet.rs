//! An incident over many simulated agents, as the fleet simulator measures it.

use std::process::Stdio;

use tokio::process::Command;

use crate::cores::{self, Core};
use crate::error::BenchError;
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
    let forms = if options.quick {
        [("connected", QUICK), ("polling", QUICK)]
    } else {
        [("connected", HELD), ("polling", POLLING)]
    };
    cores::pin(Core::Any)?;
    let mut rows = Vec::new();
    for (form, agents) in forms {
        let name = format!("fleet: {agents} {form}");
        say(&name);
        let mut command = Command::new(program);
        command.arg(agents.to_string()).arg("--skink").arg(&options.skink).arg("--json");
        if form == "polling" {
            command.arg("--polling");
        }
        // What it says on the way is for whoever watches.
        command.stderr(Stdio::inherit()).kill_on_drop(true);
        let output = command.output().await.map_err(|source| BenchError::Missing {
            program: program.display().to_string(),
            hint: "build it first",
            source,
        })?;
        // Who did not get to its end has no rows, which is no reason to lose those of others.
        let told: Result<Vec<Row>, _> = serde_json::from_slice(&output.stdout);
        match told {
            Ok(told) => rows.extend(told.into_iter().map(|row| row.within(&name))),
            Err(_) => rows.push(Row::failed(format!("{name}: incident, not measured"))),
        }
    }
    Ok(rows)
}
