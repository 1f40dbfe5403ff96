//! What crosses the gap, and what is refused on either side.

use super::*;

#[tokio::test]
async fn a_ceremony_certifies_what_openssl_accepts() {
    let (offline, server, _, accepted) = begun().await;
    assert_eq!(accepted.certified.len(), 4);
    let dir = server.dir.path();
    std::fs::write(dir.join("root.pem"), server.root.to_pem()).unwrap();
    let lists: String = accepted.lists.iter().map(|(_, crl)| crl.to_pem()).collect();
    std::fs::write(dir.join("lists.pem"), lists).unwrap();
    let at = NOW.as_secs().to_string();
    for (one, certificate) in &accepted.certified {
        std::fs::write(dir.join("one.pem"), certificate.to_pem()).unwrap();
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
        let (ok, said) = openssl(dir, &args);
        assert!(ok, "{}: {said}", one.authority);
    }
    let workloads = certificate(&accepted, "workloads-g1");
    assert_eq!((workloads.is_ca(), workloads.path_len()), (true, Some(0)));
    let partition = "http://pki.example/crl/root/workloads-g1.crl";
    assert_eq!(workloads.crl_distribution_points(), [partition]);
    assert!(!certificate(&accepted, "trust-g1").is_ca());
    assert_eq!(server.root.crl_distribution_points(), ["http://pki.example/crl/root/root.crl"]);
    drop(offline);
}

#[tokio::test]
async fn a_person_reads_what_will_be_signed() {
    let offline = Offline::new().await;
    let mut server = Server::new(&offline).await;
    let request = Request::from_json(&first_request(&mut server).await).unwrap();
    let text = offline.open().await.plan(&request).unwrap().to_string();
    for said in [
        "Ceremony 1 of trust domain example",
        "NOT SEEN HERE BEFORE",
        &server.public_key.digest().to_string(),
        &request.digest().to_string(),
        "workloads-g1: issuing of workloads",
        "trust packages of epoch 1",
        "stands by  for workloads-g1",
        "kit        with the credential of workloads-g2",
        "seal       number 2, REVOKED, 2025-12-31T23:55:01Z to 2031-01-01T00:00:00Z",
    ] {
        assert!(text.contains(said), "{said:?} is not in\n{text}");
    }
}

#[tokio::test]
async fn the_anchors_part_is_signed_under_its_own_context() {
    let (_, server, _, accepted) = begun().await;
    let anchors = accepted.anchors.unwrap();
    assert_eq!(anchors.body, "{\"ceremony\":1}");
    let signature = anchors.signature().unwrap();
    let how = SignatureAlgorithm::EcdsaSha384;
    let message = [ANCHORS_CONTEXT, anchors.body.as_bytes()].concat();
    server.root.public_key().verify(how, &message, &signature).unwrap();
    server.root.public_key().verify(how, anchors.body.as_bytes(), &signature).unwrap_err();
}

#[tokio::test]
async fn altered_files_are_refused_on_both_sides() {
    let offline = Offline::new().await;
    let mut server = Server::new(&offline).await;
    let request = first_request(&mut server).await;
    let altered = request.replace("workloads", "workloadz");
    assert!(matches!(Request::from_json(&altered), Err(DocumentError::Signature)));
    let ceremony = offline.sign(&request, &server).await.unwrap();
    let response = ceremony.response.to_json().unwrap();
    let altered = response.replace("workloads", "workloadz");
    assert!(matches!(Response::from_json(&altered), Err(DocumentError::Signature)));
    assert!(matches!(Request::from_json(&response), Err(DocumentError::NotOne { .. })));
    assert!(matches!(Response::from_json(&request), Err(DocumentError::NotOne { .. })));
    for garbage in ["", "{}", "[]", "{\"format\":\"skink ceremony request 1\"}"] {
        assert!(Request::from_json(garbage).is_err());
    }
}

#[tokio::test]
async fn a_response_by_anybody_else_is_refused() {
    let (offline, stranger) = (Offline::new().await, Offline::new().await);
    let mut server = Server::new(&offline).await;
    let mut fooled = Server::new(&stranger).await;
    let request = first_request(&mut fooled).await;
    let ceremony = stranger.sign(&request, &fooled).await.unwrap();
    let response = ceremony.response.to_json().unwrap();
    assert_eq!(server.accept(&request, &response).unwrap_err(), NotAccepted::OtherRoot);
    // And a request for another root does not get that far.
    let body = RequestBody { root: fooled.root.fingerprint().to_string(), ..server.body(vec![]) };
    let refused = offline.refusal(&server.request(&body).await, &server).await;
    assert!(matches!(refused, CeremonyRefused::OtherRoot { .. }));
    let body = RequestBody { domain: "other".to_owned(), ..server.body(vec![]) };
    let refused = offline.refusal(&server.request(&body).await, &server).await;
    assert!(matches!(refused, CeremonyRefused::OtherDomain { .. }));
}

#[tokio::test]
async fn a_response_for_another_request_is_refused() {
    let offline = Offline::new().await;
    let mut server = Server::new(&offline).await;
    let request = first_request(&mut server).await;
    let ceremony = offline.sign(&request, &server).await.unwrap();
    let response = ceremony.response.to_json().unwrap();
    let other = server.body(Vec::new());
    let other = server.request(&other).await;
    let refused = server.accept(&other, &response).unwrap_err();
    assert!(matches!(refused, NotAccepted::OtherRequest { .. }));
    // The same id, but something else was asked for.
    let same_id = RequestBody { id: format!("{:032x}", 1), ..server.body(Vec::new()) };
    let same_id = server.request(&same_id).await;
    let refused = server.accept(&same_id, &response).unwrap_err();
    assert!(matches!(refused, NotAccepted::AlteredRequest { .. }));
}

#[tokio::test]
async fn replays_are_refused_on_both_sides() {
    let offline = Offline::new().await;
    let mut server = Server::new(&offline).await;
    let request = first_request(&mut server).await;
    let ceremony = offline.sign(&request, &server).await.unwrap();
    let refused = offline.refusal(&request, &server).await;
    assert!(matches!(refused, CeremonyRefused::Replayed { .. }));
    let response = ceremony.response.to_json().unwrap();
    server.take_in(&request, &ceremony);
    let refused = server.accept(&request, &response).unwrap_err();
    assert_eq!(refused, NotAccepted::Replayed { found: 1, known: 1 });
}

#[tokio::test]
async fn a_request_made_before_the_last_ceremony_is_stale() {
    let (offline, mut server, ..) = begun().await;
    let early = server.body(Vec::new());
    let early = server.request(&early).await;
    later(&offline, &mut server, |_| {}).await;
    let refused = offline.refusal(&early, &server).await;
    assert!(matches!(refused, CeremonyRefused::Stale { server: 1, root: 2 }));
}

#[tokio::test]
async fn a_key_that_has_not_asked_before_needs_a_person() {
    let (offline, mut server, ..) = begun().await;
    let stranger = Server::new(&offline).await;
    let body = server.body(Vec::new());
    let request = Request::from_json(&stranger.request(&body).await).unwrap();
    let options = SignOptions {
        custodians: &custodians(),
        confirmed_requester: Some(server.public_key.digest()),
        anchors: None,
    };
    let refused = offline.open().await.sign(&request, &options).await;
    let expected = stranger.public_key.digest();
    assert!(matches!(
        refused,
        Err(RootError::Refused(CeremonyRefused::UnknownRequester { requester }))
            if requester == expected
    ));
    // The key that asked last time needs nobody.
    let request = Request::from_json(&server.request(&body).await).unwrap();
    let options = SignOptions { confirmed_requester: None, ..options };
    offline.open().await.sign(&request, &options).await.unwrap();
}

#[tokio::test]
async fn what_does_not_fit_the_hierarchy_is_not_certified() {
    let (offline, mut server, ..) = begun().await;
    let good = server.certify("servers", 1, AuthorityKind::Issuing).await;
    let other_key = server.certify("spare", 1, AuthorityKind::Issuing).await;
    let old = server.csr(&server.keys[&"workloads-g1".parse().unwrap()].clone()).await;
    let cases = [
        Certify { authority: "workloads-g1".parse().unwrap(), ..good.clone() },
        Certify { authority: "root".parse().unwrap(), ..good.clone() },
        Certify { authority: "servers".parse().unwrap(), ..good.clone() },
        Certify { csr: old, ..good.clone() },
        Certify { csr: String::new(), ..good.clone() },
        Certify { epoch: Some(2), ..good.clone() },
        Certify { kind: AuthorityKind::Trust, ..good.clone() },
        Certify {
            authority: "trust-g2".parse().unwrap(),
            issuer: "trust".parse().unwrap(),
            kind: AuthorityKind::Trust,
            epoch: Some(1),
            ..other_key.clone()
        },
        Certify {
            authority: "control-g2".parse().unwrap(),
            issuer: "control".parse().unwrap(),
            ..other_key.clone()
        },
        Certify {
            standby: Some(StandbyFor {
                replaces: "workloads-g1".parse().unwrap(),
                credential: None,
            }),
            ..good.clone()
        },
    ];
    for certify in cases {
        let body = server.body(vec![certify.clone()]);
        let refused = offline.refusal(&server.request(&body).await, &server).await;
        assert!(matches!(refused, CeremonyRefused::Certify { .. }), "{certify:?}: {refused}");
    }
    let body = server.body(vec![good]);
    offline.sign(&server.request(&body).await, &server).await.unwrap();
}
