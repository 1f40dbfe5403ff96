//! Every statement in the sources prepares on a migrated database.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection, Executor, SqlSafeStr, SqliteConnection};

use crate::fixture::Fixture;

#[tokio::test]
async fn every_statement_prepares() {
    let fixture = Fixture::new().await;
    let url = format!("sqlite:{}", fixture.path().display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    let statements = statements(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(statements.len() > 150, "only {} statements were found", statements.len());
    for (place, sql) in statements {
        if let Err(error) = conn.prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await {
            panic!("{place}: {error}\n{sql}");
        }
    }
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
