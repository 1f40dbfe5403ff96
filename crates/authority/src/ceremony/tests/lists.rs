//! Numbers and times: what outranks what.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn routine_escrow_and_the_next_ceremony_follow_each_other() {
    let (offline, mut server, first, accepted) = begun().await;
    let routine = list(&accepted, "workloads-g1").clone();
    let escrow = Crl::from_der(&open(kit(&first, "workloads-g1")).escrow).unwrap();
    let workloads = certificate(&accepted, "workloads-g1").clone();
    assert_eq!(routine.number().unwrap().to_u64(), Some(1));
    assert_eq!(escrow.number().unwrap().to_u64(), Some(2));
    assert_eq!(escrow.this_update(), routine.this_update().plus(SECOND));
    assert!(routine.is_empty() && escrow.find(workloads.serial()).is_some());
    assert_eq!(escrow.next_update(), Some(workloads.not_after()));
    let interval = server.info.config.ceremony_interval.duration();
    assert!(routine.next_update().unwrap() > NOW.plus(interval * 2));

    offline.wait(Duration::from_secs(2));
    let (_, accepted) = later(&offline, &mut server, |_| {}).await;
    let next = list(&accepted, "workloads-g1");
    assert_eq!(next.number().unwrap().to_u64(), Some(3));
    assert!(next.this_update() > escrow.this_update());
    assert_eq!(list(&accepted, "root").number().unwrap().to_u64(), Some(3));
}

#[tokio::test]
async fn ceremonies_in_the_same_second_still_follow_each_other() {
    let (offline, mut server, _, accepted) = begun().await;
    let mut newest = list(&accepted, "workloads-g1").this_update();
    for _ in 0..3 {
        let (_, accepted) = later(&offline, &mut server, |_| {}).await;
        let list = list(&accepted, "workloads-g1");
        assert!(list.this_update() > newest.plus(SECOND) && list.this_update() <= NOW);
        newest = list.this_update();
    }
}

#[tokio::test]
async fn openssl_believes_the_escrow_over_the_routine_list_in_any_order() {
    let (_offline, server, first, accepted) = begun().await;
    let dir = server.dir.path();
    let escrow = Crl::from_der(&open(kit(&first, "workloads-g1")).escrow).unwrap();
    let workloads = certificate(&accepted, "workloads-g1");
    std::fs::write(dir.join("root.pem"), server.root.to_pem()).unwrap();
    std::fs::write(dir.join("one.pem"), workloads.to_pem()).unwrap();
    let (routine, own) = (list(&accepted, "workloads-g1"), list(&accepted, "root"));
    let at = NOW.as_secs().to_string();
    let args = [
        "verify",
        "-x509_strict",
        "-attime",
        &at,
        "-crl_check_all",
        "-CRLfile",
        "lists.pem",
        "-CAfile",
        "root.pem",
        "one.pem",
    ];
    for (lists, accepts) in [
        (vec![own, routine], true),
        (vec![own, routine, &escrow], false),
        (vec![&escrow, own, routine], false),
    ] {
        let text: String = lists.into_iter().map(Crl::to_pem).collect();
        std::fs::write(dir.join("lists.pem"), text).unwrap();
        let (ok, said) = openssl(dir, &args);
        assert_eq!(ok, accepts, "{said}");
        assert!(accepts || said.contains("certificate revoked"), "{said}");
    }
}

/// rustls-webpki with the escrow refuses, with the routine list accepts.
#[tokio::test]
async fn webpki_believes_the_escrow() {
    use rustls_pki_types::{CertificateDer, UnixTime};
    use webpki::{BorrowedCertRevocationList, CertRevocationList, RevocationOptionsBuilder};

    let (_offline, server, first, accepted) = begun().await;
    let escrow = open(kit(&first, "trust-g1")).escrow;
    let routine = list(&accepted, "trust-g1").der().to_vec();
    let root = CertificateDer::from(server.root.der().to_vec());
    let anchor = webpki::anchor_from_trusted_cert(&root).unwrap();
    let leaf = CertificateDer::from(certificate(&accepted, "trust-g1").der().to_vec());
    let leaf = webpki::EndEntityCert::try_from(&leaf).unwrap();
    let verify = |der: &[u8]| {
        let list = BorrowedCertRevocationList::from_der(der).unwrap();
        let lists: [CertRevocationList<'_>; 1] = [list.into()];
        let references = [&lists[0]];
        let revocation = RevocationOptionsBuilder::new(&references).unwrap().build();
        let usage = webpki::KeyUsage::required(&[43, 6, 1, 4, 1, 131, 226, 107, 1, 1]);
        let at =
            UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(NOW.as_secs()).unwrap()));
        leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            std::slice::from_ref(&anchor),
            &[],
            at,
            usage,
            Some(revocation),
            None,
        )
        .map(|_| ())
    };
    assert_eq!(verify(&routine), Ok(()));
    assert_eq!(verify(&escrow), Err(webpki::Error::CertRevoked));
}

#[tokio::test]
async fn what_was_revoked_stays_revoked_and_gets_no_further_escrow() {
    let (offline, mut server, _, accepted) = begun().await;
    let workloads = certificate(&accepted, "workloads-g1").clone();
    let suspected = NOW.minus(Duration::from_hours(3));
    let revoke = Revoke {
        authority: "workloads-g1".parse().unwrap(),
        reason: "cACompromise".to_owned(),
        revoked_at_ms: NOW.as_millis(),
        suspected_since_ms: Some(suspected.as_millis()),
    };
    let (ceremony, accepted) =
        later(&offline, &mut server, |body| body.revoke.push(revoke.clone())).await;
    let entry = list(&accepted, "workloads-g1").find(workloads.serial()).unwrap();
    assert_eq!(entry.reason, Some(skink_x509::crl::Reason::CaCompromise));
    assert_eq!(entry.invalidity_date, Some(suspected));
    let kits: Vec<&str> = ceremony.kits.iter().map(|kit| kit.facts().authority.as_str()).collect();
    assert_eq!(kits, ["control-g1", "trust-g1", "workloads-g2"]);
    // Nobody names it again, and it is still there.
    let (_, accepted) = later(&offline, &mut server, |_| {}).await;
    assert!(list(&accepted, "workloads-g1").find(workloads.serial()).is_some());
    assert!(list(&accepted, "workloads-g2").is_empty());
}

#[tokio::test]
async fn revocations_that_mean_nothing_are_refused() {
    let (offline, mut server, ..) = begun().await;
    let good = Revoke {
        authority: "workloads-g1".parse().unwrap(),
        reason: "cACompromise".to_owned(),
        revoked_at_ms: NOW.as_millis(),
        suspected_since_ms: None,
    };
    for revoke in [
        Revoke { authority: "nobody-g1".parse().unwrap(), ..good.clone() },
        Revoke { reason: "stolen".to_owned(), ..good.clone() },
        Revoke { reason: "removeFromCRL".to_owned(), ..good },
    ] {
        let body = RequestBody { revoke: vec![revoke], ..server.body(Vec::new()) };
        let refused = offline.refusal(&server.request(&body).await, &server).await;
        assert!(matches!(refused, CeremonyRefused::Revoke { .. }), "{refused}");
    }
}

#[tokio::test]
async fn a_root_that_would_not_outrank_does_not_sign() {
    let (offline, mut server, ..) = begun().await;
    let floor = |number, this_update: Time| Floor {
        scope: "workloads-g1".to_owned(),
        number,
        this_update_ms: this_update.as_millis(),
    };
    // Number 3 has not been signed yet: somebody else did, or this directory forgot.
    let body = RequestBody { floors: vec![floor(3, NOW)], ..server.body(Vec::new()) };
    let refused = offline.refusal(&server.request(&body).await, &server).await;
    assert!(matches!(refused, CeremonyRefused::RolledBack { .. }), "{refused}");
    let body = RequestBody { floors: vec![floor(1, NOW)], ..server.body(Vec::new()) };
    let refused = offline.refusal(&server.request(&body).await, &server).await;
    assert!(matches!(refused, CeremonyRefused::NotOutranking { .. }), "{refused}");
    // The escrow was released: number 2, a second after the routine list.
    let released = NOW.minus(Duration::from_mins(5)).plus(SECOND);
    let floors = vec![floor(2, released)];
    let body = RequestBody { floors: floors.clone(), ..server.body(Vec::new()) };
    let refused = offline.refusal(&server.request(&body).await, &server).await;
    assert!(matches!(refused, CeremonyRefused::UnRevokes { .. }), "{refused}");
    let revoke = Revoke {
        authority: "workloads-g1".parse().unwrap(),
        reason: "cACompromise".to_owned(),
        revoked_at_ms: released.as_millis(),
        suspected_since_ms: None,
    };
    let change = |body: &mut RequestBody| (body.floors, body.revoke) = (floors, vec![revoke]);
    let (_, accepted) = later(&offline, &mut server, change).await;
    let routine = list(&accepted, "workloads-g1");
    assert!(routine.this_update() > released && !routine.is_empty());
}

#[tokio::test]
async fn a_clock_that_is_behind_is_noticed() {
    let (offline, mut server, ..) = begun().await;
    offline.clock.set(NOW.minus(Duration::from_hours(1)));
    let body = RequestBody { created_at_ms: 0, ..server.body(Vec::new()) };
    let request = server.request(&body).await;
    let refused = offline.refusal(&request, &server).await;
    assert!(matches!(refused, CeremonyRefused::ClockBehind { .. }), "{refused}");
    let body = RequestBody {
        created_at_ms: NOW.plus(Duration::from_hours(1)).as_millis(),
        ..server.body(Vec::new())
    };
    offline.clock.set(NOW);
    let refused = offline.refusal(&server.request(&body).await, &server).await;
    assert!(matches!(refused, CeremonyRefused::FromTheFuture { .. }), "{refused}");
}
