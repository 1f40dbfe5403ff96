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
    #[serde(default)]
    response: Option<Response>,
}

#[derive(Default, Deserialize)]
struct Response {
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Default, Deserialize)]
struct Data {
    /// What became of each part of a list; such a call has no error of its own.
    #[serde(default)]
    batch_results: Option<Vec<Part>>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    signature: Option<String>,
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

/// The calls that signed of which a log tells, in its order; refused ones did not. Reads line by line. A
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
    let Entry { kind, time, error, request, response } = entry;
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
    let signatures = response.and_then(|one| one.data).map_or(1, signatures);
    (signatures > 0).then_some(Use {
        key,
        request_id: request.id,
        signatures,
        at,
        from: request.remote_address,
        entry: None,
    })
}

/// How many an answer without an error has: a list's parts may be refused.
fn signatures(data: Data) -> u64 {
    let made = |parts: Vec<Part>| parts.iter().filter(|part| part.signature.is_some()).count();
    data.batch_results.map_or(1, |parts| u64::try_from(made(parts)).unwrap_or(u64::MAX))
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
    fn a_list_has_as_many_signatures_as_its_answer() {
        let answered = |parts: &str| {
            line("response", "transit/sign/a", "", "r-1").replacen(
                "}\n",
                &format!(",\"response\":{{\"data\":{{\"batch_results\":[{parts}]}}}}}}\n"),
                1,
            )
        };
        let made = "{\"key_version\":1,\"signature\":\"hmac-sha256:00\"}";
        let refused = "{\"key_version\":0,\"error\":\"hmac-sha256:00\"}";
        let of = |parts: &str| {
            let log = answered(parts);
            let found: Vec<Use> = uses(log.as_bytes()).collect::<Result<_, _>>().unwrap();
            found.iter().map(|one| one.signatures).collect::<Vec<_>>()
        };
        assert_eq!(of(&[made, refused, made].join(",")), [2]);
        assert_eq!(of(refused), [0; 0]);
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
