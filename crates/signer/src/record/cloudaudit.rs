//! What Google records: the entries of Cloud Audit Logs, as `gcloud logging read --format=json` prints
//! them, or one a line, as a sink writes them.
//!
//! Signatures are data access, which is recorded only where a project's configuration says so. The
//! service has no id of a call that the caller would be told: Skink gives each call one of its own,
//! as the reason of the request.

use std::io::Read;

use serde_json::Value;
use skink_model::Time;

use super::entries::{self, text};
use super::{RecordError, Use};
use crate::uri::KeyUri;

const NAME: &str = "Cloud Audit Logs";
const SCHEME: &str = "gcpkms";
const SERVICE: &str = "cloudkms.googleapis.com";
const SIGN: &str = "AsymmetricSign";

/// The signatures that a record tells of, in its order; refused calls are none. A call without the
/// reason that Skink gives is nobody's that asked, and has the entry's own id.
pub fn uses(record: impl Read) -> impl Iterator<Item = Result<Use, RecordError>> {
    entries::of(record, NAME)
        .filter_map(|entry| entry.and_then(|entry| signature(&entry)).transpose())
}

fn signature(entry: &Value) -> Result<Option<Use>, RecordError> {
    let Some(service) = text(entry, "/protoPayload/serviceName") else {
        return Err(RecordError::NoEntry { service: NAME });
    };
    let method = text(entry, "/protoPayload/methodName").unwrap_or_default();
    // Some methods have their service's name before them.
    let signs = service == SERVICE && method.rsplit('.').next() == Some(SIGN);
    let code = entry.pointer("/protoPayload/status/code").and_then(Value::as_i64);
    if !signs || code.is_some_and(|code| code != 0) {
        return Ok(None);
    }
    let id = text(entry, "/insertId").unwrap_or_default();
    let lacks = |what| RecordError::Incomplete { event: id.to_owned(), what };
    let name = text(entry, "/protoPayload/resourceName").ok_or_else(|| lacks("a key"))?;
    let name = name.trim_start_matches("//cloudkms.googleapis.com/");
    let key = KeyUri::new(SCHEME, name).map_err(|_| lacks("a key"))?;
    let time = text(entry, "/timestamp").ok_or_else(|| lacks("a time"))?;
    let at: jiff::Timestamp = time.parse().map_err(|_| lacks("a time"))?;
    if id.is_empty() {
        return Err(lacks("an id of its entry"));
    }
    let reason = text(entry, "/protoPayload/requestMetadata/requestAttributes/reason");
    let from = text(entry, "/protoPayload/requestMetadata/callerIp");
    Ok(Some(Use {
        key,
        request_id: reason.unwrap_or(id).to_owned(),
        signatures: 1,
        at: Time::from_millis(at.as_millisecond()),
        from: from.map(ToOwned::to_owned),
        // Ids are unique among entries of one time.
        entry: Some(format!("{time} {id}")),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: &str =
        "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1";

    fn entry(method: &str, reason: &str) -> Value {
        json!({
            "insertId": "1x2y3z", "timestamp": "2026-11-23T08:02:44.123456789Z",
            "logName": "projects/p/logs/cloudaudit.googleapis.com%2Fdata_access",
            "protoPayload": {
                "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
                "authenticationInfo": {"principalEmail": "signing@p.iam.gserviceaccount.com"},
                "methodName": method, "serviceName": "cloudkms.googleapis.com",
                "resourceName": KEY, "status": {},
                "requestMetadata": {
                    "callerIp": "203.0.113.7", "requestAttributes": {"reason": reason},
                },
            },
            "resource": {"type": "cloudkms_cryptokeyversion"},
        })
    }

    fn read(text: &str) -> Result<Vec<Use>, RecordError> {
        uses(text.as_bytes()).collect()
    }

    #[test]
    fn what_was_printed_and_what_a_sink_wrote_tell_the_same() {
        let full = "google.cloud.kms.v1.KeyManagementService.AsymmetricSign";
        let mut refused = entry("AsymmetricSign", "skink-2");
        refused["protoPayload"]["status"] = json!({"code": 9, "message": "is not enabled"});
        let mut elsewhere = entry("AsymmetricSign", "skink-3");
        elsewhere["protoPayload"]["serviceName"] = json!("another.googleapis.com");
        let all = [entry(full, "skink-1"), entry("GetPublicKey", "a"), refused, elsewhere];
        let expected = Use {
            key: format!("gcpkms:{KEY}").parse().unwrap(),
            request_id: "skink-1".into(),
            signatures: 1,
            at: Time::from_millis(1_795_420_964_123),
            from: Some("203.0.113.7".into()),
            entry: Some("2026-11-23T08:02:44.123456789Z 1x2y3z".into()),
        };
        let lines: Vec<String> = all.iter().map(Value::to_string).collect();
        for text in [json!(all).to_string(), lines.join("\n")] {
            assert_eq!(read(&text).unwrap(), std::slice::from_ref(&expected), "{text}");
        }
        assert!(read("[]").unwrap().is_empty());
    }

    #[test]
    fn a_call_without_a_reason_is_known_by_its_entry() {
        let mut silent = entry("AsymmetricSign", "");
        assert_eq!(read(&silent.to_string()).unwrap()[0].request_id, "1x2y3z");
        silent["protoPayload"]["requestMetadata"] = json!({});
        assert_eq!(read(&silent.to_string()).unwrap()[0].request_id, "1x2y3z");
    }

    #[test]
    fn what_cannot_be_paired_is_not_taken_for_honest() {
        for gone in ["/insertId", "/timestamp", "/protoPayload/resourceName"] {
            let mut odd = entry("AsymmetricSign", "skink-1");
            *odd.pointer_mut(gone).unwrap() = Value::Null;
            let error = read(&odd.to_string()).unwrap_err();
            assert!(matches!(error, RecordError::Incomplete { .. }), "{gone}: {error:?}");
        }
        let other = read("{\"textPayload\": \"hello\"}");
        assert!(matches!(other, Err(RecordError::NoEntry { .. })), "{other:?}");
        assert!(matches!(read("[1, 2"), Err(RecordError::Json { .. })));
    }
}
