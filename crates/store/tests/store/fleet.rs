//! Tokens, agents, endpoints, packages, proofs.

use std::time::Duration;

use skink_model::{
    Ack, Agent, AgentKey, BarrierProof, Criticality, DistrustProof, Endpoint, EndpointRole,
    Installed, Mechanism, Package, PackageVersion, PeerSeen, Stamp, Time,
};
use skink_store::endpoints::OrderedBy;
use skink_store::missing::{self, Missing};
use skink_store::tokens::{self, NewToken};
use skink_store::{Refusal, Store, StoreError, Tx, agents, endpoints, packages, proofs, sightings};
use skink_x509::Fingerprint;

use crate::fixture::{Fixture, NOW, g1, issue, key, linted, stamp};

fn later(seconds: u64) -> Time {
    NOW.plus(Duration::from_secs(seconds))
}

fn digest(text: &str) -> Fingerprint {
    Fingerprint::of(text.as_bytes())
}

async fn token(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let new = NewToken {
        id: "tok-1".parse().unwrap(),
        secret_digest: digest("secret"),
        agent: "web-1".parse().unwrap(),
        endpoints: vec!["web-1-https".parse().unwrap()],
        expires_at: later(900),
    };
    tokens::create(tx, &stamp(), &new).await
}

async fn consume(store: &Store, id: &str, secret: &str, at: Time) -> Result<(), StoreError> {
    let tx = store.run_tx("consume", |tx| {
        Box::pin(async move {
            let id = id.parse().unwrap();
            tokens::consume(tx, &Stamp::server(at), &id, &digest(secret)).await.map(drop)
        })
    });
    tx.await
}

fn refusal(result: Result<(), StoreError>) -> Refusal {
    match result.unwrap_err() {
        StoreError::Refused(refusal) => refusal,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_token_works_once_for_minutes_and_tells_strangers_nothing() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    store.run_tx("token", |tx| Box::pin(token(tx))).await.unwrap();
    assert_eq!(refusal(consume(store, "tok-2", "secret", NOW).await), Refusal::TokenUnknown);
    assert_eq!(refusal(consume(store, "tok-1", "guess", NOW).await), Refusal::TokenUnknown);
    let late = refusal(consume(store, "tok-1", "secret", later(900)).await);
    assert_eq!(late, Refusal::TokenExpired { at: later(900) });
    let (one, two) = tokio::join!(
        consume(store, "tok-1", "secret", NOW),
        consume(store, "tok-1", "secret", NOW)
    );
    assert!(one.is_ok() != two.is_ok(), "of two at the same time one gets it");
    assert_eq!(refusal(one.and(two)), Refusal::TokenUsed);
    assert_eq!(refusal(consume(store, "tok-1", "guess", NOW).await), Refusal::TokenUnknown);
}

pub(crate) fn endpoint(name: &str) -> Endpoint {
    Endpoint {
        name: name.parse().unwrap(),
        role: EndpointRole::Server,
        mechanism: Mechanism::Anchor,
        service: "web".to_owned(),
        issuer: "workloads".parse().unwrap(),
        profile: "server".parse().unwrap(),
        names: vec!["web.example".to_owned()],
        address: Some("127.0.0.1:1".to_owned()),
        owner: "team-web".to_owned(),
        criticality: Criticality::High,
        agent: Some("web-1".parse().unwrap()),
        installed: None,
        error: None,
    }
}

async fn enrolled(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    token(tx).await?;
    let agent = Agent {
        name: "web-1".parse().unwrap(),
        token: "tok-1".parse().unwrap(),
        version: "0.1.0".to_owned(),
        enrolled_at: NOW,
        last_seen: None,
        clock_offset_ms: None,
        disabled_at: None,
    };
    let agent_key = AgentKey {
        agent: agent.name.clone(),
        fingerprint: digest("control certificate"),
        key_digest: key("agent key"),
        spki_der: vec![1, 2, 3],
        added_at: NOW,
        not_after: later(1000),
    };
    agents::enroll(tx, &stamp(), &agent, &agent_key).await?;
    for name in ["web-1-https", "web-2-https"] {
        endpoints::create(tx, &stamp(), &endpoint(name)).await?;
    }
    Ok(())
}

async fn with_agent() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.store.run_tx("enrol", |tx| Box::pin(enrolled(tx))).await.unwrap();
    fixture
}

#[tokio::test]
async fn an_agent_is_known_by_certificate_and_key_together() {
    let fixture = with_agent().await;
    let mut r = fixture.store.read().await.unwrap();
    let (certificate, own) = (digest("control certificate"), key("agent key"));
    let known = agents::authenticate(&mut r, &certificate, &own, NOW).await.unwrap();
    assert_eq!(known.unwrap().agent.as_str(), "web-1");
    for (certificate, own, at) in [
        (digest("another"), own, NOW),
        (certificate, key("another key"), NOW),
        (certificate, own, later(1000)),
    ] {
        assert_eq!(agents::authenticate(&mut r, &certificate, &own, at).await.unwrap(), None);
    }
    drop(r);
    let shut_out = fixture.store.run_tx("disable", |tx| {
        Box::pin(async move { agents::disable(tx, &stamp(), &"web-1".parse().unwrap()).await })
    });
    shut_out.await.unwrap();
    let mut r = fixture.store.read().await.unwrap();
    assert_eq!(agents::authenticate(&mut r, &certificate, &own, NOW).await.unwrap(), None);
}

#[tokio::test]
async fn installed_news_never_goes_backwards() {
    let fixture = with_agent().await;
    let name = "web-1-https".parse().unwrap();
    let installed = |proof: &str, at: Time| Installed {
        fingerprint: digest(proof),
        certificate: None,
        authority: Some(g1()),
        proven_at: at,
        rolled_back: false,
    };
    let (new, old) = (installed("new", later(10)), installed("old", later(5)));
    let told = fixture.store.run_tx("report", |tx| {
        let (name, new, old) = (&name, &new, &old);
        Box::pin(async move {
            endpoints::set_installed(tx, &[(name, new), (name, old)]).await?;
            endpoints::set_installed(tx, &[(name, old)]).await
        })
    });
    told.await.unwrap();
    let mut r = fixture.store.read().await.unwrap();
    let found = endpoints::find(&mut r, &name).await.unwrap().unwrap();
    assert_eq!(found, Endpoint { installed: Some(new), ..endpoint("web-1-https") });
}

async fn order(fixture: &Fixture, by: Option<(&str, &str)>, names: &[&str]) -> u64 {
    let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
    let by = by.map(|(incident, id)| (incident.parse().unwrap(), id));
    let ordered = fixture.store.run_tx("order", move |tx| {
        let (names, by) = (names.clone(), by.clone());
        Box::pin(async move {
            let by = match &by {
                Some((incident, id)) => OrderedBy::Effect { incident, id },
                None => OrderedBy::Person,
            };
            endpoints::order_renewal(tx, NOW, &g1(), by, &names).await
        })
    });
    ordered.await.unwrap()
}

async fn orders(fixture: &Fixture) -> Vec<(u64, String)> {
    let mut r = fixture.store.read().await.unwrap();
    let agent = "web-1".parse().unwrap();
    let orders = endpoints::orders_of_agent(&mut r, &agent).await.unwrap();
    orders.into_iter().map(|order| (order.number, order.endpoint.to_string())).collect()
}

/// An effect orders once, whoever ordered before; people order as often as they like.
#[tokio::test]
async fn an_effect_orders_an_endpoint_once_and_people_as_often_as_they_like() {
    let fixture = with_agent().await;
    let one = ["web-1-https"];
    let both = ["web-1-https", "web-2-https"];
    assert_eq!(order(&fixture, None, &one).await, 1);
    let wave = Some(("inc-1", "inc-1/transition/reissue-wave:1"));
    assert_eq!(order(&fixture, wave, &one).await, 1, "an ordinary order swallows no incident's");
    assert_eq!(order(&fixture, wave, &both).await, 1);
    assert_eq!(order(&fixture, wave, &both).await, 0);
    for nth in ["1", "2"] {
        let id = format!("inc-1/transition/roll-back-endpoint:web-1-https:{nth}");
        assert_eq!(order(&fixture, Some(("inc-1", &id)), &one).await, 1);
    }
    assert_eq!(order(&fixture, None, &one).await, 1);
    assert_eq!(order(&fixture, None, &one).await, 1);
    let newest = [(3, "web-2-https".to_owned()), (7, "web-1-https".to_owned())];
    assert_eq!(orders(&fixture).await, newest);
}

fn package(epoch: u64, version: u64) -> Package {
    let envelope = format!("{epoch}.{version}").into_bytes();
    Package {
        epoch,
        version,
        digest: Fingerprint::of(&envelope),
        envelope,
        parts: vec![digest("part").to_string()],
        issued_at: NOW,
        not_after: later(5),
        reason: "daily".to_owned(),
        incident: None,
    }
}

#[tokio::test]
async fn packages_go_up_by_epoch_and_version_and_parts_are_kept_once() {
    let fixture = Fixture::new().await;
    let publish = |epoch, version| {
        fixture.store.run_tx("publish", move |tx| {
            Box::pin(async move {
                let parts = [b"part".to_vec()];
                packages::publish(tx, &stamp(), &package(epoch, version), &parts).await
            })
        })
    };
    publish(1, 1).await.unwrap();
    publish(1, 5).await.unwrap();
    publish(2, 1).await.unwrap();
    for (epoch, version) in [(1, 6), (2, 1), (1, 1)] {
        let refused = publish(epoch, version).await;
        assert!(matches!(refusal(refused), Refusal::PackageOrder { last_epoch: 2, .. }));
    }
    let mut r = fixture.store.read().await.unwrap();
    assert_eq!(packages::current(&mut r).await.unwrap().unwrap(), package(2, 1));
    let part = packages::part(&mut r, &digest("part")).await.unwrap();
    assert_eq!(part.as_deref(), Some(b"part".as_slice()));
}

fn ack(package: PackageVersion) -> Ack {
    Ack {
        endpoint: "web-1-https".parse().unwrap(),
        epoch: package.epoch,
        version: package.version,
        digest: digest("package"),
        agent: "web-1".parse().unwrap(),
        nonce: "n".to_owned(),
        signature: vec![9],
        at: NOW,
    }
}

fn barrier(package: PackageVersion, last: u64) -> BarrierProof {
    BarrierProof {
        endpoint: "web-1-https".parse().unwrap(),
        authority: g1(),
        package,
        digest: digest("package"),
        handshakes: 3,
        first: NOW,
        last: later(last),
        clock_offset_ms: -20,
        at: later(last),
    }
}

#[tokio::test]
async fn proofs_are_news_once_and_newer_ones_take_their_place() {
    let fixture = with_agent().await;
    let endpoint = "web-1-https".parse().unwrap();
    let version = PackageVersion { epoch: 1, version: 1 };
    let ack = ack(version);
    let (first, second) = (barrier(version, 1), barrier(version, 2));
    let news = fixture.store.run_tx("prove", |tx| {
        let (first, second, ack) = (&first, &second, &ack);
        Box::pin(async move {
            Ok::<_, StoreError>([
                proofs::acks(tx, &[ack, ack]).await?,
                proofs::acks(tx, &[ack]).await?,
                proofs::barriers(tx, &[second, first]).await?,
                proofs::barriers(tx, &[first]).await?,
            ])
        })
    });
    assert_eq!(news.await.unwrap(), [1, 0, 1, 0]);
    let mut r = fixture.store.read().await.unwrap();
    assert_eq!(proofs::barrier_of(&mut r, &g1()).await.unwrap(), [second]);
    assert_eq!(proofs::latest_ack(&mut r, &endpoint).await.unwrap(), Some(ack.clone()));
    assert_eq!(proofs::acks_of(&mut r, version).await.unwrap(), [ack]);
}

#[tokio::test]
async fn peers_of_an_authority_are_known_by_our_own_certificates() {
    let fixture = with_agent().await;
    let row = linted(&g1(), skink_model::CertificateKind::Leaf);
    let id = issue(&fixture.store, &row).await.unwrap().unwrap();
    let endpoint: skink_model::EndpointName = "web-1-https".parse().unwrap();
    let peer = PeerSeen {
        endpoint: endpoint.clone(),
        fingerprint: digest(&format!("der of {id}")),
        authority: None,
        last_seen: later(3),
    };
    let seen = fixture.store.run_tx("peers", |tx| {
        let (endpoint, peer) = (&endpoint, &peer);
        Box::pin(async move {
            sightings::peers(tx, endpoint, later(4), std::slice::from_ref(peer)).await
        })
    });
    seen.await.unwrap();
    let mut r = fixture.store.read().await.unwrap();
    let peers = sightings::peers_of(&mut r, &g1(), later(1)).await.unwrap();
    assert_eq!(peers, [PeerSeen { authority: Some(g1()), ..peer }]);
    assert!(sightings::peers_of(&mut r, &g1(), later(4)).await.unwrap().is_empty());
    let quiet = sightings::quiet(&mut r, &g1()).await.unwrap();
    assert_eq!(quiet[0].measured_at, Some(later(4)));
    assert_eq!(quiet[0].last_seen, Some(later(3)));
    assert_eq!(quiet[1].measured_at, None, "nothing is known without a measurement");
}

/// Two endpoints of one issuer; what `web-1-https` has shown is enough for every gate, of the other
/// one nothing is known.
#[tokio::test]
async fn a_count_says_who_cannot_have_met_a_gate() {
    let fixture = with_agent().await;
    let name = "web-1-https".parse().unwrap();
    let version = PackageVersion { epoch: 2, version: 3 };
    let barrier = barrier(version, 1);
    let distrust = DistrustProof {
        endpoint: "web-1-https".parse().unwrap(),
        authority: g1(),
        package: version,
        digest: digest("package"),
        refusal: "unknown ca".to_owned(),
        refused_at: NOW,
        control_authority: g1(),
        control_at: NOW,
        at: NOW,
    };
    let ack = ack(version);
    let installed = Installed {
        fingerprint: digest("leaf"),
        certificate: None,
        authority: Some(g1()),
        proven_at: NOW,
        rolled_back: false,
    };
    let both = ["web-1-https", "web-2-https"];
    assert_eq!(order(&fixture, Some(("inc-1", "inc-1/wave:1")), &both).await, 2);
    let shown = fixture.store.run_tx("show", |tx| {
        let (name, installed) = (&name, &installed);
        let (barrier, distrust, ack) = (&barrier, &distrust, &ack);
        Box::pin(async move {
            proofs::barriers(tx, &[barrier]).await?;
            proofs::distrusts(tx, &[distrust]).await?;
            proofs::acks(tx, &[ack]).await?;
            endpoints::set_installed(tx, &[(name, installed)]).await?;
            sightings::measured(tx, &[(name, later(5))]).await
        })
    });
    shown.await.unwrap();
    let mut r = fixture.store.read().await.unwrap();
    let (r, of, incident) = (&mut r, &"workloads".parse().unwrap(), &"inc-1".parse().unwrap());
    let next = PackageVersion { epoch: 2, version: 4 };
    let one = Missing { target: 2, missing: 1 };
    let all = Missing { target: 2, missing: 2 };
    for (package, expected) in [(version, one), (next, all)] {
        assert_eq!(missing::barrier(r, of, &g1(), package).await.unwrap(), expected);
        assert_eq!(missing::distrust(r, of, &g1(), package).await.unwrap(), expected);
        assert_eq!(missing::running(r, of, package).await.unwrap(), expected);
    }
    assert_eq!(missing::quiet(r, of, later(5)).await.unwrap(), one);
    assert_eq!(missing::quiet(r, of, later(6)).await.unwrap(), all);
    assert_eq!(missing::wave(r, of, &g1(), incident, (0, 2)).await.unwrap(), one);
    let first = Missing { target: 1, missing: 0 };
    assert_eq!(missing::wave(r, of, &g1(), incident, (0, 1)).await.unwrap(), first);
    let second = Missing { target: 1, missing: 1 };
    assert_eq!(missing::wave(r, of, &g1(), incident, (1, 2)).await.unwrap(), second);
    let nobody = Missing { target: 0, missing: 0 };
    assert_eq!(missing::quiet(r, &"others".parse().unwrap(), NOW).await.unwrap(), nobody);
}
