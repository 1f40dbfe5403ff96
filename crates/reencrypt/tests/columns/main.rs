//! Columns of real databases, and a key at a real `OpenBao`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::fmt::Write as _;
use std::sync::Arc;

use skink_reencrypt::{
    Change, Files, Found, PostgresColumn, Replaced, Run, Source, SqliteColumn, State, Tally,
};
use skink_signer::encryption::{Context, Crossing, EncryptionProvider, Plaintext};
use skink_signer::vault::{VaultAdministrator, VaultEncryption, VaultSettings};
use skink_signer::{Credential, KeyUri};
use skink_testkit::{OpenBao, Postgres};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};
use zeroize::Zeroizing;

const KEY: &str = "vault:transit/column";

struct Service {
    _bao: OpenBao,
    provider: Arc<VaultEncryption>,
}

impl Service {
    async fn start() -> Option<Self> {
        let bao = OpenBao::start()?;
        let settings = VaultSettings::new(&bao.url(), Credential::from_text(OpenBao::TOKEN));
        VaultAdministrator::new(&settings).unwrap().mount_engine().await.unwrap();
        let provider = Arc::new(VaultEncryption::new(&settings).unwrap());
        provider.create("column").await.unwrap();
        Some(Self { _bao: bao, provider })
    }

    fn key() -> KeyUri {
        KEY.parse().unwrap()
    }

    async fn encrypt(&self, plaintext: &str) -> String {
        let plaintext = Plaintext::new(Zeroizing::new(plaintext.as_bytes().to_vec()));
        let made = self.provider.encrypt(&Self::key(), &plaintext, &Context::None).await.unwrap();
        String::from_utf8(made.ciphertext).unwrap()
    }

    async fn decrypt(&self, ciphertext: &str) -> String {
        assert!(ciphertext.starts_with("vault:v2:"), "{ciphertext}");
        let ciphertext = ciphertext.as_bytes();
        let made = self.provider.decrypt(&Self::key(), ciphertext, &Context::None).await.unwrap();
        String::from_utf8(made.expose().to_vec()).unwrap()
    }

    async fn rotated(&self) -> Crossing {
        let to = self.provider.rotate(&Self::key()).await.unwrap();
        let provider: Arc<dyn EncryptionProvider> = self.provider.clone();
        let from = (Arc::clone(&provider), Self::key());
        Crossing::new(from, (provider, to), Context::None, false)
    }
}

async fn through(crossing: &Crossing, state: State, source: &dyn Source) -> Tally {
    let mut tally = Tally::default();
    let run = Run::new(crossing, state, 3, false);
    run.through(source, &mut tally, &mut |_| {}).await.unwrap();
    tally
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_column_goes_over() {
    let Some(service) = Service::start().await else { return };
    let Some(postgres) = Postgres::start() else { return };
    postgres.run(
        "CREATE SCHEMA app; CREATE TABLE app.people (id uuid PRIMARY KEY, \"Secret\" text, bin bytea, \
         short varchar(60), other int, n bigint UNIQUE)",
    );
    let mut insert = String::new();
    for row in 0..250 {
        let ciphertext = service.encrypt(&format!("p-{row}")).await;
        writeln!(
            insert,
            "INSERT INTO app.people VALUES (gen_random_uuid(), '{ciphertext}', '{ciphertext}', \
             NULL, 0, {row});"
        )
        .unwrap();
    }
    insert +=
        "INSERT INTO app.people VALUES (gen_random_uuid(), 'not encrypted', NULL, '', 0, 999)";
    postgres.run(&insert);
    let crossing = service.rotated().await;
    let target = |query: &str| format!("{}?{query}", postgres.url());
    let text =
        PostgresColumn::open(&target("table=app.people&column=Secret&key=id")).await.unwrap();
    assert_eq!(text.count().await.unwrap(), Some(251));
    let tally = through(&crossing, State::none(), &text).await;
    assert_eq!((tally.seen, tally.done, tally.foreign), (251, 250, 1));
    assert!(tally.listed[0].id.contains("app.people"), "{:?}", tally.listed);
    let binary = PostgresColumn::open(&target("table=app.people&column=bin&key=id")).await.unwrap();
    assert_eq!(through(&crossing, State::none(), &binary).await.done, 250);
    let rows = postgres.run(
        "SELECT n, \"Secret\", convert_from(bin, 'UTF8') FROM app.people WHERE n < 250 ORDER BY n",
    );
    for line in rows.lines() {
        let parts: Vec<&str> = line.split('|').collect();
        for ciphertext in &parts[1..] {
            assert_eq!(service.decrypt(ciphertext).await, format!("p-{}", parts[0]));
        }
    }
    for (wrong, why) in [
        ("table=app.people&column=Secret&key=n", "NOT NULL"),
        ("table=app.people&column=other&key=id", "text, varchar or bytea"),
        ("table=app.people&column=missing&key=id", "no such"),
        ("table=nowhere&column=a&key=b", "no such"),
    ] {
        let refused = PostgresColumn::open(&target(wrong)).await.err().unwrap().to_string();
        assert!(refused.contains(why), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_row_that_its_table_refuses_keeps_no_other_back() {
    let Some(postgres) = Postgres::start() else { return };
    postgres.run(
        "CREATE TABLE t (id bigint PRIMARY KEY, c varchar(5)); \
         INSERT INTO t SELECT n, 'old' FROM generate_series(1, 12) n",
    );
    let url = format!("{}?table=t&column=c&key=id", postgres.url());
    let source = PostgresColumn::open(&url).await.unwrap();
    // Numbers are in the order of numbers, whatever their texts are.
    let first = source.page(None, 10).await.unwrap();
    let rest = source.page(Some(&first.last().unwrap().id), 10).await.unwrap();
    assert_eq!(rest.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["11", "12"]);
    let change = |id: &str, old: &str, new: &str| Change {
        id: id.into(),
        old: Found { bytes: old.into(), mark: None },
        new: new.into(),
    };
    let replaced = source
        .replace(vec![
            change("2", "old", "new"),
            change("11", "old", "far too long"),
            change("1", "older", "new"),
            change("77", "old", "new"),
        ])
        .await;
    assert_eq!(*replaced[0].as_ref().unwrap(), Replaced::Done);
    assert!(replaced[1].is_err());
    assert_eq!(*replaced[2].as_ref().unwrap(), Replaced::Changed);
    assert_eq!(*replaced[3].as_ref().unwrap(), Replaced::Changed);
    assert_eq!(
        postgres.run("SELECT c FROM t WHERE id IN (1, 2, 11) ORDER BY id"),
        "old\nnew\nold\n"
    );
    assert_eq!(source.read("2").await.unwrap().unwrap().bytes, b"new");
    assert_eq!(source.read("77").await.unwrap(), None);
}

/// An application writes all the while: what it wrote last is what stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_application_writes_meanwhile_is_not_overwritten() {
    let Some(service) = Service::start().await else { return };
    let Some(postgres) = Postgres::start() else { return };
    postgres.run("CREATE TABLE t (id int PRIMARY KEY, c text NOT NULL, plain text NOT NULL)");
    let (mut insert, mut newer) = (String::new(), Vec::new());
    for row in 0..400 {
        let ciphertext = service.encrypt(&format!("old-{row}")).await;
        writeln!(insert, "INSERT INTO t VALUES ({row}, '{ciphertext}', 'old-{row}');").unwrap();
        newer.push(service.encrypt(&format!("newer-{row}")).await);
    }
    postgres.run(&insert);
    let crossing = service.rotated().await;
    let url = format!("{}?table=t&column=c&key=id", postgres.url());
    let source = PostgresColumn::open(&url).await.unwrap();
    let tally = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for (row, ciphertext) in newer.iter().enumerate().step_by(7) {
                postgres.run(&format!(
                    "UPDATE t SET c = '{ciphertext}', plain = 'newer-{row}' WHERE id = {row}"
                ));
            }
        });
        let runtime = tokio::runtime::Handle::current();
        let tally = tokio::task::block_in_place(|| {
            runtime.block_on(through(&crossing, State::none(), &source))
        });
        writing.join().unwrap();
        tally
    });
    assert_eq!(tally.failed, 0, "{:?}", tally.listed);
    // Once it has written the last under the old version, another run finds all of it.
    through(&crossing, State::none(), &source).await;
    let rows = postgres.run("SELECT plain, c FROM t");
    assert_eq!(rows.lines().count(), 400);
    for line in rows.lines() {
        let (plain, ciphertext) = line.split_once('|').unwrap();
        assert_eq!(service.decrypt(ciphertext).await, plain);
    }
    assert!(
        rows.lines().filter(|line| line.starts_with("newer-")).count() == newer.len().div_ceil(7)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sqlite_column_goes_over() {
    let Some(service) = Service::start().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.db");
    let url = format!("sqlite:{}", path.display());
    let mut database = SqliteConnection::connect(&format!("{url}?mode=rwc")).await.unwrap();
    let create = "CREATE TABLE t (name TEXT PRIMARY KEY NOT NULL, c, n INTEGER)";
    sqlx::query(create).execute(&mut database).await.unwrap();
    for row in 0..230 {
        let ciphertext = service.encrypt(&format!("p-{row}")).await;
        // Half of them are blobs.
        let value = if row % 2 == 0 { "?2" } else { "CAST(?2 AS BLOB)" };
        let insert = format!("INSERT INTO t VALUES (?1, {value}, {row})");
        let insert = sqlx::query(AssertSqlSafe(insert)).bind(format!("it's {row}"));
        insert.bind(ciphertext).execute(&mut database).await.unwrap();
    }
    let crossing = service.rotated().await;
    let target = |query: &str| format!("{url}?{query}");
    let source = SqliteColumn::open(&target("table=t&column=c&key=name")).await.unwrap();
    let tally = through(&crossing, State::none(), &source).await;
    assert_eq!((tally.seen, tally.done, tally.opened), (230, 230, 230));
    let rows = sqlx::query("SELECT n, CAST(c AS TEXT), typeof(c) FROM t");
    for row in rows.fetch_all(&mut database).await.unwrap() {
        let number: i64 = row.get(0);
        assert_eq!(service.decrypt(&row.get::<String, _>(1)).await, format!("p-{number}"));
        let kind = if number % 2 == 0 { "text" } else { "blob" };
        assert_eq!(row.get::<String, _>(2), kind);
    }
    let by_rowid = SqliteColumn::open(&target("table=t&column=c&key=n")).await;
    assert!(by_rowid.err().unwrap().to_string().contains("unique"));
    assert!(SqliteColumn::open(&target("table=t&column=x&key=name")).await.is_err());
    let missing = format!("sqlite:{}?table=t&column=c&key=n", dir.path().join("no.db").display());
    assert!(SqliteColumn::open(&missing).await.is_err());
    let stale = Change {
        id: "'it''s 3'".into(),
        old: Found { bytes: b"another".to_vec(), mark: Some("blob".into()) },
        new: b"x".to_vec(),
    };
    assert_eq!(*source.replace(vec![stale]).await[0].as_ref().unwrap(), Replaced::Changed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_long_for_one_call_together_goes_one_by_one() {
    let Some(service) = Service::start().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let long = "x".repeat(3 << 20);
    for number in 0..3 {
        let ciphertext = service.encrypt(&format!("{number}{long}")).await;
        std::fs::write(dir.path().join(number.to_string()), ciphertext).unwrap();
    }
    let crossing = service.rotated().await;
    let files = Files::find([dir.path().to_str().unwrap()]).unwrap();
    let tally = through(&crossing, State::none(), &files).await;
    assert_eq!((tally.seen, tally.opened), (3, 3), "{:?}", tally.listed);
    let third = std::fs::read_to_string(dir.path().join("2")).unwrap();
    assert!(service.decrypt(&third).await == format!("2{long}"));
}
