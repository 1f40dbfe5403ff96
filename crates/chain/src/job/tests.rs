use serde_json::{Value, json};
use skink_testkit::{NOW, TestPki};

use super::*;

fn ask(job: &Value) -> Value {
    serde_json::to_value(answer(job.to_string().as_bytes(), NOW)).unwrap()
}

fn job(pki: &TestPki) -> Value {
    json!({
        "leaf": pki.leaf.to_pem(), "untrusted": [pki.issuer.certificate.to_pem()],
        "trusted": [pki.root.certificate.to_pem()], "crls": [], "ocsp": [], "time": null,
        "name": {"kind": "dns", "value": "web-1.test"}, "purpose": "server",
        "profile": "rfc5280", "revocation": "off", "max_depth": null, "policies": [],
        "explicit_policy": false, "inhibit_mapping": false, "inhibit_any": false, "else": 1,
    })
}

fn with(mut job: Value, field: &str, value: Value) -> Value {
    job[field] = value;
    job
}

#[test]
fn a_good_chain_is_accepted_with_its_path() {
    let pki = TestPki::new();
    let answer = ask(&job(&pki));
    assert_eq!(answer["verdict"], "accept", "{answer}");
    let path = [&pki.leaf, &pki.issuer.certificate, &pki.root.certificate];
    assert_eq!(answer["path"], json!(path.map(|it| it.fingerprint().to_string())));
}

#[test]
fn each_field_counts() {
    let pki = TestPki::new();
    for (field, value, verdict, code) in [
        ("time", json!("2050-01-01T00:00:00Z"), "reject", "expired"),
        ("name", json!({"kind": "ip", "value": "127.0.0.1"}), "accept", ""),
        ("name", json!({"kind": "ip", "value": "127.0.0.2"}), "reject", "name-mismatch"),
        ("name", json!({"kind": "none"}), "accept", ""),
        ("purpose", json!("code-signing"), "reject", "purpose"),
        ("untrusted", json!([]), "reject", "issuer-not-found"),
        ("trusted", json!([]), "reject", "issuer-not-found"),
        ("revocation", json!("leaf"), "reject", "no-crl"),
        ("max_depth", json!(0), "reject", "path-too-long"),
        ("explicit_policy", json!(true), "reject", "no-acceptable-policy"),
        ("leaf", json!("nonsense"), "reject", "unreadable-input"),
        ("untrusted", json!(["x", pki.issuer.certificate.to_pem()]), "accept", "unreadable-input"),
        ("time", json!("yesterday"), "undecided", "bad-job"),
        ("purpose", json!("fun"), "undecided", "bad-job"),
        ("policies", json!(["x"]), "undecided", "bad-job"),
        ("leaf", json!(5), "undecided", "bad-job"),
    ] {
        let answer = ask(&with(job(&pki), field, value.clone()));
        assert_eq!(answer["verdict"], verdict, "{field} {value}: {answer}");
        if !code.is_empty() {
            assert_eq!(answer["findings"][0]["code"], code, "{field} {value}: {answer}");
        }
    }
    assert_eq!(ask(&json!("no job"))["verdict"], "undecided");
    assert_eq!(ask(&json!({ "leaf": pki.leaf.to_pem() }))["verdict"], "reject");
}

#[test]
fn a_revoked_leaf_is_rejected() {
    let pki = TestPki::new();
    let crl = pki.issuer.crl(7, None, vec![pki.issuer.revoked(&pki.leaf)]);
    let asked = with(job(&pki), "crls", json!([crl.to_pem()]));
    let answer = ask(&with(asked, "revocation", json!("leaf")));
    assert_eq!(answer["verdict"], "reject");
    let first = &answer["findings"][0];
    assert_eq!(first["code"], "revoked");
    assert_eq!(first["severity"], "error");
    assert_eq!(first["certificate"], pki.leaf.fingerprint().to_string());
    assert!(first["section"].as_str().unwrap().starts_with("RFC 5280"));
    assert!(["message", "fix"].iter().all(|field| !first[field].as_str().unwrap().is_empty()));
}
