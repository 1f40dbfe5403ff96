//! Records that are JSON: entries one after the other, in an array, or in an array called `records`.

use std::io::Read;

use serde::Deserialize;
use serde_json::Value;

use super::RecordError;

/// One JSON value of a record.
#[derive(Deserialize)]
#[serde(untagged)]
enum Part {
    Many(Vec<Value>),
    Batch { records: Vec<Value> },
    One(Value),
}

/// The entries of a record of `service`'s, in its order.
pub(super) fn of(
    record: impl Read,
    service: &'static str,
) -> impl Iterator<Item = Result<Value, RecordError>> {
    let parts = serde_json::Deserializer::from_reader(record).into_iter::<Part>();
    parts.flat_map(move |part| match part {
        Ok(Part::Many(entries) | Part::Batch { records: entries }) => {
            entries.into_iter().map(Ok).collect()
        }
        Ok(Part::One(entry)) => vec![Ok(entry)],
        Err(error) if error.is_io() => vec![Err(RecordError::Read(error.into()))],
        Err(source) => vec![Err(RecordError::Json { service, source })],
    })
}

/// The text at a path, where there is one that says something.
pub(super) fn text<'a>(entry: &'a Value, pointer: &str) -> Option<&'a str> {
    entry.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}
