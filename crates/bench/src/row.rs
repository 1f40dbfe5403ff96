//! What was measured, as a table and as JSON.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One measured thing.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Row {
    /// What was done, its row's name first.
    pub(crate) work: String,
    /// Our figure; none of what did not happen.
    pub(crate) value: Option<f64>,
    /// Of both figures.
    pub(crate) unit: Cow<'static, str>,
    /// Against whom.
    pub(crate) peer: Option<String>,
    /// The peer's figure.
    pub(crate) peer_value: Option<f64>,
    /// How many times better than the peer; of growth, how many times as much.
    pub(crate) ratio: Option<f64>,
    /// The least ratio that is good enough, of growth the most, or the most of `value` where there is
    /// no peer.
    pub(crate) floor: Option<f64>,
    /// Whether it is; nothing is said without a floor, unless nothing could be measured.
    pub(crate) holds: Option<bool>,
}

impl Row {
    /// A figure alone.
    pub(crate) const fn alone(work: String, value: f64, unit: &'static str) -> Self {
        Self {
            work,
            value: Some(value),
            unit: Cow::Borrowed(unit),
            peer: None,
            peer_value: None,
            ratio: None,
            floor: None,
            holds: None,
        }
    }

    /// Beside a peer.
    pub(crate) fn beside(mut self, peer: impl Into<String>, peer_value: f64, ratio: f64) -> Self {
        (self.peer, self.peer_value, self.ratio) =
            (Some(peer.into()), Some(peer_value), Some(ratio));
        self
    }

    /// At least so many times the peer.
    pub(crate) fn at_least(mut self, floor: f64) -> Self {
        self.floor = Some(floor);
        self.holds = self.ratio.map(|ratio| ratio >= floor);
        self
    }

    /// At most so many times what the peer, which is ourselves among few, takes.
    pub(crate) fn grown_at_most(mut self, most: f64) -> Self {
        self.floor = Some(most);
        self.holds = self.ratio.map(|ratio| ratio <= most);
        self
    }

    /// A row of another program's, with a longer name in the place of its own.
    pub(crate) fn within(mut self, name: &str) -> Self {
        let what = self.work.split_once(": ").map_or("", |(_, what)| what);
        self.work = format!("{name}: {what}");
        self
    }

    /// What was to be measured and was not.
    pub(crate) fn failed(work: String) -> Self {
        Self { value: None, holds: Some(false), ..Self::alone(work, 0.0, "") }
    }

    /// At most so much.
    pub(crate) fn at_most(mut self, most: f64) -> Self {
        self.floor = Some(most);
        self.holds = Some(self.value.is_some_and(|value| value <= most));
        self
    }
}

/// The rows as a JSON list.
pub(crate) fn json(rows: &[Row]) -> String {
    serde_json::to_string_pretty(rows).unwrap_or_default()
}

/// The rows as a table.
pub(crate) fn table(rows: &[Row]) -> String {
    let number =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
    let head = ["work", "value", "unit", "peer", "peer's value", "ratio", "floor", "holds"];
    let mut lines = vec![head.map(ToOwned::to_owned)];
    for row in rows {
        let holds = row.holds.map_or("–", |holds| if holds { "yes" } else { "NO" });
        lines.push([
            row.work.clone(),
            number(row.value),
            row.unit.to_string(),
            row.peer.clone().unwrap_or_else(|| "–".to_owned()),
            number(row.peer_value),
            number(row.ratio),
            number(row.floor),
            holds.to_owned(),
        ]);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..head.len()).map(|column| width(column).unwrap_or(0)).collect();
    let padded = |line: &[String; 8]| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(padded).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_holds_when_it_keeps_to_its_floor() {
        let row = |ratio| Row::alone("issue".to_owned(), 6.0, "/s").beside("peer", 1.0, ratio);
        assert_eq!(row(6.0).at_least(6.0).holds, Some(true));
        assert_eq!(row(5.9).at_least(6.0).holds, Some(false));
        assert_eq!(Row::alone("issue".to_owned(), 6.0, "/s").at_least(6.0).holds, None);
        let failed = Row::failed("fleet: 9 polling: incident".to_owned());
        assert_eq!((failed.value, failed.holds), (None, Some(false)));
        assert_eq!(row(1.3).grown_at_most(1.3).holds, Some(true));
        assert_eq!(row(1.4).grown_at_most(1.3).holds, Some(false));
        assert_eq!(Row::alone("revoke".to_owned(), 2.0, "s").at_most(2.0).holds, Some(true));
        assert_eq!(Row::alone("revoke".to_owned(), 2.1, "s").at_most(2.0).holds, Some(false));
    }

    #[test]
    fn json_has_every_key_that_is_promised() {
        let rows = [Row::alone("issue".to_owned(), 6.0, "/s")];
        let value: serde_json::Value = serde_json::from_str(&json(&rows)).unwrap();
        let row = value[0].as_object().unwrap();
        for key in ["work", "value", "unit", "peer", "peer_value", "ratio", "floor", "holds"] {
            assert!(row.contains_key(key), "{key}");
        }
    }
}
