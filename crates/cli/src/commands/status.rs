//! `skink status`

use anyhow::Result;
use skink_api::Status;

use super::Session;
use crate::table::{Facts, Table};
use crate::when;

pub(crate) const LONG: &str = "How the server is, and what needs a person.\n\n\
    Alarms come worst first, each with what to do. On a quiet day there are none: a missing \
    recovery kit, an old CRL or a root beside the server are alarms.";

pub(crate) async fn run(session: &Session) -> Result<()> {
    let status: Status = session.api.get("/api/v1/status", &[]).await?;
    session.out.show(&status, || people(&status))
}

fn people(status: &Status) -> String {
    let agents = format!("{} enrolled, {} connected", status.agents, status.agents_connected);
    let mut facts = Facts::default()
        .fact("domain", &status.domain)
        .fact("server", format!("{} since {}", status.version, when::show(status.started_at_ms)))
        .fact("agents", agents)
        .fact("certificates", format!("{} valid", status.certificates_valid))
        .fact("incidents", status.incidents_open.join(", "));
    if let Some(trust) = &status.trust {
        let known = format!("{} of {} endpoints run it", trust.acknowledged, trust.managed);
        facts = facts.fact("trust package", format!("{}.{}, {known}", trust.epoch, trust.version));
    }
    for listener in &status.listeners {
        facts = facts.fact(&listener.name, &listener.address);
    }
    let mut alarms = Table::new(["alarm", "what", "do"], "no alarms");
    for alarm in &status.alarms {
        alarms.row([alarm.code.clone(), alarm.detail.clone(), alarm.hint.clone()]);
    }
    format!("{facts}\n{alarms}")
}
