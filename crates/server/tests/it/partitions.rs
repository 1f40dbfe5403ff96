//! Several lists share an authority's revocations: each certificate names its own for good.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use skink_server::Lists;
use skink_x509::Certificate;
use skink_x509::crl::{Crl, CrlNumber};

use crate::common::{TestKey, TestServer, config};

const PARTITIONS: u32 = 4;
const BASE: &str = "http://pki.example.test";

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_in_the_list_that_it_names_and_in_no_other() {
    let own = Lists { partitions: PARTITIONS };
    let server = TestServer::start_with(skink_server::Config { crl: own, ..config() }).await;
    let oscar = server.operator("oscar");
    let mut leaves = Vec::new();
    for number in 0..24 {
        let name = format!("web-{number}.example.test");
        let request = json!({
            "issuer": "workloads", "profile": "server",
            "csr_pem": TestKey::new().csr("web", &[&name]),
        });
        let issued = oscar.post("/api/v1/certificates", &request).await.ok();
        let leaf = Certificate::from_pem(issued["certificate_pem"].as_str().unwrap()).unwrap();
        leaves.push((issued["id"].as_str().unwrap().to_owned(), leaf));
    }
    let points = |leaf: &Certificate| leaf.crl_distribution_points().clone();
    let named: BTreeSet<_> = leaves.iter().flat_map(|(_, leaf)| points(leaf)).collect();
    assert!(named.len() > 1, "24 certificates in one partition of four");

    // One revocation makes one new list.
    let before = lists(&server).await;
    assert_eq!(before.len(), 4);
    let (id, first) = &leaves[0];
    let path = format!("/api/v1/certificates/{id}/revoke");
    oscar.post(&path, &json!({"reason": "superseded"})).await.ok();
    let after = lists(&server).await;
    for (uri, list) in &after {
        let own = points(first).contains(uri);
        assert_eq!(list.number() > before[uri].number(), own, "{uri}");
        assert_eq!(list.find(first.serial()).is_some(), own, "{uri}");
    }

    // A set makes all of them new, and each has what names it.
    let lead = server.operator("lea");
    let set = json!({"authority": "workloads-g1", "reason": "cACompromise"});
    let revoked = lead.post("/api/v1/certificates/revoke", &set).await.ok();
    let after_all = lists(&server).await;
    let highest = after_all.values().filter_map(|list| list.number()?.to_u64()).max();
    assert_eq!(revoked["crl_number"].as_u64(), highest);
    for (_, leaf) in &leaves {
        for (uri, list) in &after_all {
            assert_eq!(list.find(leaf.serial()).is_some(), points(leaf).contains(uri), "{uri}");
        }
    }

    // They are the same after a restart, and go up from there.
    let server = server.restart().await;
    let restarted = lists(&server).await;
    let numbers = |all: &BTreeMap<String, Crl>| -> Vec<Option<CrlNumber>> {
        all.values().map(|list| list.number().cloned()).collect()
    };
    assert_eq!(numbers(&restarted), numbers(&after_all));
}

/// What is out for each partition, by the URI in its scope.
async fn lists(server: &TestServer) -> BTreeMap<String, Crl> {
    let mut lists = BTreeMap::new();
    for number in 0..PARTITIONS {
        let path = format!("/crl/workloads-g1/p{number}.crl");
        let list = Crl::from_der(&server.public().get(&path).await.bytes).unwrap();
        let uri = format!("{BASE}{path}");
        let point = list.issuing_distribution_point().unwrap();
        assert_eq!(point.uris, std::slice::from_ref(&uri));
        lists.insert(uri, list);
    }
    lists
}
