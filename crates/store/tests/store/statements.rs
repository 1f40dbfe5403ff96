//! Every statement in the sources prepares on a migrated database.

use std::collections::BTreeSet;
use std::path::Path;

use skink_store::Place;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, SqlSafeStr, SqliteConnection};

use crate::fixture::Fixture;

/// Each on the database that it is for: nearly all are for both.
#[tokio::test]
async fn every_statement_prepares() {
    let fixture = Fixture::new().await;
    let (mut file, mut server) = match fixture.store.place() {
        Place::File(path) => {
            let url = format!("sqlite:{}", path.display());
            (Some(SqliteConnection::connect(&url).await.unwrap()), None)
        }
        Place::Server(options) => (None, Some(PgConnection::connect_with(options).await.unwrap())),
    };
    let left_out = if file.is_some() { ": SERVER_" } else { ": FILE_" };
    let statements = statements(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let statements: Vec<_> =
        statements.into_iter().filter(|(place, _)| !place.contains(left_out)).collect();
    assert!(statements.len() > 150, "only {} statements were found", statements.len());
    for (place, sql) in statements {
        let text = AssertSqlSafe(sql.clone()).into_sql_str();
        let prepared = match (&mut file, &mut server) {
            (Some(conn), _) => conn.prepare(text).await.map(drop),
            (_, Some(conn)) => conn.prepare(text).await.map(drop),
            _ => unreachable!("a store is in one place"),
        };
        if let Err(error) = prepared {
            panic!("{place}: {error}\n{sql}");
        }
    }
}

/// The tables that grow to a million rows.
const LARGE: [&str; 6] =
    ["certificate", "certificate_der", "revocation", "attempt", "audit", "journal"];

/// Statements that may read a large table from end to end, and why.
const SCANS: [(&str, &str); 7] = [
    ("attempts.rs: GONE", "the index of open attempts, which is short"),
    ("attempts.rs: GONE_CERTIFICATES", "the index of open certificates, which is short"),
    ("attempts.rs: SWEEP", "the index of open attempts, which is short"),
    ("attempts.rs: SWEEP_CERTIFICATES", "once, when a server starts"),
    ("attempts.rs: SWEEP_INTENTIONS", "once, when a server starts"),
    ("certificates/query.rs: BY_PREFIX", "serials of all authorities; people look for one by hand"),
    ("journal.rs: HEADS", "the journal is small"),
];

#[tokio::test]
async fn of_file_no_statement_scans_a_large_table_unless_it_says_why() {
    let fixture = Fixture::new().await;
    let url = format!("sqlite:{}", fixture.path().display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    let mut scanning = BTreeSet::new();
    for (place, sql) in statements(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        if place.contains(": SERVER_") {
            continue;
        }
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let rows = sqlx::query(explain).fetch_all(&mut conn).await.unwrap();
        for row in rows {
            let detail: String = row.get("detail");
            let scanned = aliases(&sql).into_iter().any(|(alias, table)| {
                LARGE.contains(&table.as_str())
                    && (detail == format!("SCAN {alias}")
                        || detail.starts_with(&format!("SCAN {alias} ")))
            });
            if scanned {
                scanning.insert(place.split("/src/").last().unwrap().to_owned());
            }
        }
    }
    let allowed: BTreeSet<_> = SCANS.iter().map(|(place, _)| (*place).to_owned()).collect();
    assert_eq!(scanning, allowed);
}

/// Every table of a statement, by its name and by its alias.
fn aliases(sql: &str) -> Vec<(String, String)> {
    let words: Vec<_> = sql.split(|c: char| c.is_whitespace() || c == '(' || c == ')').collect();
    let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if ["FROM", "JOIN", "UPDATE", "INTO"].contains(word) {
            let table = (*words.get(at + 1).unwrap_or(&"")).to_owned();
            let alias = (*words.get(at + 2).unwrap_or(&"")).to_owned();
            found.push((alias, table.clone()));
            found.push((table.clone(), table));
        }
    }
    found
}

/// Statements are constants: `const NAME: &str = "SELECT …";`.
fn statements(dir: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(statements(&path));
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        assert!(
            !source.contains("query(\"") && !source.contains("scalar(\""),
            "{}",
            path.display()
        );
        for piece in source.split("const ").skip(1) {
            let Some((name, rest)) = piece.split_once(": &str =") else { continue };
            let Some(text) = rest.trim_start().strip_prefix('"') else { continue };
            let sql = text.split('"').next().unwrap();
            let verb = sql.split_whitespace().next().unwrap_or_default();
            if ["SELECT", "INSERT", "UPDATE", "DELETE"].contains(&verb) {
                found.push((format!("{}: {name}", path.display()), sql.to_owned()));
            }
        }
    }
    found
}
