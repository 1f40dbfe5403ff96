//! Revocation by set, CRL cursors and numbers.

use skink_model::{BlockedKey, CertificateKind, CrlFacts, CrlKind};
use skink_store::crls::{self, NewCrl};
use skink_store::revocations::{self, Cursor, Grounds, RevocationSet, SerialStatus};
use skink_store::{Refusal, Store, StoreError, journal};
use skink_x509::crl::Reason;
use skink_x509::{Fingerprint, Serial};

use crate::fixture::{Fixture, NOW, g1, issue, linted, stamp};

const GROUNDS: Grounds =
    Grounds { revoked_at: NOW, reason: Reason::CaCompromise, invalidity_date: Some(NOW) };

async fn revoke_set(store: &Store, set: &RevocationSet) -> u64 {
    let tx = store.run_tx("revoke", |tx| {
        Box::pin(async move { revocations::revoke_set(tx, &stamp(), set, &GROUNDS).await })
    });
    tx.await.unwrap()
}

#[tokio::test]
async fn a_set_is_revoked_once_and_read_in_the_order_of_serials() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for n in 0..25_u32 {
        let mut row = linted(&g1(), CertificateKind::Leaf);
        row.partition = n % 2;
        issue(store, &row).await.unwrap().unwrap();
    }
    let one = linted(&g1(), CertificateKind::Leaf);
    let id = issue(store, &one).await.unwrap().unwrap();
    let alone =
        RevocationSet { prefix: Some(one.name.clone()), ..RevocationSet::everything_of(g1()) };
    let grounds = Grounds { reason: Reason::Superseded, invalidity_date: None, ..GROUNDS };
    let revoked = store.run_tx("revoke", |tx| {
        let id = &id;
        Box::pin(async move { revocations::revoke(tx, &stamp(), id, &grounds).await })
    });
    assert!(revoked.await.unwrap());
    assert_eq!(revoke_set(store, &alone).await, 0, "an earlier revocation stands");
    let all = RevocationSet::everything_of(g1());
    let mut r = store.read().await.unwrap();
    assert_eq!(revocations::count_set(&mut r, &all).await.unwrap(), 25);
    drop(r);
    assert_eq!(revoke_set(store, &all).await, 25);
    assert_eq!(revoke_set(store, &all).await, 0);

    let mut r = store.read().await.unwrap();
    let mut seen: Vec<(Serial, Grounds)> = Vec::new();
    for partition in revocations::partitions(&mut r, &g1()).await.unwrap() {
        let (mut after, mut own) = (Cursor::default(), Vec::new());
        loop {
            let page = revocations::page(&mut r, &g1(), partition, &after, 4).await.unwrap();
            let Some(next) = page.cursor() else { break };
            after = next;
            own.extend(page.entries().into_iter().map(|(serial, grounds)| {
                (Serial::from_be_bytes(serial).unwrap(), grounds.unwrap())
            }));
        }
        assert!(own.is_sorted_by(|(a, _), (b, _)| a < b));
        seen.extend(own);
    }
    assert_eq!(seen.len(), 26);
    let (_, kept) = seen.iter().find(|(serial, _)| *serial == one.serial).unwrap();
    assert_eq!((kept.reason, kept.invalidity_date), (Reason::Superseded, None));
}

#[tokio::test]
async fn ocsp_tells_never_issued_from_good_and_revoked() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let row = linted(&g1(), CertificateKind::Leaf);
    let id = issue(store, &row).await.unwrap().unwrap();
    let mut r = store.read().await.unwrap();
    let status = revocations::status(&mut r, &g1(), &row.serial).await.unwrap();
    assert_eq!(status, SerialStatus::Good);
    let never = Serial::from_random([7; 16]);
    let status = revocations::status(&mut r, &g1(), &never).await.unwrap();
    assert_eq!(status, SerialStatus::NeverIssued);
    drop(r);
    let revoked = store.run_tx("revoke", |tx| {
        let id = &id;
        Box::pin(async move { revocations::revoke(tx, &stamp(), id, &GROUNDS).await })
    });
    revoked.await.unwrap();
    let mut r = store.read().await.unwrap();
    let status = revocations::status(&mut r, &g1(), &row.serial).await.unwrap();
    assert!(matches!(status, SerialStatus::Revoked(it) if it.reason == Reason::CaCompromise));
}

#[tokio::test]
async fn statuses_have_another_edition_after_each_transaction_that_may_have_revoked() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let row = linted(&g1(), CertificateKind::Leaf);
    let id = issue(store, &row).await.unwrap().unwrap();
    let before = store.statuses_edition().unwrap();
    issue(store, &linted(&g1(), CertificateKind::Leaf)).await.unwrap().unwrap();
    assert_eq!(store.statuses_edition(), Some(before), "nothing was revoked");
    // Nobody can say anything while it is under way, and whether it was done does not matter.
    let refused = store.run_tx("revoke", |tx| {
        let id = &id;
        Box::pin(async move {
            revocations::revoke(tx, &stamp(), id, &GROUNDS).await?;
            assert_eq!(store.statuses_edition(), None);
            Err::<(), _>(StoreError::NotFound { kind: "reason", id: "to go on".into() })
        })
    });
    refused.await.unwrap_err();
    let refused = store.statuses_edition().unwrap();
    assert!(refused > before);
    revoke_set(store, &RevocationSet::everything_of(g1())).await;
    assert!(store.statuses_edition().unwrap() > refused);
    // Given up before the database has answered: it is waited for.
    let given_up = store.run_tx("revoke", |tx| {
        let id = &id;
        Box::pin(async move {
            revocations::revoke(tx, &stamp(), id, &GROUNDS).await?;
            std::future::pending::<Result<(), StoreError>>().await
        })
    });
    let last = store.statuses_edition().unwrap();
    tokio::time::timeout(std::time::Duration::from_millis(300), given_up).await.unwrap_err();
    let since = std::time::Instant::now();
    while store.statuses_edition().is_none_or(|now| now == last) {
        assert!(since.elapsed().as_secs() < 20, "there is no edition any more");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Not even by hand: the schema itself is insert-only.
#[tokio::test]
async fn history_cannot_be_taken_back() {
    let fixture = Fixture::new().await;
    let row = linted(&g1(), CertificateKind::Leaf);
    issue(&fixture.store, &row).await.unwrap().unwrap();
    revoke_set(&fixture.store, &RevocationSet::everything_of(g1())).await;
    for statement in [
        "DELETE FROM revocation",
        "UPDATE revocation SET reason = 0",
        "DELETE FROM journal",
        "UPDATE journal SET body = '{}'",
        "DELETE FROM audit",
        "DELETE FROM attempt",
    ] {
        let refused = fixture.by_hand(statement.to_owned()).await.unwrap_err().to_string();
        assert!(
            refused.contains("insert-only")
                || refused.contains("append-only")
                || refused.contains("never forgotten"),
            "{statement}: {refused}"
        );
    }
}

fn new_crl(floor: u64) -> NewCrl {
    NewCrl {
        scope: "workloads-g1/p0".to_owned(),
        authority: g1(),
        kind: CrlKind::Routine,
        floor,
        incident: None,
    }
}

fn facts(der: &[u8]) -> CrlFacts {
    CrlFacts {
        this_update: NOW,
        next_update: NOW.plus(std::time::Duration::from_hours(1)),
        entries: 0,
        size: u64::try_from(der.len()).unwrap(),
        digest: Fingerprint::of(der),
    }
}

async fn reserve(store: &Store, floor: u64) -> u64 {
    let tx = store.run_tx("reserve", |tx| {
        Box::pin(async move { crls::reserve(tx, NOW, &new_crl(floor)).await })
    });
    tx.await.unwrap()
}

#[tokio::test]
async fn numbers_only_go_up_whatever_becomes_of_the_list() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    assert_eq!(reserve(store, 0).await, 1);
    assert_eq!(reserve(store, 0).await, 2);
    assert_eq!(reserve(store, 40).await, 41);
    assert_eq!(reserve(store, 7).await, 42);
    let (old, new) = (41, 42);
    let publish = |number: u64| {
        store.run_tx("publish", move |tx| {
            Box::pin(async move { crls::publish(tx, &stamp(), "workloads-g1/p0", number).await })
        })
    };
    let unsigned = publish(new).await.unwrap_err();
    assert!(matches!(unsigned, StoreError::NotFound { .. }), "{unsigned}");
    let signed = store.run_tx("sign", |tx| {
        Box::pin(async move {
            for number in [old, new] {
                let der = number.to_be_bytes();
                crls::add_chunk(tx, "workloads-g1/p0", number, 0, &der[..2]).await?;
                crls::add_chunk(tx, "workloads-g1/p0", number, 1, &der[2..]).await?;
                crls::set_signed(tx, "workloads-g1/p0", number, &facts(&der)).await?;
            }
            Ok::<_, StoreError>(())
        })
    });
    signed.await.unwrap();
    publish(new).await.unwrap();
    publish(new).await.unwrap();
    let refused = publish(old).await.unwrap_err();
    assert!(
        matches!(refused, StoreError::Refused(Refusal::DoesNotOutrank { last: 42, .. })),
        "{refused}"
    );
    let mut r = store.read().await.unwrap();
    let out = crls::published(&mut r, "workloads-g1/p0").await.unwrap().unwrap();
    assert_eq!(out.number, new);
    assert_eq!(crls::all_published(&mut r).await.unwrap(), [out]);
    let der = crls::der(&mut r, "workloads-g1/p0", new).await.unwrap().unwrap();
    assert_eq!(der, new.to_be_bytes());
}

#[tokio::test]
async fn a_list_of_serials_and_a_found_key_are_revoked_by_set() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let kept = linted(&g1(), CertificateKind::Leaf);
    issue(store, &kept).await.unwrap().unwrap();
    let mut serials = Vec::new();
    for _ in 0..4 {
        let row = linted(&g1(), CertificateKind::Leaf);
        issue(store, &row).await.unwrap().unwrap();
        serials.push(row.serial);
    }
    let unknown = linted(&g1(), CertificateKind::Leaf).serial;
    let list = [&serials[..], std::slice::from_ref(&unknown)].concat();
    for (revoked, before) in [(4, 0), (0, 4)] {
        let list = &list;
        let done = store.run_tx("revoke", move |tx| {
            Box::pin(async move {
                revocations::revoke_serials(tx, &stamp(), &g1(), list, &GROUNDS).await
            })
        });
        let came = done.await.unwrap();
        assert_eq!((came.revoked, came.before, came.unknown), (revoked, before, 1));
    }
    let mut r = store.read().await.unwrap();
    let status = revocations::status(&mut r, &g1(), &kept.serial).await.unwrap();
    assert_eq!(status, SerialStatus::Good);
    drop(r);

    let found = BlockedKey {
        digest: kept.key_digest,
        reason: "a repository".to_owned(),
        incident: None,
        at: NOW,
    };
    for revoked in [1, 0] {
        let found = &found;
        let done = store.run_tx("found", move |tx| {
            Box::pin(async move { revocations::revoke_key(tx, &stamp(), found, &GROUNDS).await })
        });
        assert_eq!(done.await.unwrap(), revoked);
    }
    let mut again = linted(&g1(), CertificateKind::Leaf);
    again.key_digest = kept.key_digest;
    assert!(issue(store, &again).await.is_err());
    let mut r = store.read().await.unwrap();
    let status = revocations::status(&mut r, &g1(), &kept.serial).await.unwrap();
    assert!(matches!(status, SerialStatus::Revoked(_)), "{status:?}");
    assert!(journal::verify(&mut r).await.unwrap().is_whole());
}
