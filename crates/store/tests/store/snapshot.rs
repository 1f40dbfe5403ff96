//! A snapshot holds everything but what would let its reader in.

use skink_model::{Kit, KitShare, KitState};
use skink_store::tokens::{self, NewToken};
use skink_store::{Store, StoreError, journal, kits, operators};
use skink_x509::Fingerprint;

use crate::fixture::{Fixture, NOW, g1, stamp};

const SHARE: &str = "a share that opens half of a kit 0123456789";

async fn with_secrets() -> Fixture {
    let fixture = Fixture::new().await;
    let written = fixture.store.run_tx("secrets", |tx| {
        Box::pin(async move {
            let new = NewToken {
                id: "tok-1".parse().unwrap(),
                secret_digest: Fingerprint::of(b"secret"),
                agent: "web-1".parse().unwrap(),
                endpoints: vec![],
                expires_at: NOW,
            };
            tokens::create(tx, &stamp(), &new).await?;
            let kit = Kit {
                id: "kit-1".to_owned(),
                standby: g1(),
                ceremony: "cer-1".to_owned(),
                state: KitState::Ready,
                custodians: vec!["alice".parse().unwrap()],
                created_at: NOW,
                expires_at: NOW,
                incident: None,
            };
            kits::create(tx, &stamp(), &kit).await?;
            let share = KitShare {
                kit: "kit-1".to_owned(),
                custodian: "alice".parse().unwrap(),
                share: SHARE.to_owned(),
                at: NOW,
            };
            kits::hand_in(tx, &stamp(), &share).await
        })
    });
    written.await.unwrap();
    fixture
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn of_file_no_share_and_no_token_hash_is_in_any_byte_of_it() {
    let fixture = with_secrets().await;
    let to = fixture.dir.path().join("evidence.db");
    fixture.store.snapshot(&to).await.unwrap();
    let bytes = std::fs::read(&to).unwrap();
    let secrets = [
        SHARE.as_bytes().to_vec(),
        Fingerprint::of(b"secret").as_bytes().to_vec(),
        Fingerprint::of(b"alice").as_bytes().to_vec(),
    ];
    let mut live = std::fs::read(fixture.path()).unwrap();
    live.extend(std::fs::read(fixture.dir.path().join("skink.db-wal")).unwrap_or_default());
    for secret in &secrets {
        assert!(holds(&live, secret), "the test looks for the right bytes");
        assert!(!holds(&bytes, secret));
    }
    let copy = Store::inspect(&to).await.unwrap();
    let mut r = copy.read().await.unwrap();
    assert!(journal::verify(&mut r).await.unwrap().is_whole());
    assert_eq!(operators::all(&mut r).await.unwrap().len(), 3);
    let again = fixture.store.snapshot(&to).await.unwrap_err();
    assert!(matches!(again, StoreError::Exists { .. }), "{again}");
    let leftovers = std::fs::read_dir(fixture.dir.path()).unwrap();
    assert!(leftovers.flatten().all(|it| !it.path().to_string_lossy().ends_with(".part")));
}

#[tokio::test]
async fn of_file_a_wiped_share_is_gone_from_the_file() {
    let fixture = with_secrets().await;
    let wiped = fixture
        .store
        .run_tx("wipe", |tx| Box::pin(async move { kits::void(tx, &stamp(), "kit-1").await }));
    wiped.await.unwrap();
    fixture.store.close().await;
    let bytes = std::fs::read(fixture.path()).unwrap();
    assert!(!holds(&bytes, SHARE.as_bytes()));
}

#[cfg(unix)]
#[tokio::test]
async fn of_file_only_the_owner_reads_the_database_and_its_copies() {
    use std::os::unix::fs::PermissionsExt;

    let fixture = with_secrets().await;
    let copy = fixture.dir.path().join("evidence.db");
    fixture.store.snapshot(&copy).await.unwrap();
    for name in ["skink.db", "skink.db-wal", "evidence.db"] {
        let mode = std::fs::metadata(fixture.dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// Of a server as of a file, a copy is a file.
#[tokio::test]
async fn evidence_is_readable_and_knows_no_secret() {
    let fixture = with_secrets().await;
    let to = fixture.dir.path().join("evidence.db");
    fixture.store.snapshot(&to).await.unwrap();
    let bytes = std::fs::read(&to).unwrap();
    assert!(holds(&bytes, b"workloads-g1"), "the test looks at the right bytes");
    assert!(!holds(&bytes, SHARE.as_bytes()));
    assert!(!holds(&bytes, Fingerprint::of(b"secret").as_bytes()));
    let copy = Store::inspect(&to).await.unwrap();
    let mut r = copy.read().await.unwrap();
    let verified = journal::verify(&mut r).await.unwrap();
    assert!(verified.is_whole());
    let mut live = fixture.store.read().await.unwrap();
    assert_eq!(verified.digest, journal::digest(&mut live).await.unwrap());
}
