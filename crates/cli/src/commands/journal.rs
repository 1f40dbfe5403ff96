//! `skink journal`

use anyhow::{Result, bail};
use clap::Subcommand;
use skink_api::{AuditRow, JournalEvent, JournalReport};

use super::Session;
use crate::table::{Table, or_dash};
use crate::{Failure, when};

pub(crate) const LONG: &str = "The journal: what happened, and that nothing was taken out of it.\n\n\
    Every event holds the hash of the one before. The journal's head goes out in every trust \
    package and ceremony file, so that agents and the root are witnesses to it.";

#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Check that the journal is whole
    Verify,
    /// Events of one stream
    Events {
        /// `server`, or an incident's id.
        #[arg(default_value = "server")]
        stream: String,
        /// How many at most.
        #[arg(long, default_value_t = 1000, value_name = "N")]
        limit: usize,
    },
    /// Who did what, newest first
    Audit {
        /// How many at most.
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
    },
}

pub(crate) async fn run(command: JournalCommand, session: &Session) -> Result<()> {
    match command {
        JournalCommand::Verify => verify(session).await,
        JournalCommand::Events { stream, limit } => {
            let query = [("stream", Some(stream))];
            let events = session.api.pages("/api/v1/journal", &query, limit).await?;
            session.out.table(&events, || event_table(&events))
        }
        JournalCommand::Audit { limit } => {
            let rows: Vec<AuditRow> = session.api.pages("/api/v1/audit", &[], limit).await?;
            session.out.table(&rows, || audit_table(&rows))
        }
    }
}

async fn verify(session: &Session) -> Result<()> {
    let report: JournalReport = session.api.get("/api/v1/journal/verify", &[]).await?;
    session.out.table(&report, || {
        let mut table = Table::new(["stream", "events", "head", "fault"], "the journal is empty");
        for stream in &report.streams {
            table.row([
                stream.stream.clone(),
                stream.events.to_string(),
                stream.head.clone(),
                or_dash(stream.fault.as_ref()),
            ]);
        }
        table
    })?;
    if !report.verified {
        bail!(Failure::NotVerified {
            what: "the journal is not whole".into(),
            hint: "keep the database as evidence and compare its head with the agents' packages"
                .into(),
        });
    }
    Ok(())
}

/// Events in their order, each body on one line.
pub(crate) fn event_table(events: &[JournalEvent]) -> Table {
    let mut table = Table::new(["seq", "at", "event", "what"], "no events");
    for event in events {
        table.row([
            event.seq.to_string(),
            when::show(event.at_ms),
            event.kind.clone(),
            event.body.to_string(),
        ]);
    }
    table
}

fn audit_table(rows: &[AuditRow]) -> Table {
    let mut table = Table::new(["at", "who", "did", "to"], "no rows");
    for row in rows {
        table.row([
            when::show(row.at_ms),
            row.actor.clone(),
            row.action.clone(),
            row.subject.clone(),
        ]);
    }
    table
}
