//! An append-only file in which every line is bound to all lines before it.
//!
//! One JSON object a line: `{"seq", "prev", "body", "hash"}`, where `hash` is the SHA-256 of the
//! sequence number, the previous hash and the body. A line cut short by a crash is the last one and
//! is dropped; anything else that does not fit is an alteration. What a file cannot show by itself
//! is that lines at its end are missing: whoever cares compares [`Chain::head`] with one noted
//! elsewhere.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The hash before the first line.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The file, open for appending.
#[derive(Debug)]
pub struct Chain {
    path: PathBuf,
    file: std::fs::File,
    length: u64,
    head: Head,
}

/// Where a chain stands: how many lines, and the hash of the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The number of lines.
    pub seq: u64,
    /// The hash of the last line, in hexadecimal.
    pub hash: String,
}

/// Why a chained file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// It cannot be read or written.
    #[error("cannot use {path}")]
    Storage {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line does not follow from the lines before it.
    #[error("{path} was altered at line {line}")]
    Altered {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    seq: u64,
    prev: String,
    body: Value,
    hash: String,
}

impl Head {
    fn genesis() -> Self {
        Self { seq: 0, hash: GENESIS.to_owned() }
    }
}

impl Chain {
    /// Opens or begins the chain at `path`; also gives the bodies of all lines.
    pub fn open(path: &Path) -> Result<(Self, Vec<Value>), ChainError> {
        let storage = |source| ChainError::Storage { path: path.to_owned(), source };
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let file = options.open(path).map_err(storage)?;
        let text = std::fs::read_to_string(path).map_err(storage)?;
        let whole = text.rfind('\n').map_or("", |end| text.get(..=end).unwrap_or_default());
        let mut head = Head::genesis();
        let mut bodies = Vec::new();
        for line in whole.lines() {
            let altered = || ChainError::Altered { path: path.to_owned(), line: head.seq + 1 };
            let line: Line = serde_json::from_str(line).map_err(|_| altered())?;
            if line.prev != head.hash || line.hash != hash(head.seq + 1, &line.prev, &line.body) {
                return Err(altered());
            }
            head = Head { seq: head.seq + 1, hash: line.hash };
            bodies.push(line.body);
        }
        let length = u64::try_from(whole.len()).unwrap_or(u64::MAX);
        if text.len() != whole.len() {
            file.set_len(length).map_err(storage)?;
        }
        Ok((Self { path: path.to_owned(), file, length, head }, bodies))
    }

    /// Adds a line and flushes it to disk. On an error nothing was added.
    pub fn append(&mut self, body: Value) -> Result<&Head, ChainError> {
        let seq = self.head.seq + 1;
        let hash = hash(seq, &self.head.hash, &body);
        let line = Line { seq, prev: self.head.hash.clone(), body, hash: hash.clone() };
        let written = self.write(&line);
        match written {
            Ok(length) => {
                self.length = length;
                self.head = Head { seq, hash };
                Ok(&self.head)
            }
            Err(source) => {
                let _ = self.file.set_len(self.length);
                Err(ChainError::Storage { path: self.path.clone(), source })
            }
        }
    }

    /// Where the chain stands.
    pub const fn head(&self) -> &Head {
        &self.head
    }

    fn write(&mut self, line: &Line) -> std::io::Result<u64> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(&bytes)?;
        self.file.sync_all()?;
        Ok(self.length + u64::try_from(bytes.len()).unwrap_or(0))
    }
}

fn hash(seq: u64, prev: &str, body: &Value) -> String {
    // `Value` keeps its keys sorted, so equal bodies have equal text.
    let text = format!("skink chain 1\n{seq}\n{prev}\n{body}");
    hex::encode(digest(&SHA256, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn goes_on_where_it_stopped_and_drops_a_torn_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let (mut chain, bodies) = Chain::open(&path).unwrap();
        assert!(bodies.is_empty());
        chain.append(json!({"b": 1, "a": 2})).unwrap();
        let head = chain.append(json!("two")).unwrap().clone();
        drop(chain);
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"seq\":3,\"pre").unwrap();
        let (mut chain, bodies) = Chain::open(&path).unwrap();
        assert_eq!(bodies, [json!({"a": 2, "b": 1}), json!("two")]);
        assert_eq!(chain.head(), &head);
        chain.append(json!(3)).unwrap();
        assert_eq!(Chain::open(&path).unwrap().1.len(), 3);
    }

    #[test]
    fn altered_dropped_and_swapped_lines_are_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let (mut chain, _) = Chain::open(&path).unwrap();
        for n in 0..3 {
            chain.append(json!({"n": n})).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let damaged = [
            text.replace("\"n\":1", "\"n\":7"),
            format!("{}\n{}\n", lines[0], lines[2]),
            format!("{}\n{}\n{}\n", lines[1], lines[0], lines[2]),
            format!("{}\n{}\n", lines[1], lines[2]),
        ];
        for text in damaged {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(Chain::open(&path), Err(ChainError::Altered { .. })));
        }
    }
}
