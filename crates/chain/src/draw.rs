//! A chain as a tree for people: the root above, the leaf below.

use std::fmt::Write as _;

use skink_x509::{Certificate, Plain, Time};

use crate::describe::validity;
use crate::finding::Finding;
use crate::structure::is_self_signed;

/// Draws a path, leaf first, with what was found beside each certificate.
pub fn path(path: &[Certificate], reached_anchor: bool, now: Time, findings: &[Finding]) -> String {
    let mut text = String::new();
    let mut depth = 0;
    let ends_at_root = path.last().is_some_and(is_self_signed);
    if !reached_anchor
        && !ends_at_root
        && let Some(top) = path.last()
    {
        // Writing into a string does not fail.
        let _ = writeln!(text, "? {} (not at hand)", top.issuer());
        depth = 1;
    }
    for (below, certificate) in path.iter().rev().enumerate() {
        let trusted = match (below, reached_anchor) {
            (0, true) => ", trusted",
            (0, false) if ends_at_root => ", not trusted",
            _ => "",
        };
        let line = format!("{}  ({}{trusted})", label(certificate), validity(certificate, now));
        let _ = writeln!(text, "{}{line}{}", branch(depth), marks(certificate, findings));
        depth += 1;
    }
    text
}

/// The name that says most: the common name, else the first alternative name; on one line.
pub fn label(certificate: &Certificate) -> String {
    let subject = certificate.subject();
    let name = subject
        .common_name()
        .or_else(|| certificate.subject_alt_names().first().map(ToString::to_string))
        .unwrap_or_else(|| {
            if subject.is_empty() { "(no name)".to_owned() } else { subject.to_string() }
        });
    Plain::of(name)
}

fn branch(depth: usize) -> String {
    match depth {
        0 => String::new(),
        depth => format!("{}└─ ", "   ".repeat(depth - 1)),
    }
}

fn marks(certificate: &Certificate, findings: &[Finding]) -> String {
    let fingerprint = Some(certificate.fingerprint());
    let own = findings.iter().filter(|it| it.certificate == fingerprint && it.is_error());
    let codes: Vec<_> = own.map(|it| it.code).collect();
    if codes.is_empty() { String::new() } else { format!("  ✗ {}", codes.join(", ")) }
}
