//! Netflix `BetterTLS`: its verdicts on name constraints, or the reason for another.

#![expect(clippy::unwrap_used, reason = "a test panics")]
#![expect(clippy::print_stdout, reason = "a skipped test says so, and figures are worth reading")]

mod vectors;

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use skink_path::{Options, PeerName, Purpose, Rejection, VerifiedPath, validate};
use skink_x509::{Certificate, ParseError};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Suite {
    trust_root: String,
    test_cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    id: u32,
    certificates: Vec<String>,
    hostname: String,
    expected: Expected,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum Expected {
    Accept,
    Reject,
}

/// The text of a file that `xz` packed; nothing where there is no `xz`.
fn unpacked(file: &Path) -> Option<String> {
    match Command::new("xz").args(["--decompress", "--stdout"]).arg(file).output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) => {
            assert!(std::env::var("CI").is_err(), "xz does not start, and CI wants it: {error}");
            println!("skipped: xz does not start: {error}");
            None
        }
    }
}

fn validate_case(
    case: &Case,
    anchor: &Certificate,
    read: &mut HashMap<String, Result<Certificate, ParseError>>,
) -> Result<Result<VerifiedPath, Rejection>, ParseError> {
    let mut certificates = Vec::new();
    for text in &case.certificates {
        let certificate = read
            .entry(text.clone())
            .or_insert_with(|| Certificate::from_der(&STANDARD.decode(text).unwrap()));
        certificates.push(certificate.clone()?);
    }
    let (leaf, untrusted) = certificates.split_first().unwrap();
    let name = case
        .hostname
        .parse::<IpAddr>()
        .map_or_else(|_| PeerName::Dns(case.hostname.clone()), PeerName::Ip);
    let time = leaf.not_before().plus(Duration::from_secs(1));
    let options = Options::new(time, Purpose::Server).named(name).formal();
    Ok(validate(leaf, untrusted, std::slice::from_ref(anchor), &[], &options))
}

#[test]
fn bettertls_has_its_verdicts_or_reasons() {
    let Some(folder) = vectors::folder("bettertls") else { return };
    let Some(text) = unpacked(&folder.join("nameconstraints.json.xz")) else { return };
    let suite: Suite = serde_json::from_str(&text).unwrap();
    assert_eq!(suite.test_cases.len(), 9491);
    let anchor = Certificate::from_der(&STANDARD.decode(&suite.trust_root).unwrap()).unwrap();
    let parts: Vec<Vec<Verdict>> = std::thread::scope(|scope| {
        let parts: Vec<_> = suite
            .test_cases
            .chunks(suite.test_cases.len().div_ceil(4))
            .map(|cases| scope.spawn(|| verdicts(cases, &anchor)))
            .collect();
        parts.into_iter().map(|part| part.join().unwrap()).collect()
    });
    let all = parts.into_iter().flatten();
    let agreed = vectors::compare(include_str!("bettertls-exceptions.txt"), all);
    println!("{agreed} of {} BetterTLS verdicts", suite.test_cases.len());
}

type Verdict = (String, bool, String);

fn verdicts(cases: &[Case], anchor: &Certificate) -> Vec<Verdict> {
    let mut read = HashMap::new();
    let verdict = |case: &Case| {
        let verdict = validate_case(case, anchor, &mut read);
        let accepted = matches!(verdict, Ok(Ok(_)));
        let told = match verdict {
            Ok(Ok(_)) => "is accepted".to_owned(),
            Ok(Err(rejection)) => rejection.to_string(),
            Err(error) => error.to_string(),
        };
        (case.id.to_string(), accepted == (case.expected == Expected::Accept), told)
    };
    cases.iter().map(verdict).collect()
}
