//! The same behaviour on PostgreSQL, and what only several servers can show.

use std::process::Command;

use skink_model::{CertificateKind, EventHash};
use skink_store::revocations::{Grounds, RevocationSet};
use skink_store::{Store, StoreError, certificates, copy, journal, revocations, settings};
use skink_testkit::Postgres;
use skink_x509::crl::Reason;

use crate::fixture::{Fixture, NOW, SERVER, g1, issue, linted, new_schema, stamp};

/// What is about a file and has no counterpart on a server.
const OF_FILES: [&str; 6] =
    ["crash::", "full::", "opening::", "postgres::", "snapshot::of_file", "statements::of_file"];

#[test]
fn every_test_of_the_store_passes_on_a_server_too() {
    let Some(postgres) = Postgres::start() else { return };
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.env(SERVER, postgres.url()).args(["--test-threads", "4"]);
    for left_out in OF_FILES {
        again.args(["--skip", left_out]);
    }
    let done = again.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}");
    let passed = said.split(" passed").next().and_then(|text| text.rsplit(' ').next());
    let passed: u32 = passed.unwrap().parse().unwrap();
    assert!(passed > 40, "{said}");
}

/// As a user moves who outgrew one machine, and back.
#[tokio::test]
async fn a_database_moves_from_a_file_to_a_server_and_back_with_nothing_lost() {
    let Some(postgres) = Postgres::start() else { return };
    let fixture = Fixture::new().await;
    for _ in 0..700 {
        let row = linted(&g1(), CertificateKind::Leaf);
        issue(&fixture.store, &row).await.unwrap().unwrap();
    }
    revoke_everything(&fixture.store).await;
    let server = Store::at(&new_schema(&postgres.url()).await).await.unwrap();
    let there = copy::everything(&fixture.store, &server, |_| ()).await.unwrap();
    let rows = |table| there.iter().find(|copied| copied.table == table).unwrap().rows;
    assert_eq!((rows("certificate"), rows("revocation"), rows("operator")), (700, 700, 3));
    // It goes on where the file was left: numbers, journal and audit trail follow.
    assert_eq!(digest(&server).await, digest(&fixture.store).await);
    let row = linted(&g1(), CertificateKind::Leaf);
    issue(&server, &row).await.unwrap().unwrap();
    let again = copy::everything(&fixture.store, &server, |_| ()).await.unwrap_err();
    assert!(matches!(again, StoreError::NotEmpty { .. }), "{again}");
    let back = Store::open(&fixture.dir.path().join("back.db")).await.unwrap();
    let copied = copy::everything(&server, &back, |_| ()).await.unwrap();
    let sums = |list: &[copy::Copied]| list.iter().map(|table| table.rows).sum::<u64>();
    // The certificate, its DER, its attempt, its audit row.
    assert_eq!(sums(&copied), sums(&there) + 4);
    assert_eq!(digest(&back).await, digest(&server).await);
    let mut r = back.read().await.unwrap();
    assert_eq!(certificates::find(&mut r, &row.id).await.unwrap().unwrap().serial, row.serial);
}

async fn digest(store: &Store) -> EventHash {
    let mut r = store.read().await.unwrap();
    let verified = journal::verify(&mut r).await.unwrap();
    assert!(verified.is_whole());
    verified.digest
}

async fn revoke_everything(store: &Store) {
    let revoked = store.run_tx("revoke", |tx| {
        Box::pin(async move {
            let set = RevocationSet::everything_of(g1());
            let grounds =
                Grounds { revoked_at: NOW, reason: Reason::CaCompromise, invalidity_date: None };
            revocations::revoke_set(tx, &stamp(), &set, &grounds).await
        })
    });
    revoked.await.unwrap();
}

/// What was under way in the ledger when the connection was lost is nobody's to go on with: the program
/// stands under another name, and its lease on the old one runs out.
#[tokio::test]
async fn a_connection_that_is_lost_in_the_ledger_is_a_doubt() {
    let Some(postgres) = Postgres::start() else { return };
    let server = Store::at(&new_schema(&postgres.url()).await).await.unwrap();
    let cut_off = || {
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'skink' AND state = 'idle in transaction'";
        assert_eq!(postgres.run(cut).trim(), "t");
    };
    let elsewhere = server.run_tx("elsewhere", |tx| {
        Box::pin(async move {
            settings::set(tx, "a", "b").await?;
            cut_off();
            Ok::<_, StoreError>(())
        })
    });
    elsewhere.await.unwrap_err();
    assert_eq!(server.another_standing(), None);
    let ledger = server.run_ledger_tx("ledger", |tx| {
        Box::pin(async move {
            settings::set(tx, "a", "b").await?;
            cut_off();
            Ok::<_, StoreError>(())
        })
    });
    ledger.await.unwrap_err();
    let (before, another) = (server.standing(), server.another_standing().unwrap());
    assert_ne!(before, another);
    server.stand_as(another.clone());
    assert_eq!((server.standing(), server.another_standing()), (another, None));
}

/// Whoever looks at a shared database with a newer program must not migrate it under its servers.
#[tokio::test]
async fn a_look_at_a_server_makes_nothing() {
    let Some(postgres) = Postgres::start() else { return };
    let place = new_schema(&postgres.url()).await;
    for _ in 0..2 {
        let refused = Store::beside(&place).await.unwrap_err();
        assert!(matches!(refused, StoreError::NotFound { .. }), "{refused}");
    }
    let server = Store::at(&place).await.unwrap();
    let set = server.run_tx("set", |tx| Box::pin(async move { settings::set(tx, "a", "b").await }));
    set.await.unwrap();
    let looking = Store::beside(&place).await.unwrap();
    let written = looking
        .run_tx("set", |tx| Box::pin(async move { settings::set(tx, "a", "changed").await }))
        .await;
    assert!(written.is_err(), "whoever looks writes nothing");
    let mut reading = looking.read().await.unwrap();
    assert_eq!(settings::find(&mut reading, "a").await.unwrap(), Some("b".to_owned()));
}
