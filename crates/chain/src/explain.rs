//! What programs print when TLS fails, turned into cause and remedy.
//!
//! Each family of programs has a table of its own: how its message reads, and which [`Cause`] it
//! stands for. A cause is explained once, in `causes.rs`, whoever complains of it.

mod browsers;
mod causes;
mod curl;
mod databases;
mod dotnet;
mod gnutls;
mod go;
mod java;
mod node;
mod openssl;
mod python;
mod rustls;
mod servers;

pub use causes::Cause;

use serde::Serialize;

/// How a program words a failure.
struct Row {
    /// Parts of the message in their order, with `…` for what may stand between.
    says: &'static str,
    cause: Cause,
    /// What this message says beyond its cause.
    note: &'static str,
}

const fn row(says: &'static str, cause: Cause) -> Row {
    Row { says, cause, note: "" }
}

const fn noted(says: &'static str, cause: Cause, note: &'static str) -> Row {
    Row { says, cause, note }
}

/// Every family with its table.
const FAMILIES: [(&str, &[Row]); 12] = [
    ("OpenSSL", openssl::ROWS),
    ("curl", curl::ROWS),
    ("Python", python::ROWS),
    ("Java", java::ROWS),
    ("Go", go::ROWS),
    ("nginx, Apache, HAProxy", servers::ROWS),
    ("Chrome, Firefox, Safari", browsers::ROWS),
    ("rustls", rustls::ROWS),
    ("GnuTLS", gnutls::ROWS),
    ("PostgreSQL, MySQL, LDAP", databases::ROWS),
    ("Node", node::ROWS),
    (".NET and Windows", dotnet::ROWS),
];

/// One explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// A word for programs, as `expired`.
    pub cause: Cause,
    /// The programs that word it so.
    pub family: &'static str,
    /// The message as it is known.
    pub message: &'static str,
    /// What is so.
    pub what: &'static str,
    /// Why that comes about.
    pub why: &'static str,
    /// What this very message says beyond that.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub note: &'static str,
    /// What to do, first things first.
    pub remedy: &'static [&'static str],
    /// How much of the message was recognised, in letters.
    pub weight: usize,
}

/// Every explanation of a text, the best match first; none if nothing in it is known.
///
/// A text may be a whole log. A cause is told once, by its best match.
pub fn explain(text: &str) -> Vec<Explanation> {
    let text = normal(text);
    let mut found: Vec<Explanation> = FAMILIES
        .iter()
        .flat_map(|(family, rows)| rows.iter().map(move |row| (*family, row)))
        .filter_map(|(family, row)| {
            let weight = weight(&text, row.says)?;
            let (what, why, remedy) = row.cause.text();
            let (cause, message, note) = (row.cause, row.says, row.note);
            Some(Explanation { cause, family, message, what, why, note, remedy, weight })
        })
        .collect();
    found.sort_by_key(|it| std::cmp::Reverse(it.weight));
    let mut told = Vec::new();
    found.retain(|it| {
        let new = !told.contains(&it.cause);
        told.push(it.cause);
        new
    });
    // A few letters in common beside a long match are chance.
    let best = found.first().map_or(0, |it| it.weight);
    found.retain(|it| it.weight * 3 >= best);
    found
}

/// The messages that are known, by family.
pub fn known() -> impl Iterator<Item = (&'static str, &'static str, Cause)> {
    FAMILIES
        .iter()
        .flat_map(|(family, rows)| rows.iter().map(move |row| (*family, row.says, row.cause)))
}

/// Small letters, straight quotes, single blanks: messages are pasted from everywhere.
fn normal(text: &str) -> String {
    let straight = text.chars().map(|c| match c {
        '‘' | '’' | '`' => '\'',
        '“' | '”' => '"',
        other => other,
    });
    let text: String = straight.collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// How many letters of `says` stand in `text`, all parts in order; nothing if one is missing.
fn weight(text: &str, says: &str) -> Option<usize> {
    let mut rest = text;
    let mut weight = 0;
    for part in says.split('…') {
        let part = normal(part);
        let at = position(rest, &part)?;
        rest = &rest[at + part.len()..];
        weight += part.len();
    }
    Some(weight)
}

/// Where `part` stands as words of its own: `error 2` is not in `error 20`.
fn position(text: &str, part: &str) -> Option<usize> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(part).map(|(at, _)| at).find(|at| {
        let before = text[..*at].chars().next_back().is_some_and(word);
        let after = text[at + part.len()..].chars().next().is_some_and(word);
        let begins = part.chars().next().is_some_and(word);
        let ends = part.chars().next_back().is_some_and(word);
        !(before && begins || after && ends)
    })
}

#[cfg(test)]
mod tests;
