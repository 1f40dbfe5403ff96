//! The report as Markdown.

use std::fmt::Write as _;

use super::Report;
use crate::message::Catalogue;

pub(super) fn render(report: &Report, catalogue: &Catalogue) -> String {
    let mut page = Page { text: String::new(), catalogue };
    page.head(report);
    page.checkpoints(report);
    page.scope(report);
    page.exposure(report);
    page.gates(report);
    page.people(report);
    page.duties(report);
    page.evidence(report);
    page.list("report.not-rehearsed", report.not_rehearsed.iter().map(|n| n.text.clone()));
    let line = |e: &super::TimelineEntry| format!("`+{:.3} s` {} {}", e.after_s, e.at, e.text);
    page.list("report.timeline", report.timeline.iter().map(line));
    page.text
}

struct Page<'a> {
    text: String,
    catalogue: &'a Catalogue,
}

impl Page<'_> {
    fn word(&self, key: &str) -> String {
        self.catalogue.text(key, &[])
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn heading(&mut self, key: &str) {
        let heading = format!("\n## {}\n", self.word(key));
        self.line(&heading);
    }

    fn fact(&mut self, key: &str, value: &str) {
        let word = self.word(key);
        let _ = writeln!(self.text, "| {word} | {} |", cell(value));
    }

    fn table(&mut self, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) {
        let heads: Vec<String> = heads.iter().map(|key| self.word(key)).collect();
        self.line(&format!("| {} |", heads.join(" | ")));
        self.line(&format!("|{}", "---|".repeat(heads.len())));
        for row in rows {
            let cells: Vec<String> = row.iter().map(|text| cell(text)).collect();
            self.line(&format!("| {} |", cells.join(" | ")));
        }
    }

    fn list(&mut self, heading: &str, items: impl Iterator<Item = String>) {
        self.heading(heading);
        let mut any = false;
        for item in items {
            any = true;
            let item = item.replace('\n', " ");
            self.line(&format!("- {item}"));
        }
        if !any {
            let nothing = self.word("report.nothing");
            self.line(&nothing);
        }
    }

    fn head(&mut self, report: &Report) {
        let kind = match (report.drill, report.plan.as_str()) {
            (_, "rotation") => "report.title.rotation",
            (true, _) => "report.title.drill",
            (false, _) => "report.title.incident",
        };
        let title = format!("# {}: {}", self.word(kind), report.incident);
        self.line(&title);
        self.heading("report.summary");
        self.line("| | |\n|---|---|");
        self.fact("report.authority", &report.authority);
        self.fact("report.successor", report.successor.as_deref().unwrap_or("—"));
        self.fact("report.plan", &report.plan);
        self.fact("report.policy", &report.policy);
        self.fact("report.severity", &report.severity);
        self.fact("report.trigger", &report.trigger);
        self.fact("report.phase", &report.phase);
        let times = &report.times;
        self.fact("report.suspected_since", times.suspected_since.as_deref().unwrap_or("—"));
        self.fact("report.detected", times.detected.as_deref().unwrap_or("—"));
        self.fact("report.aware", &times.aware);
        self.fact("report.declared", &times.declared);
        self.fact("report.declared_by", &times.declared_by);
        self.fact("report.ended", times.ended.as_deref().unwrap_or("—"));
    }

    fn checkpoints(&mut self, report: &Report) {
        self.heading("report.checkpoints");
        let heads = ["report.name", "report.planned", "report.actual", "report.evidence"];
        let rows = report.checkpoints.iter().map(|checkpoint| {
            vec![
                checkpoint.name.to_owned(),
                format!("+{:.0} s", checkpoint.planned_s),
                checkpoint.actual_s.map_or_else(|| "—".to_owned(), |s| format!("+{s:.3} s")),
                checkpoint.evidence.clone().unwrap_or_else(|| "—".to_owned()),
            ]
        });
        self.table(&heads, rows);
    }

    fn scope(&mut self, report: &Report) {
        self.heading("report.scope");
        let Some(scope) = &report.scope else {
            let nothing = self.word("report.nothing");
            return self.line(&nothing);
        };
        let json = serde_json::to_string_pretty(scope).unwrap_or_default();
        self.line(&format!("```json\n{json}\n```"));
    }

    fn exposure(&mut self, report: &Report) {
        self.heading("report.exposure");
        let seconds = |s: Option<f64>| s.map_or_else(|| "—".to_owned(), |s| format!("{s:.3} s"));
        let (used, copied) = (seconds(report.exposure.use_s), seconds(report.exposure.copy_s));
        let line = format!("- {}: {used}", self.word("report.exposure.use"));
        self.line(&line);
        let line = format!("- {}: {copied}", self.word("report.exposure.copy"));
        self.line(&line);
        if report.exposure.copy_assumed {
            let note = format!("\n{}", self.word("report.exposure.copy-note"));
            self.line(&note);
        }
    }

    fn gates(&mut self, report: &Report) {
        self.heading("report.gates");
        let heads = [
            "report.gate",
            "report.opened",
            "report.measured",
            "report.samples",
            "report.waived",
            "report.evidence",
        ];
        let rows = report.gates.iter().map(|gate| {
            vec![
                gate.gate.to_string(),
                gate.opened.clone(),
                format!("{}/{}", gate.met, gate.target),
                gate.samples.to_string(),
                gate.waived.join(", "),
                gate.evidence.clone(),
            ]
        });
        self.table(&heads, rows);
    }

    fn people(&mut self, report: &Report) {
        let line = |a: &super::ApprovalEntry| {
            format!("{}: {} ({}), {}", a.approval, a.person, a.role, a.at)
        };
        self.list("report.approvals", report.approvals.iter().map(line));
        let line = |n: &super::NoticeEntry| {
            let left_out = if n.left_out.is_empty() {
                String::new()
            } else {
                format!("; −{}", n.left_out.join(", "))
            };
            let to = n.recipients.join(", ");
            format!("{} {}: {to}{left_out}; `{}` {}", n.at, n.audience, n.file, n.digest)
        };
        self.list("report.notices", report.notices.iter().map(line));
    }

    fn duties(&mut self, report: &Report) {
        let line = |due: &crate::regulation::Due| {
            let by = due.by.as_deref().unwrap_or("—");
            format!("{by}: {} ({}, {}; {})", due.what, due.regulation, due.source, due.authority)
        };
        self.list("report.deadlines", report.deadlines.iter().map(line));
        self.heading("report.follow-ups");
        let heads = ["report.name", "report.due", "report.fulfilled"];
        let rows = report.follow_ups.iter().map(|duty| {
            let fulfilled = duty.fulfilled.clone().unwrap_or_else(|| "—".to_owned());
            vec![duty.name.to_owned(), duty.due.clone(), fulfilled]
        });
        self.table(&heads, rows);
        let line = |w: &crate::event::Waiver| {
            let until = w.expires;
            format!("{} / {}: {} ({}, → {until})", w.gate, w.subject, w.reason, w.owner)
        };
        self.list("report.waivers", report.waivers.iter().map(line));
    }

    fn evidence(&mut self, report: &Report) {
        let line = |file: &crate::observation::SnapshotFile| {
            format!("`{}` {} ({} bytes)", file.digest, file.name, file.bytes)
        };
        self.list("report.evidence-files", report.evidence.iter().map(line));
    }
}

/// A table's cell: one line, no bars.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
