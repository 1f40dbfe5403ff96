//! What must be so in the end, by the database and from outside.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use skink_x509::crl::Crl;
use skink_x509::ocsp::{CertId, CertStatus, HashAlgorithm, OcspRequest, OcspResponse};
use skink_x509::{Certificate, Fingerprint};

use crate::cluster::{Clients, Cluster};
use crate::load::{Done, Issued};
use crate::reader::{LIST, Seen, number};

/// A lease, the look that follows it, and the upkeep's.
const SETTLED: Duration = Duration::from_mins(1);
const OPEN: &str = "SELECT (SELECT count(*) FROM attempt WHERE state = 'asked')
    + (SELECT count(*) FROM certificate WHERE state IN ('intended', 'linted'))";
const ISSUED: &str = "SELECT id || ' ' || encode(fingerprint, 'hex') FROM certificate
    WHERE state = 'issued' AND name LIKE 'k%.test'";
const TWICE: &str = "SELECT name FROM certificate WHERE state = 'issued' AND name LIKE 'k%.test'
    GROUP BY name HAVING count(*) > 1";
const REVOKED: &str = "SELECT c.id FROM certificate c JOIN revocation r
    ON r.authority = c.authority AND r.crl_part = c.crl_part AND r.serial = c.serial";
const PUBLISHED: &str = "SELECT number || ' ' || encode(digest, 'hex') FROM crl
    WHERE scope = 'workloads-g1/p0' AND published_at IS NOT NULL";
const UNSIGNED: &str =
    "SELECT count(*) FROM certificate c WHERE c.state = 'issued' AND NOT EXISTS (
    SELECT 1 FROM attempt a WHERE a.subject = c.id AND a.state = 'signed')";
const UNKNOWN: &str = "SELECT count(*) FROM attempt WHERE state = 'unknown'";

pub(crate) async fn check(cluster: &Cluster, clients: &Clients, done: &Done, seen: &Seen) {
    let rows = |sql: &str| -> BTreeSet<String> {
        cluster.postgres.run(sql).lines().map(ToOwned::to_owned).collect()
    };
    let revoked: Vec<_> = done.issued.values().filter(|one| one.revoked).collect();
    println!(
        "{} issued, {} of them revoked, {} lists looked at, asked again {} times, longest {:?}; \
         {} CRL numbers read",
        done.issued.len(),
        revoked.len(),
        done.lists,
        done.asked_again,
        done.longest,
        seen.len()
    );
    assert!(done.issued.len() > 20 && revoked.len() > 5 && done.asked_again > 0, "no load");

    // Certificates: every acknowledged one, and no request's twice.
    let issued = rows(ISSUED);
    for (name, one) in &done.issued {
        let row = format!("{} {}", one.id, one.fingerprint);
        assert!(issued.contains(&row), "{name} was acknowledged and is not there");
    }
    assert_eq!(rows(TWICE), BTreeSet::new(), "two certificates for one request");
    assert_eq!(cluster.postgres.run(UNSIGNED).trim(), "0");

    // Revocations: in the index, in both servers' lists, in OCSP.
    let index = rows(REVOKED);
    for one in &revoked {
        assert!(index.contains(&one.id), "the revocation of {} is lost", one.id);
    }
    for server in 0..2 {
        are_listed(cluster, clients, server, &revoked).await;
        for one in done.issued.values().take(60) {
            let said = says_revoked(clients, server, one).await;
            assert_eq!(said, one.revoked || index.contains(&one.id), "{one:?} at {server}");
        }
    }

    // Lists: what was read is what the database has under that number, and was published.
    let published = rows(PUBLISHED);
    for (number, digest) in seen {
        let row = format!("{} {digest}", number.to_u64().unwrap());
        assert!(published.contains(&row), "a list was read that was not published: {row}");
    }

    // Nothing is left hanging, although no server was told to look.
    let began = Instant::now();
    while cluster.postgres.run(OPEN).trim() != "0" {
        assert!(began.elapsed() < SETTLED, "something is open for good\n{}", cluster.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!("{} attempts are unknown", cluster.postgres.run(UNKNOWN).trim());
    let verified = cluster.servers[1].skink("lead", &["journal", "verify"]).unwrap();
    assert_eq!(verified["verified"], true);
}

async fn are_listed(cluster: &Cluster, clients: &Clients, server: usize, revoked: &[&Issued]) {
    let began = Instant::now();
    loop {
        let der = clients.public(server, LIST, None).await.unwrap();
        let list = Crl::from_der(&der).unwrap();
        let missing = revoked.iter().find(|one| {
            let leaf = Certificate::from_pem(&one.pem).unwrap();
            list.find(leaf.serial()).is_none()
        });
        let Some(missing) = missing else {
            println!("server {server} lists all after {:?}: {}", began.elapsed(), number(&der));
            return;
        };
        let (id, log) = (&missing.id, || cluster.log());
        assert!(began.elapsed() < SETTLED, "{id} is revoked and not listed\n{}", log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn says_revoked(clients: &Clients, server: usize, one: &Issued) -> bool {
    let leaf = Certificate::from_pem(&one.pem).unwrap();
    assert_eq!(Fingerprint::of(leaf.der()).to_string(), one.fingerprint);
    let above = Certificate::from_pem(&one.chain).unwrap();
    let (subject, key) = (above.subject(), above.public_key());
    let id = CertId::new(HashAlgorithm::Sha256, subject, key, leaf.serial()).unwrap();
    let request = OcspRequest::new(vec![id.clone()], None).to_der().unwrap();
    let answer = clients.public(server, "/ocsp/workloads-g1", Some(request)).await.unwrap();
    let basic = OcspResponse::from_der(&answer).unwrap().basic.unwrap();
    matches!(basic.find(&id).unwrap().status, CertStatus::Revoked { .. })
}
