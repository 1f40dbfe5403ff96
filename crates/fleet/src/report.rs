//! What a measurement shows.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::gauge::float;

/// Most seconds of an incident with every connection held open.
const HELD_S: f64 = 60.0;
/// Most seconds of an incident over agents that poll.
const POLLING_S: f64 = 600.0;
/// Most memory of the server for one agent, in KiB.
const KIB_AN_AGENT: f64 = 64.0;

/// The figures of one run.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) agents: usize,
    pub(crate) polling: bool,
    /// Most connections that agents had open at one time.
    pub(crate) connections: usize,
    /// Most files that the server had open at one time, less those it had before.
    pub(crate) server_files: usize,
    pub(crate) enrol_s: f64,
    /// From the declaration to `recovered`, by the server's clock.
    pub(crate) incident_s: Option<f64>,
    /// When each checkpoint was reached.
    pub(crate) checkpoints: Vec<(String, Option<f64>)>,
    pub(crate) requests: u64,
    pub(crate) deferred: u64,
    pub(crate) failures: BTreeMap<String, u64>,
    pub(crate) rss_before_kib: u64,
    pub(crate) rss_held_kib: u64,
    pub(crate) rss_most_kib: u64,
    pub(crate) server_cpu_s: f64,
    pub(crate) poll_p50_ms: f64,
    pub(crate) poll_p99_ms: f64,
    pub(crate) packages: u64,
    pub(crate) chains: u64,
    pub(crate) real_proofs: u64,
    pub(crate) asserted_proofs: u64,
}

impl Report {
    pub(crate) const fn recovered(&self) -> bool {
        self.incident_s.is_some()
    }

    fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    fn kib_an_agent(&self) -> f64 {
        let agents = u64::try_from(self.agents).unwrap_or(u64::MAX).max(1);
        float(self.rss_most_kib.saturating_sub(self.rss_before_kib)) / float(agents)
    }

    fn rows(&self) -> Vec<(&'static str, f64, &'static str, Option<f64>)> {
        let limit = if self.polling { POLLING_S } else { HELD_S };
        let count = |count: usize| float(u64::try_from(count).unwrap_or(u64::MAX));
        vec![
            ("fleet: agents", count(self.agents), "", None),
            ("fleet: connections open at once", count(self.connections), "", None),
            ("fleet: connections at the server", count(self.server_files), "", None),
            ("fleet: to enrol", self.enrol_s, "s", None),
            (
                "fleet: incident, declared to recovered",
                self.incident_s.unwrap_or(f64::INFINITY),
                "s",
                Some(limit),
            ),
            ("fleet: requests", float(self.requests), "", None),
            ("fleet: told to come back", float(self.deferred), "", None),
            ("fleet: failed requests", float(self.failed()), "", None),
            ("fleet: server memory before", float(self.rss_before_kib), "KiB", None),
            ("fleet: server memory, all connected", float(self.rss_held_kib), "KiB", None),
            ("fleet: server memory at most", float(self.rss_most_kib), "KiB", None),
            ("fleet: server memory an agent", self.kib_an_agent(), "KiB", Some(KIB_AN_AGENT)),
            ("fleet: server CPU during the incident", self.server_cpu_s, "s", None),
            ("fleet: poll late, p50", self.poll_p50_ms, "ms", None),
            ("fleet: poll late, p99", self.poll_p99_ms, "ms", None),
            ("fleet: packages verified", float(self.packages), "", None),
            ("fleet: chains verified", float(self.chains), "", None),
            ("fleet: proofs by handshakes", float(self.real_proofs), "", None),
            ("fleet: proofs asserted", float(self.asserted_proofs), "", None),
        ]
    }

    /// One list of rows; what did not happen has no value.
    pub(crate) fn json(&self) -> String {
        let rows = self.rows().into_iter().map(|(work, value, unit, floor)| {
            let value = if value.is_finite() { json!(value) } else { Value::Null };
            let holds = floor.map(|floor| value.as_f64().is_some_and(|value| value <= floor));
            json!({
                "work": work, "value": value, "unit": unit, "peer": null, "peer_value": null,
                "ratio": null, "floor": floor, "holds": holds,
            })
        });
        Value::Array(rows.collect()).to_string()
    }

    pub(crate) fn text(&self) -> String {
        let mut lines: Vec<String> = self
            .rows()
            .into_iter()
            .map(|(work, value, unit, floor)| {
                let floor = floor.map_or_else(String::new, |floor| {
                    format!(
                        "  (at most {floor}: {})",
                        if value <= floor { "holds" } else { "MISSED" }
                    )
                });
                format!("{work:<42} {value:>12.1} {unit}{floor}")
            })
            .collect();
        for (name, at) in &self.checkpoints {
            let at = at.map_or_else(|| "not reached".to_owned(), |at| format!("{at:.1} s"));
            lines.push(format!("  {name:<40} {at:>12}"));
        }
        for (what, count) in &self.failures {
            lines.push(format!("  failed {count} times: {what}"));
        }
        lines.push(format!(
            "Simulated: the software behind {} of {} proofs; installing files; reading lists at their \
             distribution points.",
            self.asserted_proofs,
            self.asserted_proofs + self.real_proofs
        ));
        lines.join("\n")
    }
}
