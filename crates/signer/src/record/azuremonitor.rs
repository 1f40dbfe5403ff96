//! What Azure records of a key vault: the audit events of its diagnostic settings, as they are
//! archived (an event a line) or streamed (`records`), or rows of the tables `AzureDiagnostics` and
//! `AZKVAuditLogs` as `az monitor log-analytics query` prints them.
//!
//! Events are recorded only where a vault's diagnostic settings say so. The service writes down the id
//! that the caller chose for a call; Skink chooses a random one for each.

use std::io::Read;

use serde_json::Value;
use skink_model::Time;

use super::entries::{self, text};
use super::{RecordError, Use};
use crate::uri::KeyUri;

const NAME: &str = "Azure Monitor";
const SCHEME: &str = "azurekv";
const SIGN: &str = "KeySign";

// The same fact is called so in an event, and so in the tables.
const OPERATION: [&str; 2] = ["/operationName", "/OperationName"];
const TIME: [&str; 2] = ["/time", "/TimeGenerated"];
const CALL: [&str; 3] = ["/correlationId", "/CorrelationId", "/properties/clientRequestId"];
const FROM: [&str; 3] = ["/callerIpAddress", "/CallerIPAddress", "/CallerIpAddress"];
const KEY: [&str; 3] = ["/properties/id", "/id_s", "/Id"];
const URI: [&str; 3] = ["/properties/requestUri", "/requestUri_s", "/RequestUri"];
const STATUS: [&str; 3] = ["/properties/httpStatusCode", "/httpStatusCode_d", "/HttpStatusCode"];
const RESULT: [&str; 2] = ["/resultType", "/ResultType"];

/// The signatures that a record tells of, in its order; refused calls are none. A call to which the
/// caller gave no id is nobody's that asked.
pub fn uses(record: impl Read) -> impl Iterator<Item = Result<Use, RecordError>> {
    entries::of(record, NAME)
        .filter_map(|entry| entry.and_then(|entry| signature(&entry)).transpose())
}

fn signature(entry: &Value) -> Result<Option<Use>, RecordError> {
    let operation = first(entry, &OPERATION).ok_or(RecordError::NoEntry { service: NAME })?;
    if operation != SIGN {
        return Ok(None);
    }
    let time = first(entry, &TIME).unwrap_or_default();
    let lacks = |what| RecordError::Incomplete { event: format!("of {time}"), what };
    if !succeeded(entry).ok_or_else(|| lacks("an outcome"))? {
        return Ok(None);
    }
    let key = key(entry).ok_or_else(|| lacks("a key"))?;
    let at: jiff::Timestamp = time.parse().map_err(|_| lacks("a time"))?;
    let call = first(entry, &CALL).unwrap_or("none");
    Ok(Some(Use {
        key,
        request_id: call.to_ascii_lowercase(),
        signatures: 1,
        at: Time::from_millis(at.as_millisecond()),
        from: first(entry, &FROM).map(ToOwned::to_owned),
        // An event has no id of its own; two of one key's differ in time.
        entry: Some(time.to_owned()),
    }))
}

/// Whether the call was answered well; none if nothing is said about that.
fn succeeded(entry: &Value) -> Option<bool> {
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
    let status = STATUS.iter().find_map(|pointer| number(entry.pointer(pointer)?));
    let result = || first(entry, &RESULT).map(|result| result.eq_ignore_ascii_case("success"));
    status.map(|status| (200.0..300.0).contains(&status)).or_else(result)
}

/// The key's own URL, or the one that was called, without what follows the key's version.
fn key(entry: &Value) -> Option<KeyUri> {
    let of = |url: &str| {
        let (host, path) = url.strip_prefix("https://")?.split_once("/keys/")?;
        let path = path.split('?').next()?.trim_end_matches("/sign");
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let host = host.to_ascii_lowercase();
        // Its standard port is written by some and left out by others.
        let host = host.strip_suffix(":443").unwrap_or(&host);
        let mut name = format!("https://{host}/keys/{}", parts.next()?);
        if let Some(version) = parts.next() {
            name.extend(["/", version]);
        }
        KeyUri::new(SCHEME, &name).ok()
    };
    [first(entry, &KEY), first(entry, &URI)].into_iter().flatten().find_map(of)
}

fn first<'a>(entry: &'a Value, pointers: &[&str]) -> Option<&'a str> {
    pointers.iter().find_map(|pointer| text(entry, pointer))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "https://pki.vault.azure.net/keys/issuer-1/0123456789abcdef";
    const CALLED: &str =
        "https://PKI.vault.azure.net:443/keys/issuer-1/0123456789abcdef/sign?api-version=7.4";
    const GUID: &str = "6f9619ff-8b86-4011-a42d-00c04fc964ff";

    fn event(operation: &str) -> Value {
        json!({
            "time": "2026-11-23T08:02:44.1234567Z", "category": "AuditEvent",
            "resourceId": "/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/PKI",
            "operationName": operation, "operationVersion": "7.4", "resultType": "Success",
            "resultSignature": "OK", "durationMs": "17", "callerIpAddress": "203.0.113.7",
            "correlationId": GUID.to_ascii_uppercase(),
            "properties": {"id": ID, "requestUri": CALLED, "httpStatusCode": 200},
        })
    }

    fn read(text: &str) -> Result<Vec<Use>, RecordError> {
        uses(text.as_bytes()).collect()
    }

    #[test]
    fn what_was_archived_streamed_and_looked_up_tells_the_same() {
        let mut refused = event(SIGN);
        refused["properties"]["httpStatusCode"] = 403.into();
        let all = [event(SIGN), event("KeyGet"), event("VaultGet"), refused];
        let lines: Vec<String> = all.iter().map(Value::to_string).collect();
        let row = json!([{
            "TimeGenerated": "2026-11-23T08:02:44.1234567Z", "OperationName": SIGN,
            "CorrelationId": GUID, "CallerIPAddress": "203.0.113.7", "id_s": ID,
            "requestUri_s": CALLED, "httpStatusCode_d": "200", "ResultType": "Success",
        }]);
        let newer = json!([{
            "TimeGenerated": "2026-11-23T08:02:44.1234567Z", "OperationName": SIGN,
            "CorrelationId": GUID, "CallerIpAddress": "203.0.113.7", "RequestUri": CALLED,
            "HttpStatusCode": 200,
        }]);
        let records = json!({"records": all}).to_string();
        for text in [lines.join("\n"), records, row.to_string(), newer.to_string()] {
            let told = read(&text).unwrap();
            assert_eq!(told.len(), 1, "{text}");
            assert_eq!(told[0].key.as_str(), format!("azurekv:{ID}"));
            assert_eq!(told[0].request_id, GUID);
            assert_eq!(told[0].at, Time::from_millis(1_795_420_964_123));
            assert_eq!(told[0].from.as_deref(), Some("203.0.113.7"));
        }
    }

    #[test]
    fn a_key_may_be_called_without_its_version_and_a_call_without_an_id() {
        let mut odd = event(SIGN);
        odd["properties"]["id"] = Value::Null;
        odd["properties"]["requestUri"] =
            json!("https://pki.vault.azure.net/keys/issuer-1//sign?api-version=7.4");
        odd["correlationId"] = json!("");
        let told = read(&odd.to_string()).unwrap();
        assert_eq!(told[0].key.as_str(), "azurekv:https://pki.vault.azure.net/keys/issuer-1");
        assert_eq!(told[0].request_id, "none");
    }

    #[test]
    fn what_cannot_be_paired_is_not_taken_for_honest() {
        let mut no_key = event(SIGN);
        no_key["properties"] = json!({"httpStatusCode": 200});
        let mut no_time = event(SIGN);
        no_time["time"] = json!("yesterday");
        let mut no_outcome = event(SIGN);
        no_outcome["properties"]["httpStatusCode"] = Value::Null;
        no_outcome["resultType"] = Value::Null;
        for odd in [no_key, no_time, no_outcome] {
            let error = read(&odd.to_string()).unwrap_err();
            assert!(matches!(error, RecordError::Incomplete { .. }), "{error:?}");
        }
        assert!(matches!(read("{\"a\": 1}"), Err(RecordError::NoEntry { .. })));
        assert!(matches!(read("[1, 2"), Err(RecordError::Json { .. })));
    }
}
