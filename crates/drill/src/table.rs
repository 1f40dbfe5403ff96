//! The result for people: what happened, what was refused, and what decided.

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, Table};

use crate::report::Report;

/// The report as tables that fit a terminal.
pub fn render(report: &Report) -> String {
    let verdict = if report.holds() { "RECOVERED" } else { "NOT RECOVERED" };
    let mut lines = vec![format!(
        "{verdict}: {} relying parties moved in {:.1} s, exposure {:.1} s after declaration, \
         {} requests with {} failures",
        report.relying_parties,
        report.recovered_s,
        report.exposure_s,
        report.handshakes.requests,
        report.handshakes.failed,
    )];
    if !report.checkpoints.is_empty() {
        lines.push(checkpoints(report).to_string());
    }
    if !report.attacks.is_empty() {
        lines.push(attacks(report).to_string());
    }
    let (held, broken): (Vec<_>, Vec<_>) = report.gates.iter().partition(|gate| gate.holds);
    lines.extend(
        broken.iter().map(|gate| format!("does not hold: {} ({})", gate.name, gate.evidence)),
    );
    lines.push(format!("{} of {} gates hold", held.len(), report.gates.len()));
    lines.extend(report.not_rehearsed.iter().map(|what| format!("not rehearsed: {what}")));
    lines.push(format!("report: {}", report.report));
    lines.join("\n")
}

fn checkpoints(report: &Report) -> Table {
    let mut table = table(&["checkpoint", "planned", "reached", "evidence"], &[1, 2]);
    for checkpoint in &report.checkpoints {
        let reached = checkpoint.actual_s.map_or_else(|| "-".to_owned(), |s| format!("{s:.1} s"));
        table.add_row([
            checkpoint.name.clone(),
            format!("{:.0} s", checkpoint.planned_s),
            reached,
            checkpoint.evidence.clone(),
        ]);
    }
    table
}

fn attacks(report: &Report) -> Table {
    let header =
        ["attack", "targets", "accepted before", "refused after", "controls", "last accepted"];
    let mut table = table(&header, &[1, 2, 3, 4, 5]);
    for attack in &report.attacks {
        let last = attack.last_accepted_s.map_or_else(|| "-".to_owned(), |s| format!("{s:.1} s"));
        table.add_row([
            attack.name.clone(),
            attack.targets.to_string(),
            attack.accepted_before.to_string(),
            attack.refused_after.to_string(),
            attack.controls_ok.to_string(),
            last,
        ]);
    }
    table
}

fn table(header: &[&str], numeric: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_header(header.to_vec());
    for column in numeric {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
