//! Answers: data on standard output, talk on standard error.

use anyhow::Result;
use serde::Serialize;

use crate::table::Table;

/// How answers are written.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// JSON for programs, or tables for people.
    pub const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads.
    pub const fn is_json(self) -> bool {
        self.json
    }

    /// Writes the value as JSON, or as `people` would have it.
    pub fn show<T: Serialize + ?Sized>(
        self,
        value: &T,
        people: impl FnOnce() -> String,
    ) -> Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(value)?);
        } else {
            print!("{}", ending_in_newline(people()));
        }
        Ok(())
    }

    pub(crate) fn table<T: Serialize + ?Sized>(
        self,
        value: &T,
        table: impl FnOnce() -> Table,
    ) -> Result<()> {
        self.show(value, || table().to_string())
    }

    /// Writes text as it is.
    pub(crate) fn raw(text: &str) {
        print!("{text}");
    }

    /// Says something to a person; a program does not hear it.
    pub fn say(self, text: &str) {
        if !self.json {
            eprintln!("{text}");
        }
    }
}

fn ending_in_newline(mut text: String) -> String {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
