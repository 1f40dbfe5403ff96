//! The machine interface.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::pki::Pki;

fn job(pki: &Pki) -> Value {
    json!({
        "leaf": pki.read("leaf.pem"), "untrusted": [pki.read("inter.pem")],
        "trusted": [pki.read("root.pem")], "crls": [], "ocsp": [], "time": null,
        "name": {"kind": "dns", "value": "www.test"}, "purpose": "server", "profile": "webpki",
        "revocation": "off", "max_depth": null, "policies": [], "explicit_policy": false,
        "inhibit_mapping": false, "inhibit_any": false,
    })
}

fn ask(pki: &Pki, lines: &[String]) -> Vec<Value> {
    let input = lines.join("\n") + "\n";
    let told = pki.skink_with("verify --jobs", input.as_bytes()).expect(0);
    told.out().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn answers_come_in_order_and_nothing_stops_the_stream() {
    let pki = Pki::new();
    let good = job(&pki);
    let mut bad = good.clone();
    bad["name"]["value"] = json!("other.test");
    let mut heavy = good.clone();
    let inter = &good["untrusted"][0];
    heavy["untrusted"] = json!(vec![inter; 2_000]);
    let mut lines = Vec::new();
    let mut expected = Vec::new();
    for _ in 0..20 {
        for (line, verdict) in [
            (heavy.to_string(), "accept"),
            (bad.to_string(), "reject"),
            ("{\"leaf\": 1".to_owned(), "undecided"),
            (good.to_string(), "accept"),
        ] {
            lines.push(line);
            expected.push(verdict);
        }
    }
    let answers = ask(&pki, &lines);
    let verdicts: Vec<_> = answers.iter().map(|it| it["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, expected);
    let fields = |it: &Value| it.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&answers[0]), ["findings", "path", "verdict"]);
    let finding = &answers[1]["findings"][0];
    let keys = ["certificate", "code", "fix", "message", "section", "severity"];
    assert_eq!(fields(finding), keys);
    assert_eq!(finding["severity"], "error");
    assert_eq!(finding["certificate"], answers[0]["path"][0]);
}

#[test]
fn each_answer_comes_before_the_next_question() {
    let pki = Pki::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_skink"))
        .args(["chain", "verify", "--jobs"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        writeln!(input, "{}", job(&pki)).unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert!(line.starts_with("{\"verdict\":\"accept\""), "{line}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

/// The shared vectors: where `SKINK_VECTORS` or `SKINK_TEST_DATA` says, or beside the checkout.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn vectors() -> Option<PathBuf> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    let named = ["SKINK_VECTORS", "SKINK_TEST_DATA"].iter().find_map(std::env::var_os);
    let is_named = named.is_some();
    let folder = named.map_or_else(|| beside.join("data"), PathBuf::from).join("pkits");
    if folder.is_dir() {
        return Some(folder);
    }
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let must = is_named || (ci && beside.is_dir());
    assert!(!must, "there are no public vectors at {}", folder.display());
    println!("skipped: no test vectors in {}", folder.display());
    None
}

#[test]
fn pkits_through_jobs() {
    let Some(folder) = vectors() else { return };
    let cases = std::fs::read_to_string(folder.join("pkits.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&cases).unwrap();
    let block = |label: &str, path: PathBuf| {
        let body = STANDARD.encode(std::fs::read(path).unwrap());
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    let list = |case: &Value, field: &str| -> Vec<String> {
        let names = case[field].as_array().unwrap().iter();
        names.map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let lines: Vec<String> = cases
        .iter()
        .map(|case| {
            let certificate = |name: &String| {
                block("CERTIFICATE", folder.join("certs").join(format!("{name}.crt")))
            };
            let crl =
                |name: &String| block("X509 CRL", folder.join("crls").join(format!("{name}.crl")));
            let certificates: Vec<_> = list(case, "certs").iter().map(certificate).collect();
            let crls: Vec<_> = list(case, "crls").iter().map(crl).collect();
            let any = "2.5.29.32.0";
            let policies: Vec<_> =
                list(case, "initial_policy_set").into_iter().filter(|it| it != any).collect();
            let (leaf, issuers) = certificates.split_last().unwrap();
            json!({
                "leaf": leaf, "untrusted": issuers[1..], "trusted": [issuers[0]], "crls": crls, "ocsp": [], "time": case["time"],
                "name": {"kind": "none"}, "purpose": "any", "profile": "rfc5280",
                "revocation": "chain", "max_depth": null, "policies": policies,
                "explicit_policy": case["initial_explicit_policy"],
                "inhibit_mapping": case["initial_policy_mapping_inhibit"],
                "inhibit_any": case["initial_inhibit_any_policy"],
            })
            .to_string()
        })
        .collect();
    let pki = Pki::new();
    let answers = ask(&pki, &lines);
    assert_eq!(answers.len(), cases.len());
    for (case, answer) in cases.iter().zip(&answers) {
        let expected = if case["should_validate"] == true { "accept" } else { "reject" };
        assert_eq!(answer["verdict"], expected, "{}: {}", case["id"], answer["findings"]);
    }
}
