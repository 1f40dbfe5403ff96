//! Tables for people.

use std::fmt;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table as Comfy};

/// Rows under a head, without lines: easy to read and to cut.
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    nothing: &'static str,
}

impl Table {
    /// `nothing` is said instead of a table without rows.
    pub(crate) fn new<const N: usize>(head: [&'static str; N], nothing: &'static str) -> Self {
        Self { head: head.to_vec(), rows: Vec::new(), nothing }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(Vec::from(cells));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rows.is_empty() {
            return writeln!(f, "{}", self.nothing);
        }
        let head = self.head.iter().map(|word| word.to_uppercase()).collect::<Vec<_>>();
        write(f, Some(head), &self.rows)
    }
}

/// Facts about one thing, a line each; empty values are left out.
#[derive(Default)]
pub(crate) struct Facts(Vec<Vec<String>>);

impl Facts {
    pub(crate) fn fact(mut self, name: &str, value: impl fmt::Display) -> Self {
        let value = value.to_string();
        if !value.is_empty() {
            self.0.push(vec![name.to_owned(), value]);
        }
        self
    }

    pub(crate) fn maybe<T: fmt::Display>(self, name: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.fact(name, value),
            None => self,
        }
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, None, &self.0)
    }
}

fn write(
    f: &mut fmt::Formatter<'_>,
    head: Option<Vec<String>>,
    rows: &[Vec<String>],
) -> fmt::Result {
    let mut table = Comfy::new();
    table.load_style(NOTHING);
    // A terminal gets cells folded to its width; a pipe gets whole lines.
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(head) = head {
        table.set_header(head);
    }
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for line in table.lines() {
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}

/// `yes` or `no`.
pub(crate) fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// The value, or a dash.
pub(crate) fn or_dash<T: fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_heads() {
        let mut table = Table::new(["name", "state"], "none");
        table.row(["workloads-g1".into(), "active".into()]);
        table.row(["root".into(), "active".into()]);
        assert_eq!(
            table.to_string(),
            "NAME          STATE\nworkloads-g1  active\nroot          active\n"
        );
        assert_eq!(Table::new(["name"], "no authorities").to_string(), "no authorities\n");
    }

    #[test]
    fn facts_leave_out_what_is_not_known() {
        let facts = Facts::default().fact("id", "c1").maybe::<&str>("endpoint", None);
        assert_eq!(facts.to_string(), "id  c1\n");
    }
}
