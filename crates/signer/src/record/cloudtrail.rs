//! What AWS records: the files of a trail, what `aws cloudtrail lookup-events` prints, or bare events.
//!
//! `CloudTrail` delivers an event some minutes after its call, as a rule within a quarter of an hour.

use std::io::Read;

use serde::Deserialize;
use skink_model::Time;

use super::{RecordError, Use};
use crate::uri::KeyUri;

const SCHEME: &str = "awskms";
const SERVICE: &str = "kms.amazonaws.com";
const SIGN: &str = "Sign";

/// One JSON value of a record.
#[derive(Deserialize)]
#[serde(untagged)]
enum Part {
    /// A file of a trail's.
    Trail {
        #[serde(rename = "Records")]
        records: Vec<Call>,
    },
    /// An answer of `LookupEvents`.
    Found {
        #[serde(rename = "Events")]
        events: Vec<Found>,
        /// Where the answer goes on.
        #[serde(default, rename = "NextToken")]
        next: Option<String>,
    },
    /// An event alone.
    One(Box<Call>),
}

#[derive(Deserialize)]
struct Found {
    /// The event, as JSON in a string.
    #[serde(rename = "CloudTrailEvent")]
    event: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    event_source: String,
    event_name: String,
    #[serde(default)]
    event_time: String,
    #[serde(default, rename = "eventID")]
    event_id: String,
    #[serde(default, rename = "requestID")]
    request_id: Option<String>,
    #[serde(default, rename = "sourceIPAddress")]
    source_ip_address: Option<String>,
    #[serde(default)]
    error_code: Option<String>,
    #[serde(default)]
    aws_region: String,
    #[serde(default)]
    recipient_account_id: String,
    #[serde(default)]
    request_parameters: Option<Parameters>,
    #[serde(default)]
    resources: Option<Vec<Resource>>,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default, rename = "keyId", alias = "KeyId")]
    key_id: Option<String>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default, rename = "ARN")]
    arn: String,
}

/// The signatures that a record tells of, in its order; refused calls are none. The file may hold
/// several JSON values, one after the other. A signature that cannot be paired is an error: what is
/// not known is not taken for honest.
pub fn uses(record: impl Read) -> impl Iterator<Item = Result<Use, RecordError>> {
    let parts = serde_json::Deserializer::from_reader(record).into_iter::<Part>();
    parts.flat_map(|part| match part.map_err(not_read).and_then(events) {
        Ok(events) => events.into_iter().filter_map(signature).collect(),
        Err(error) => vec![Err(error)],
    })
}

fn not_read(error: serde_json::Error) -> RecordError {
    if error.is_io() { RecordError::Read(error.into()) } else { RecordError::Trail(error) }
}

fn events(part: Part) -> Result<Vec<Call>, RecordError> {
    match part {
        Part::Trail { records } => Ok(records),
        Part::Found { next: Some(_), .. } => Err(RecordError::CutOff),
        Part::Found { events, next: None } => events
            .iter()
            .map(|found| serde_json::from_str(&found.event).map_err(RecordError::Trail))
            .collect(),
        Part::One(call) => Ok(vec![*call]),
    }
}

fn signature(call: Call) -> Option<Result<Use, RecordError>> {
    let made = call.event_source == SERVICE
        && call.event_name == SIGN
        && call.error_code.as_deref().is_none_or(str::is_empty);
    made.then(|| paired(call))
}

fn paired(call: Call) -> Result<Use, RecordError> {
    let lacks = |what| RecordError::Incomplete { event: call.event_id.clone(), what };
    let name = key(&call).ok_or_else(|| lacks("a key"))?;
    let key = KeyUri::new(SCHEME, &name).map_err(|_| lacks("a key"))?;
    let request_id = call.request_id.clone().filter(|id| !id.is_empty());
    let request_id = request_id.ok_or_else(|| lacks("an id of the call"))?;
    let at: jiff::Timestamp = call.event_time.parse().map_err(|_| lacks("a time"))?;
    let at = Time::from_millis(at.as_millisecond());
    Ok(Use { key, request_id, signatures: 1, at, from: call.source_ip_address, entry: None })
}

/// The key's ARN: among the resources, or as the caller named it, made whole where that was an id. An
/// alias stays what it is.
fn key(call: &Call) -> Option<String> {
    let resources = call.resources.as_deref().unwrap_or_default();
    let arn = resources.iter().map(|resource| &resource.arn).find(|arn| arn.contains(":key/"));
    if let Some(arn) = arn {
        return Some(arn.clone());
    }
    let named = call.request_parameters.as_ref()?.key_id.clone().filter(|id| !id.is_empty())?;
    if named.starts_with("arn:") || named.starts_with("alias/") {
        return Some(named);
    }
    let Call { aws_region: region, recipient_account_id: account, .. } = call;
    // The partition of the region: China's and the US government's have their own.
    let partition = match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    Some(format!("arn:{partition}:kms:{region}:{account}:key/{named}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234";

    fn event(name: &str, id: &str) -> Value {
        json!({
            "eventVersion": "1.08", "eventTime": "2026-11-23T08:02:44Z", "eventID": "e-1",
            "eventSource": "kms.amazonaws.com", "eventName": name, "requestID": id,
            "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "sourceIPAddress": "203.0.113.7", "requestParameters": {"keyId": "alias/ca"},
            "resources": [{"ARN": ARN, "type": "AWS::KMS::Key"}],
        })
    }

    fn with(mut event: Value, field: &str, value: Value) -> Value {
        event[field] = value;
        event
    }

    fn read(text: &str) -> Result<Vec<Use>, RecordError> {
        uses(text.as_bytes()).collect()
    }

    #[test]
    fn files_of_a_trail_answers_and_bare_events_tell_the_same() {
        let events =
            [event("Sign", "r-1"), event("Verify", "r-2"), event("GetPublicKey", "r-3")].to_vec();
        let refused = with(event("Sign", "r-4"), "errorCode", json!("DisabledException"));
        let events = [events, vec![refused]].concat();
        let trail = json!({"Records": events.clone()}).to_string();
        let found: Vec<Value> =
            events.iter().map(|one| json!({"CloudTrailEvent": one.to_string()})).collect();
        let found = json!({"Events": found}).to_string();
        let bare: Vec<String> = events.iter().map(Value::to_string).collect();
        let expected = Use {
            key: format!("awskms:{ARN}").parse().unwrap(),
            request_id: "r-1".into(),
            signatures: 1,
            at: Time::from_millis(1_795_420_964_000),
            from: Some("203.0.113.7".into()),
            entry: None,
        };
        for text in [&trail, &found, &bare.join("\n")] {
            assert_eq!(read(text).unwrap(), std::slice::from_ref(&expected), "{text}");
        }
        assert_eq!(read(&format!("{trail}\n{found}")).unwrap().len(), 2);
    }

    #[test]
    fn a_key_is_known_by_its_id_and_an_alias_stays_one() {
        let named = |name: &str| {
            let event = with(event("Sign", "r-1"), "resources", Value::Null);
            let event = with(event, "requestParameters", json!({"KeyId": name}));
            read(&event.to_string()).unwrap()[0].key.to_string()
        };
        assert_eq!(named("1234"), format!("awskms:{ARN}"));
        assert_eq!(named(ARN), format!("awskms:{ARN}"));
        assert_eq!(named("alias/ca"), "awskms:alias/ca");
    }

    #[test]
    fn what_cannot_be_paired_is_not_taken_for_honest() {
        let no_key = with(event("Sign", "r-1"), "resources", json!([]));
        let no_key = with(no_key, "requestParameters", Value::Null);
        for odd in [
            with(event("Sign", "r-1"), "requestID", Value::Null),
            with(event("Sign", "r-1"), "eventTime", json!("yesterday")),
            no_key,
        ] {
            let error = read(&odd.to_string()).unwrap_err();
            assert!(matches!(error, RecordError::Incomplete { .. }), "{error:?}");
        }
        let page = json!({"Events": [], "NextToken": "more"}).to_string();
        assert!(matches!(read(&page), Err(RecordError::CutOff)));
        assert!(matches!(read("{\"Records\": 5}"), Err(RecordError::Trail(_))));
        assert!(matches!(read("[1, 2"), Err(RecordError::Trail(_))));
    }
}
