//! What a run has put where: a file of its own, so that the next run knows.
//!
//! One JSON object a line. The first says between which keys the run goes; each other one names an
//! object and the digest of what is about to stand there, and is on the disk before it does. There
//! is no line for "done": the object itself shows that.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use skink_signer::KeyUri;

/// The file of a run, held by one run at a time.
#[derive(Debug)]
pub struct State {
    /// None where nothing is written down.
    file: Option<File>,
    /// By object, the digest of what was put there last.
    put: HashMap<String, [u8; 32]>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It could not be read or written.
    #[error("cannot use the state file")]
    Io(#[from] std::io::Error),
    /// Another run has it.
    #[error("another run works with this state file")]
    Taken,
    /// It is of a run between other keys.
    #[error("the state file is of a run from {from} to {to}")]
    OfAnotherRun {
        /// From this key.
        from: KeyUri,
        /// To this.
        to: KeyUri,
    },
    /// It is no state file.
    #[error("line {line} is none of a state file")]
    Damaged {
        /// The line, from 1.
        line: usize,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    rewrap: u32,
    from: KeyUri,
    to: KeyUri,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    put: String,
}

impl State {
    /// No file: for a run that changes nothing.
    pub fn none() -> Self {
        Self { file: None, put: HashMap::new() }
    }

    /// Opens the file, or begins it, for a run between these keys. A line that was cut off when the
    /// program was killed is taken away: what it was about was not done.
    pub fn open(path: &Path, from: &KeyUri, to: &KeyUri) -> Result<Self, StateError> {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateError::Taken),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let (mut put, mut whole, mut lines) = (HashMap::new(), 0_u64, 0);
        let mut reader = BufReader::new(&file);
        let mut text = Vec::new();
        loop {
            text.clear();
            let length = reader.read_until(b'\n', &mut text)?;
            if length == 0 || text.last() != Some(&b'\n') {
                break;
            }
            lines += 1;
            let damaged = StateError::Damaged { line: lines };
            if lines == 1 {
                let head: Head = serde_json::from_slice(&text).map_err(|_| damaged)?;
                if (&head.from, &head.to) != (from, to) || head.rewrap != 1 {
                    return Err(StateError::OfAnotherRun { from: head.from, to: head.to });
                }
            } else {
                let (id, digest) = row(&text).ok_or(damaged)?;
                put.insert(id, digest);
            }
            whole += u64::try_from(length).unwrap_or_default();
        }
        file.set_len(whole)?;
        file.seek(SeekFrom::Start(whole))?;
        if lines == 0 {
            let head = Head { rewrap: 1, from: from.clone(), to: to.clone() };
            writeln!(file, "{}", serde_json::to_string(&head).unwrap_or_default())?;
            file.sync_all()?;
        }
        Ok(Self { file: Some(file), put })
    }

    /// Whether these bytes are what a run put there.
    pub fn is_put(&self, id: &str, bytes: &[u8]) -> bool {
        self.put.get(id).is_some_and(|put| *put == digest_of(bytes))
    }

    /// Writes down, before it is done, what will stand where.
    pub fn putting<'a>(
        &mut self,
        rows: impl Iterator<Item = (String, &'a [u8])>,
    ) -> Result<(), StateError> {
        let mut text = String::new();
        for (id, bytes) in rows {
            let digest = digest_of(bytes);
            let row = Row { id, put: hex::encode(digest) };
            text.push_str(&serde_json::to_string(&row).unwrap_or_default());
            text.push('\n');
            self.put.insert(row.id, digest);
        }
        if let Some(file) = self.file.as_mut().filter(|_| !text.is_empty()) {
            file.write_all(text.as_bytes())?;
            file.sync_data()?;
        }
        Ok(())
    }
}

fn row(text: &[u8]) -> Option<(String, [u8; 32])> {
    let row: Row = serde_json::from_slice(text).ok()?;
    let digest = hex::decode(row.put).ok()?.try_into().ok()?;
    Some((row.id, digest))
}

fn digest_of(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> KeyUri {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_put_is_known_again_and_a_cut_line_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let (from, to) = (uri("vault:transit/a"), uri("vault:transit/a?version=2"));
        let mut state = State::open(&path, &from, &to).unwrap();
        state.putting([("one".into(), &b"new"[..]), ("two".into(), b"other")].into_iter()).unwrap();
        assert!(matches!(State::open(&path, &from, &to), Err(StateError::Taken)));
        drop(state);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"id\":\"three\",\"pu");
        std::fs::write(&path, &text).unwrap();
        let mut state = State::open(&path, &from, &to).unwrap();
        assert!(state.is_put("one", b"new") && state.is_put("two", b"other"));
        assert!(!state.is_put("one", b"other") && !state.is_put("three", b"new"));
        state.putting([("three".into(), &b"x"[..])].into_iter()).unwrap();
        drop(state);
        assert!(State::open(&path, &from, &to).unwrap().is_put("three", b"x"));
        let another = State::open(&path, &to, &from).unwrap_err();
        assert!(matches!(another, StateError::OfAnotherRun { .. }), "{another}");
        std::fs::write(&path, "{}\n").unwrap();
        let damaged = State::open(&path, &from, &to).unwrap_err();
        assert!(matches!(damaged, StateError::Damaged { line: 1 }), "{damaged}");
    }
}
