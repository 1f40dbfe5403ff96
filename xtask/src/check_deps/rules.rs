//! The walls themselves.

use super::graph::{Graph, Node};
use crate::sizes::RustFile;

/// Crates of pure knowledge: no runtime, database, HTTP, file, clock or randomness of the system.
const PURE: [&str; 9] = [
    "skink-x509",
    "skink-path",
    "skink-chain",
    "skink-model",
    "skink-trust",
    "skink-incident",
    "skink-posture",
    "skink-api",
    "skink-acme",
];

/// What would make a pure crate impure, however deep it sits.
const EFFECTS: [&str; 12] = [
    "async-std",
    "axum",
    "fs-err",
    "hyper",
    "mio",
    "reqwest",
    "rustls",
    "smol",
    "sqlx",
    "tempfile",
    "tokio",
    "ureq",
];

/// The same, in the words of the standard library.
const EFFECTFUL_PATHS: [&str; 10] = [
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "net::TcpStream",
    "net::TcpListener",
    "net::UdpSocket",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
];

/// `crate` may be a direct dependency of `only` and of nobody else.
struct Reserved {
    name: &'static str,
    only: &'static [&'static str],
    in_tests: InTests,
    why: &'static str,
}

#[derive(PartialEq)]
enum InTests {
    Free,
    Reserved,
}

const RESERVED: [Reserved; 5] = [
    Reserved {
        name: "sqlx",
        only: &["skink-store", "skink-reencrypt"],
        in_tests: InTests::Reserved,
        why: "only the store knows SQL, and reencrypt for other people's columns",
    },
    Reserved {
        name: "axum",
        only: &["skink-server"],
        in_tests: InTests::Free,
        why: "only the server knows axum",
    },
    Reserved {
        name: "skink-server",
        only: &["skink", "skink-testnet"],
        in_tests: InTests::Reserved,
        why: "nobody reads the server's insides",
    },
    Reserved {
        name: "anyhow",
        only: &["skink", "skink-cli", "skink-testnet", "xtask"],
        in_tests: InTests::Free,
        why: "libraries have typed errors",
    },
    Reserved {
        name: "skink-testkit",
        only: &["skink-testnet"],
        in_tests: InTests::Free,
        why: "fakes stay in tests",
    },
];

/// `from` must not reach `to`, directly or through others.
const NEVER: [(&str, &[&str], &str); 17] = [
    ("skink-x509", &["skink-"], "it is the bottom"),
    ("skink-path", &["skink-model", "skink-trust", "skink-api"], "it knows certificates only"),
    ("skink-chain", &["skink-model", "skink-trust", "skink-api"], "it works without a server"),
    (
        "skink-posture",
        &["skink-model", "skink-api", "skink-signer", "skink-path"],
        "it judges facts, wherever they are from",
    ),
    ("skink-fetch", &["skink-path", "skink-model", "skink-api"], "it judges nothing"),
    ("skink-model", &["skink-path"], "entities know no path building"),
    ("skink-api", &["skink-"], "wire types drag nothing along"),
    (
        "skink-store",
        &["skink-signer", "skink-acme", "skink-authority", "skink-trust", "skink-api"],
        "it persists the model and knows neither signing nor protocols",
    ),
    ("skink-drill", &["skink-server", "skink-store"], "it sees what the API and the wire show"),
    (
        "skink-fleet",
        &["skink-server", "skink-store", "skink-incident"],
        "it measures what the API and the wire show",
    ),
    ("skink-bench", &["skink-server"], "it measures the program that is released"),
    ("skink-agent", &["skink-server", "skink-store"], "it runs on other hosts"),
    ("skink-cli", &["skink-server", "skink-store"], "it is a client of the API"),
    ("skink-server", &["skink-reencrypt"], "it has nothing to do with other people's databases"),
    ("skink-agent", &["skink-reencrypt"], "it has nothing to do with other people's databases"),
    ("skink-reencrypt", &["skink-store", "skink-api"], "it works without a server"),
    ("skink-signer", &["skink-store", "skink-server"], "a ledger is handed to it"),
];

/// The only crates of this workspace that `incident` may reach.
const BELOW_INCIDENT: [&str; 2] = ["skink-model", "skink-x509"];

/// Every breach of the walls, as a sentence.
pub(super) fn breaches(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for (name, node) in &graph.crates {
        if PURE.contains(&name.as_str()) {
            let impure = EFFECTS.iter().filter(|effect| node.reached.contains(**effect));
            found.extend(impure.map(|e| format!("{name} is pure and must not reach {e}")));
        }
        found.extend(reserved(name, node));
        found.extend(never(name, node));
        found.extend(incident(name, node));
    }
    found
}

fn reserved(name: &str, node: &Node) -> Vec<String> {
    RESERVED
        .iter()
        .filter(|rule| !rule.only.contains(&name))
        .filter(|rule| {
            let in_tests = rule.in_tests == InTests::Reserved && node.dev.contains(rule.name);
            node.direct.contains(rule.name) || in_tests
        })
        .map(|rule| format!("{name} must not depend on {}: {}", rule.name, rule.why))
        .collect()
}

fn never(name: &str, node: &Node) -> Vec<String> {
    let rules = NEVER.iter().filter(|(from, ..)| *from == name);
    rules
        .flat_map(|(_, forbidden, why)| {
            let hit = node.reached.iter().filter(|to| forbidden.iter().any(|f| matches(f, to)));
            hit.map(move |to| format!("{name} must not reach {to}: {why}"))
        })
        .collect()
}

fn incident(name: &str, node: &Node) -> Vec<String> {
    if name != "skink-incident" {
        return Vec::new();
    }
    let own = node.reached.iter().filter(|to| to.starts_with("skink-"));
    own.filter(|to| !BELOW_INCIDENT.contains(&to.as_str()))
        .map(|to| format!("{name} must not reach {to}: the engine calls nobody"))
        .collect()
}

/// A pattern that ends in `-` stands for every crate whose name begins so.
fn matches(pattern: &str, name: &str) -> bool {
    if pattern.ends_with('-') { name.starts_with(pattern) } else { name == pattern }
}

/// Uses of file, clock, process or network in the sources of a pure crate, tests left out.
pub(super) fn impurities(file: &RustFile) -> Vec<String> {
    let pure = PURE.iter().filter_map(|name| name.strip_prefix("skink-"));
    let mut homes = pure.map(|name| format!("crates/{name}/src/"));
    if !homes.any(|home| file.path.starts_with(&home)) || file.is_test() {
        return Vec::new();
    }
    let code = file.text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    lines
        .flat_map(|(index, line)| {
            let hits = EFFECTFUL_PATHS.iter().filter(move |path| line.contains(**path));
            hits.map(move |path| {
                format!("{}:{}: a pure crate must not use {path}", file.path, index + 1)
            })
        })
        .collect()
}
