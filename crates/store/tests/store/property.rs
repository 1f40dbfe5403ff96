//! Any sequence of operations, whatever order they come in.

use proptest::prelude::*;
use skink_model::{
    AuthorityState, CertificateKind, CertificateRow, CertificateState, IncidentState,
};
use skink_store::attempts::{self, Ask, Outcome};
use skink_store::revocations::Cursor;
use skink_store::{
    Store, StoreError, Tx, authorities, certificates, incidents, issuance, journal, revocations,
};

use crate::fixture::{
    Fixture, NOW, SERVER, add_prepared, ask_for, finished, g1, incident_id, linted, settled, stamp,
    taint,
};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Turns of life that anybody may try at any time.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Activate,
    Succeed,
    Retire,
    Freeze,
    Unfreeze,
    Taint,
    Revoke,
    Distrust,
    Close,
    StandDown,
    Ask,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    use Turn::{
        Activate, Ask, Close, Distrust, Freeze, Retire, Revoke, StandDown, Succeed, Taint, Unfreeze,
    };
    let all = [
        Activate, Succeed, Retire, Freeze, Unfreeze, Taint, Revoke, Distrust, Close, StandDown, Ask,
    ];
    prop::collection::vec(prop::sample::select(all.to_vec()), 1..14)
}

async fn turn(tx: &mut Tx<'_>, turn: Turn) -> Result<(), StoreError> {
    let (id, at, incident) = (g1(), stamp(), incident_id());
    match turn {
        Turn::Activate => authorities::activate(tx, &at, &id, None).await,
        Turn::Succeed => {
            let g2 = add_prepared(tx, 2).await?;
            authorities::activate(tx, &at, &g2, None).await
        }
        Turn::Retire => authorities::retire(tx, &at, &id, None).await,
        Turn::Freeze => authorities::freeze(tx, &at, &id, "why not", None).await,
        Turn::Unfreeze => authorities::unfreeze(tx, &at, &id, "why not", None).await,
        Turn::Taint => taint(tx, &id).await,
        Turn::Revoke => authorities::revoke(tx, &at, &id, &incident).await,
        Turn::Distrust => authorities::distrust(tx, &at, &id, &incident).await,
        Turn::Close => authorities::close(tx, &at, &id).await,
        Turn::StandDown => incidents::set_state(tx, &at, &incident, IncidentState::StoodDown).await,
        Turn::Ask => {
            let row = linted(&id, CertificateKind::Leaf);
            certificates::record(tx, &at, std::slice::from_ref(&row)).await?;
            let before = authorities::require(tx, &id).await?;
            let asked = attempts::ask(tx, NOW, &[ask_for(&row)]).await?.remove(0);
            let may = before.state == AuthorityState::Active && before.frozen.is_none();
            assert_eq!(asked.is_ok(), may, "{asked:?} while {before:?}");
            Ok(())
        }
    }
}

async fn live(turns: &[Turn]) -> Result<(), TestCaseError> {
    let fixture = Fixture::new().await;
    let mut state = AuthorityState::Active;
    let mut changes = 0;
    for step in turns {
        let done = fixture.store.run_tx("turn", |tx| Box::pin(turn(tx, *step))).await;
        let mut r = fixture.store.read().await.unwrap();
        let now = authorities::require(&mut r, &g1()).await.unwrap().state;
        prop_assert!(now == state || state.can_become(now), "{state} → {now} by {step:?}");
        prop_assert!(done.is_ok() || now == state, "{step:?} failed and left {now}");
        prop_assert!(!state.is_compromised() || now.is_compromised());
        changes += usize::from(now != state);
        state = now;
    }
    let mut r = fixture.store.read().await.unwrap();
    let events = journal::all(&mut r, journal::SERVER).await.unwrap();
    let recorded = events
        .iter()
        .filter(|event| event.kind.starts_with("authority.") && event.body.contains("\"from\""))
        .filter(|event| event.body.contains("\"authority\":\"workloads-g1\""))
        .count();
    prop_assert_eq!(recorded, changes + 2, "prepared, active, and every change since");
    prop_assert!(journal::verify(&mut r).await.unwrap().is_whole());
    Ok(())
}

/// What becomes of one certificate.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Released,
    SignedThenCrash,
    FailedByProvider,
    Unknown,
    CrashWhileSigning { signed: bool },
    NeverAsked,
    AskedTwice,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    use Fate::{
        AskedTwice, CrashWhileSigning, FailedByProvider, NeverAsked, Released, SignedThenCrash,
        Unknown,
    };
    let all = [
        Released,
        SignedThenCrash,
        FailedByProvider,
        Unknown,
        CrashWhileSigning { signed: true },
        CrashWhileSigning { signed: false },
        NeverAsked,
        AskedTwice,
    ];
    prop::collection::vec(prop::sample::select(all.to_vec()), 1..12)
}

async fn ask(store: &Store, row: &CertificateRow) -> Option<Ask> {
    let ask = ask_for(row);
    let tx = store.run_tx("ask", |tx| {
        let ask = &ask;
        Box::pin(async move { attempts::ask(tx, NOW, std::slice::from_ref(ask)).await })
    });
    tx.await.unwrap().remove(0).is_ok().then_some(ask)
}

async fn settle(store: &Store, ask: &Ask, outcome: Outcome) {
    let tx = store.run_tx("settle", |tx| {
        let settlement = settled(ask, outcome);
        Box::pin(async move { attempts::settle(tx, NOW, &[settlement]).await })
    });
    tx.await.unwrap();
}

/// Lets one certificate meet its fate and returns how often the provider signed for it.
async fn meet(store: &Store, row: &CertificateRow, fate: Fate) -> u64 {
    let recorded = store.run_tx("record", |tx| {
        Box::pin(async move { certificates::record(tx, &stamp(), std::slice::from_ref(row)).await })
    });
    recorded.await.unwrap();
    if matches!(fate, Fate::NeverAsked) {
        return 0;
    }
    let ticket = ask(store, row).await.unwrap();
    match fate {
        Fate::Released | Fate::AskedTwice => {
            let finished = finished(&ticket, row);
            let release = store.run_tx("finish", |tx| {
                let finished = &finished;
                Box::pin(
                    async move { issuance::finish(tx, NOW, std::slice::from_ref(finished)).await },
                )
            });
            release.await.unwrap();
            assert!(ask(store, row).await.is_none(), "an attempt is never repeated");
            1
        }
        Fate::SignedThenCrash => {
            settle(store, &ticket, Outcome::Signed).await;
            1
        }
        Fate::FailedByProvider => {
            settle(store, &ticket, Outcome::Failed).await;
            0
        }
        Fate::Unknown => {
            settle(store, &ticket, Outcome::Unknown).await;
            1
        }
        Fate::CrashWhileSigning { signed } => u64::from(signed),
        Fate::NeverAsked => 0,
    }
}

async fn account(fates: &[Fate]) -> Result<(), TestCaseError> {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (mut uses, mut may_be_signed) = (0, 0);
    for fate in fates {
        let row = linted(&g1(), CertificateKind::Leaf);
        uses += meet(store, &row, *fate).await;
        may_be_signed += usize::from(!matches!(fate, Fate::NeverAsked | Fate::FailedByProvider));
    }
    let mut r = store.read().await.unwrap();
    let before = attempts::counts(&mut r, "software:workloads-g1").await.unwrap();
    prop_assert!(uses <= before.most_uses());
    let closing = revocations::closing_page(&mut r, &g1(), 0, &Cursor::default(), 100).await;
    prop_assert!(
        closing.unwrap().entries().len() >= may_be_signed,
        "nothing that may be signed escapes the final CRL"
    );
    drop(r);
    let swept =
        store.run_tx("sweep", |tx| Box::pin(async move { attempts::sweep_unknown(tx, NOW).await }));
    swept.await.unwrap();
    let mut r = store.read().await.unwrap();
    let counts = attempts::counts(&mut r, "software:workloads-g1").await.unwrap();
    prop_assert_eq!(counts.asked, 0);
    prop_assert!(uses <= counts.signed + counts.unknown);
    let closing = revocations::closing_page(&mut r, &g1(), 0, &Cursor::default(), 100).await;
    prop_assert_eq!(closing.unwrap().entries().len(), may_be_signed);
    let query = skink_store::certificates::CertificateQuery { limit: 100, ..Default::default() };
    for row in certificates::list(&mut r, &query).await.unwrap() {
        prop_assert!(!matches!(row.state, CertificateState::Intended | CertificateState::Linted));
    }
    Ok(())
}

/// A server takes hundreds of files for each case, and is told of fewer.
fn cases() -> u32 {
    if std::env::var_os(SERVER).is_some() { 3 } else { 24 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn life_only_takes_the_turns_there_are(turns in turns()) {
        runtime().block_on(live(&turns))?;
    }

    #[test]
    fn uses_are_at_most_signed_and_unknown(fates in fates()) {
        runtime().block_on(account(&fates))?;
    }
}
