//! The audit log that OpenBao and Vault write to a file.

use std::io::BufRead;

use serde::Deserialize;
use skink_model::Time;

use super::{RecordError, Use};
use crate::uri::KeyUri;

const SCHEME: &str = "vault";

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    time: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    request: Request,
}

#[derive(Default, Deserialize)]
struct Request {
    /// Calls of the service's own have none.
    #[serde(default)]
    id: String,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    mount_type: Option<String>,
    #[serde(default)]
    remote_address: Option<String>,
}

/// The signatures that a log tells of, in its order; refused calls are none. Reads line by line. A
/// last line that is not whole is one that the service is writing.
pub fn uses(log: impl BufRead) -> impl Iterator<Item = Result<Use, RecordError>> {
    let mut lines = log.split(b'\n').zip(1..).peekable();
    std::iter::from_fn(move || {
        loop {
            let (text, line) = lines.next()?;
            let text = match text {
                Ok(text) => text,
                Err(error) => return Some(Err(RecordError::Read(error))),
            };
            if text.is_empty() {
                continue;
            }
            match serde_json::from_slice::<Entry>(&text) {
                Ok(entry) => {
                    if let Some(made) = signature(entry) {
                        return Some(Ok(made));
                    }
                }
                Err(error) if error.is_eof() && lines.peek().is_none() => return None,
                Err(source) => return Some(Err(RecordError::Line { line, source })),
            }
        }
    })
}

fn signature(entry: Entry) -> Option<Use> {
    let Entry { kind, time, error, request } = entry;
    let transit = request.mount_type.as_deref().is_none_or(|mount| mount == "transit");
    if kind != "response" || !error.is_empty() || !transit || request.operation != "update" {
        return None;
    }
    // `MOUNT/sign/NAME`, and before its algorithm was in the body `MOUNT/sign/NAME/ALGORITHM`.
    let (mount, rest) = request.path.split_once("/sign/")?;
    let name = rest.split('/').next()?;
    let key = KeyUri::new(SCHEME, &format!("{mount}/{name}")).ok()?;
    let at: jiff::Timestamp = time.parse().ok()?;
    let at = Time::from_millis(at.as_millisecond());
    Some(Use { key, request_id: request.id, at, from: request.remote_address })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: &str, path: &str, error: &str, id: &str) -> String {
        format!(
            "{{\"type\":\"{kind}\",\"time\":\"2026-11-23T08:02:44.517Z\",\"error\":\"{error}\",\
             \"request\":{{\"id\":\"{id}\",\"operation\":\"update\",\"path\":\"{path}\",\
             \"mount_type\":\"transit\",\"remote_address\":\"10.0.0.7\"}}}}\n"
        )
    }

    #[test]
    fn signatures_are_answers_without_an_error() {
        let log = [
            line("request", "transit/sign/a", "", "r-1"),
            line("response", "transit/sign/a", "", "r-1"),
            line("response", "transit/sign/a", "permission denied", "r-2"),
            line("response", "transit/verify/a", "", "r-3"),
            line("response", "teams/pki/sign/b/sha2-256", "", "r-4"),
            "{\"type\":\"resp".to_owned(),
        ];
        let found: Vec<Use> = uses(log.concat().as_bytes()).collect::<Result<_, _>>().unwrap();
        let told: Vec<_> = found.iter().map(|one| (one.key.as_str(), &*one.request_id)).collect();
        assert_eq!(told, [("vault:transit/a", "r-1"), ("vault:teams/pki/b", "r-4")]);
        assert_eq!(found[0].at, Time::from_millis(1_795_420_964_517));
        assert_eq!(found[0].from.as_deref(), Some("10.0.0.7"));
    }

    #[test]
    fn what_is_no_log_is_said_with_its_line() {
        let log = [line("response", "transit/sign/a", "", "r-1"), "nonsense\n".to_owned()];
        let log = log.concat();
        let mut found = uses(log.as_bytes());
        assert!(found.next().unwrap().is_ok());
        assert!(matches!(found.next(), Some(Err(RecordError::Line { line: 2, .. }))));
    }
}
