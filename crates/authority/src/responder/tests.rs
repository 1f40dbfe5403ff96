use super::*;
use crate::fixture::{Fixture, NOW, openssl};
use crate::{Applicant, Issuing, Profile, Row, default_profiles};
use skink_signer::KeyProvider;
use skink_x509::KeyAlgorithm;
use skink_x509::crl::Reason;
use skink_x509::ocsp::{HashAlgorithm, OcspResponse};

async fn responder(pki: &Fixture) -> Responder {
    let config = default_profiles().into_iter().find(|p| p.name == "ocsp-responder").unwrap();
    let key = pki.provider.create("responder", KeyAlgorithm::EcP256).await.unwrap();
    let public_key = pki.provider.public_key(&key).await.unwrap();
    let applicant = Applicant {
        public_key: public_key.clone(),
        names: Vec::new(),
        common_name: Some("workloads-g1 responder".to_owned()),
        lifetime: None,
    };
    let issuing = Issuing { authority: &pki.issuer, locations: &pki.locations, now: NOW };
    let row = Row { id: "r".parse().unwrap(), serial: pki.serial(), partition: 0, blocked: None };
    let intended = Profile::try_from(config).unwrap().intend(row, &applicant, &issuing).unwrap();
    let linted = intended.lint().unwrap();
    let request = linted.request(AttemptPurpose::Certificate, None);
    let made = pki.signer.ask_and_sign(request, ToSign::Message(linted.bytes())).await.unwrap();
    let certificate = linted.issue(&made).unwrap().certificate;
    let id = pki.issuer.id().clone();
    let delegate = SigningAuthority::new(id, certificate, key, &public_key).unwrap();
    Responder::new(pki.issuer.clone(), delegate).unwrap()
}

fn ask(pki: &Fixture, serial: &Serial) -> OcspRequest {
    let issuer = pki.issuer.certificate();
    let id = CertId::new(HashAlgorithm::Sha1, issuer.subject(), issuer.public_key(), serial);
    OcspRequest::new(vec![id.unwrap()], Some(vec![7; 16]))
}

#[tokio::test]
async fn answers_verify_here_and_with_openssl() {
    let pki = Fixture::new().await;
    let responder = responder(&pki).await;
    let serial = pki.serial();
    let request = ask(&pki, &serial);
    assert_eq!(responder.serials(&request), Some(vec![serial]));
    let dir = pki.dir.path();
    std::fs::write(dir.join("root.pem"), pki.root.certificate().to_pem()).unwrap();
    std::fs::write(dir.join("issuer.pem"), pki.issuer.certificate().to_pem()).unwrap();
    std::fs::write(dir.join("request.der"), request.to_der().unwrap()).unwrap();
    let revoked = CertStatus::Revoked { at: NOW, reason: Some(Reason::KeyCompromise) };
    for (status, word) in [
        (CertStatus::Good, "good"),
        (revoked, "keyCompromise"),
        (CertStatus::NEVER_ISSUED, "certificateHold"),
    ] {
        let answer = responder.answer(&request, &[status], NOW).unwrap();
        let der = answer.sign(&pki.signer).await.unwrap();
        let response = OcspResponse::from_der(&der).unwrap();
        let basic = response.basic.unwrap();
        basic.verify(pki.issuer.certificate(), NOW).unwrap();
        assert_eq!(basic.nonce(), Some(&[7; 16][..]));
        std::fs::write(dir.join("response.der"), der).unwrap();
        let at = NOW.as_secs().to_string();
        let (ok, said) = openssl(
            dir,
            &[
                "ocsp",
                "-respin",
                "response.der",
                "-reqin",
                "request.der",
                "-CAfile",
                "root.pem",
                "-verify_other",
                "issuer.pem",
                "-attime",
                &at,
                "-resp_text",
            ],
        );
        assert!(ok && said.contains("Response verify OK") && said.contains(word), "{said}");
    }
}

#[tokio::test]
async fn another_authoritys_certificates_are_not_answered_for() {
    let (pki, other) = (Fixture::new().await, Fixture::new().await);
    let responder = responder(&pki).await;
    assert_eq!(responder.serials(&ask(&other, &other.serial())), None);
    let refused = Responder::new(pki.root.clone(), responder.delegate.clone());
    assert_eq!(refused.err(), Some(NotDelegated));
    let not_for_ocsp = Responder::new(pki.root.clone(), pki.issuer.clone());
    assert_eq!(not_for_ocsp.err(), Some(NotDelegated));
}
