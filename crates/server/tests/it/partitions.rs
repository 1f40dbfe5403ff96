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

/// A cache may keep a list for minutes, and never beyond its end; who has it asks whether it is still
/// the one.
#[tokio::test(flavor = "multi_thread")]
async fn caches_are_told_how_long_a_list_holds_and_a_new_one_has_another_tag() {
    let server = TestServer::start().await;
    let (oscar, public) = (server.operator("oscar"), server.public());
    let url = format!("{}/crl/workloads-g1/p0.crl", public.base);
    let get = async |known: Option<&str>| {
        let mut asking = public.http.get(&url);
        if let Some(known) = known {
            asking = asking.header("if-none-match", known);
        }
        asking.send().await.unwrap()
    };
    let first = get(None).await;
    assert_eq!(first.status(), 200);
    let header = |answer: &reqwest::Response, name: &str| {
        answer.headers()[name].to_str().unwrap().to_owned()
    };
    assert_eq!(header(&first, "content-type"), "application/pkix-crl");
    assert_eq!(header(&first, "cache-control"), "max-age=300,public,no-transform,must-revalidate");
    let (tag, ends) = (header(&first, "etag"), header(&first, "expires"));
    let list = Crl::from_der(&first.bytes().await.unwrap()).unwrap();
    let until = httpdate::parse_http_date(&ends).unwrap();
    let since = until.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(i64::try_from(since).unwrap(), list.next_update().unwrap().as_secs());
    assert_eq!(tag, format!("\"{}\"", list.fingerprint()));

    let again = get(Some(&tag)).await;
    assert_eq!(again.status(), 304);
    assert!(again.bytes().await.unwrap().is_empty());
    let head = public.http.head(&url).send().await.unwrap();
    assert_eq!((head.status().as_u16(), header(&head, "etag")), (200, tag.clone()));

    let csr = TestKey::new().csr("web", &["web.example.test"]);
    let ask = json!({"issuer": "workloads", "profile": "server", "csr_pem": csr});
    let issued = oscar.post("/api/v1/certificates", &ask).await.ok();
    let revoke = format!("/api/v1/certificates/{}/revoke", issued["id"].as_str().unwrap());
    oscar.post(&revoke, &json!({"reason": "superseded"})).await.ok();
    let next = get(Some(&tag)).await;
    assert_eq!(next.status(), 200);
    assert_ne!(header(&next, "etag"), tag);
}
