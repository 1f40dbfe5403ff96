use serde_json::json;

use super::graph::Graph;
use super::rules::{breaches, impurities};
use crate::sizes::RustFile;

/// A workspace of one crate with one dependency.
fn one(name: &str, to: &str, kind: Option<&str>) -> Graph {
    Graph::from_metadata(&json!({
        "packages": [{ "name": name, "dependencies": [{ "name": to, "kind": kind }] }]
    }))
    .unwrap()
}

/// The same, where the dependency sits below another.
fn reaching(name: &str, to: &str) -> Graph {
    let mut graph = one(name, "something", None);
    graph.crates.get_mut(name).unwrap().reached.insert(to.to_owned());
    graph
}

#[test]
fn every_wall_can_fail() {
    let forbidden = [
        ("skink-x509", "tokio"),
        ("skink-path", "reqwest"),
        ("skink-model", "sqlx"),
        ("skink-trust", "hyper"),
        ("skink-incident", "tokio"),
        ("skink-api", "axum"),
        ("skink-agent", "sqlx"),
        ("skink-drill", "axum"),
        ("skink-drill", "skink-server"),
        ("skink-cli", "skink-server"),
        ("skink-incident", "skink-trust"),
        ("skink-api", "skink-model"),
        ("skink-model", "skink-path"),
        ("skink-store", "skink-signer"),
        ("skink-store", "skink-acme"),
        ("skink-server", "anyhow"),
        ("skink-server", "skink-testkit"),
    ];
    for (from, to) in forbidden {
        let found = breaches(&one(from, to, None));
        assert!(!found.is_empty(), "{from} -> {to} was let through");
        assert!(found[0].contains(from) && found[0].contains(to), "{found:?}");
    }
}

#[test]
fn what_sits_deeper_is_found_too() {
    for (from, to) in [
        ("skink-trust", "tokio"),
        ("skink-incident", "skink-path"),
        ("skink-store", "skink-signer"),
        ("skink-drill", "skink-store"),
    ] {
        assert!(!breaches(&reaching(from, to)).is_empty(), "{from} ~> {to} was let through");
    }
}

#[test]
fn tests_may_use_anyhow_but_neither_sql_nor_the_server() {
    assert!(breaches(&one("skink-agent", "anyhow", Some("dev"))).is_empty());
    assert!(breaches(&one("skink-agent", "skink-testkit", Some("dev"))).is_empty());
    assert!(!breaches(&one("skink-agent", "sqlx", Some("dev"))).is_empty());
    assert!(!breaches(&one("skink-drill", "skink-server", Some("dev"))).is_empty());
}

#[test]
fn the_allowed_is_allowed() {
    for (from, to) in [
        ("skink-store", "sqlx"),
        ("skink-server", "axum"),
        ("skink", "skink-server"),
        ("skink-incident", "skink-model"),
        ("xtask", "anyhow"),
    ] {
        assert_eq!(breaches(&one(from, to, None)), Vec::<String>::new());
    }
}

#[test]
fn a_clock_in_a_pure_crate_is_found_and_one_in_its_tests_is_not() {
    let with = |path: &str, text: &str| RustFile { path: path.into(), text: text.into() };
    let source = "fn f() {\n    let t = Instant::now();\n}\n";
    let found = impurities(&with("crates/trust/src/accept.rs", source));
    assert_eq!(found, ["crates/trust/src/accept.rs:2: a pure crate must not use Instant::now"]);
    assert!(impurities(&with("crates/agent/src/run.rs", source)).is_empty());
    assert!(impurities(&with("crates/trust/src/accept/tests.rs", source)).is_empty());
    let in_tests = format!("#[cfg(test)]\nmod tests {{\n{source}}}\n");
    assert!(impurities(&with("crates/trust/src/accept.rs", &in_tests)).is_empty());
}
