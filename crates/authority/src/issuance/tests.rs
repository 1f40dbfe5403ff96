use super::*;
use crate::fixture::{Fixture, NOW, openssl, plus_days};
use crate::profile::{ProfileConfig, default_profiles};
use skink_signer::{AskError, KeyProvider, SignError, ToSign};
use skink_x509::crl::{Crl, CrlNumber};
use skink_x509::{Csr, CsrSpec, KeyAlgorithm, oid};
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

fn profile(name: &str) -> Profile {
    let config = default_profiles().into_iter().find(|profile| profile.name == name).unwrap();
    Profile::try_from(config).unwrap()
}

fn row(pki: &Fixture) -> Row {
    let serial = pki.serial();
    Row { id: serial.to_hex()[2..].parse().unwrap(), serial, partition: 0, blocked: None }
}

async fn applicant(pki: &Fixture, names: &[&str]) -> Applicant {
    Applicant {
        public_key: pki.key(KeyAlgorithm::EcP256).await,
        names: names.iter().map(|&name| GeneralName::Dns(name.to_owned())).collect(),
        common_name: None,
        lifetime: None,
    }
}

fn issuing(pki: &Fixture) -> Issuing<'_> {
    Issuing { authority: &pki.issuer, locations: &pki.locations, now: NOW }
}

async fn issue(pki: &Fixture, profile: &Profile, applicant: &Applicant) -> Issued {
    let linted = profile.intend(row(pki), applicant, &issuing(pki)).unwrap().lint().unwrap();
    let request = linted.request(AttemptPurpose::Certificate, None);
    let signed = pki.signer.ask_and_sign(request, ToSign::Message(linted.bytes())).await.unwrap();
    linted.issue(&signed).unwrap()
}

#[tokio::test]
async fn every_default_profile_issues_what_openssl_accepts() {
    let pki = Fixture::new().await;
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, pem: String| std::fs::write(dir.path().join(name), pem).unwrap();
    write("root.pem", pki.root.certificate().to_pem());
    write("issuer.pem", pki.issuer.certificate().to_pem());
    for config in default_profiles() {
        let profile = Profile::try_from(config.clone()).unwrap();
        let mut applicant = applicant(&pki, &["web-1.example"]).await;
        if profile.ocsp_nocheck {
            applicant.names.clear();
            applicant.common_name = Some("workloads-g1 responder".to_owned());
        }
        let issued = issue(&pki, &profile, &applicant).await;
        write("leaf.pem", issued.certificate.to_pem());
        let purpose = match config.extended_key_usage[0].as_str() {
            "server_auth" => "sslserver",
            "client_auth" => "sslclient",
            _ => "ocsphelper",
        };
        let at = NOW.as_secs().to_string();
        let (ok, said) = openssl(
            dir.path(),
            &[
                "verify",
                "-x509_strict",
                "-attime",
                &at,
                "-purpose",
                purpose,
                "-CAfile",
                "root.pem",
                "-untrusted",
                "issuer.pem",
                "leaf.pem",
            ],
        );
        assert!(ok, "{}: {said}", config.name);
    }
}

#[tokio::test]
async fn the_chain_passes_openssl_with_every_list_checked() {
    let pki = Fixture::new().await;
    let applicant = applicant(&pki, &["web-1.example"]).await;
    let issued = issue(&pki, &profile("server"), &applicant).await;
    let mut crls = String::new();
    let lists = [
        (pki.root.identity(), pki.locations.root_crl()),
        (pki.root.identity(), pki.locations.root_partition(pki.issuer.id())),
        (pki.issuer.identity(), pki.locations.crl(pki.issuer.id(), 0)),
    ];
    for (identity, uri) in lists {
        let plan = crate::ListPlan {
            uri,
            number: CrlNumber::from_u64(1),
            this_update: NOW,
            next_update: plus_days(7),
        };
        let list = crate::small_list(identity, &plan, []).unwrap();
        let der = list.sign(&pki.signer, AttemptPurpose::Crl, plan.subject(), None).await.unwrap();
        crls += &Crl::from_der(&der).unwrap().to_pem();
    }
    let dir = pki.dir.path();
    std::fs::write(dir.join("crls.pem"), crls).unwrap();
    std::fs::write(dir.join("root.pem"), pki.root.certificate().to_pem()).unwrap();
    std::fs::write(dir.join("issuer.pem"), pki.issuer.certificate().to_pem()).unwrap();
    std::fs::write(dir.join("leaf.pem"), issued.certificate.to_pem()).unwrap();
    let at = NOW.plus(Duration::from_mins(1)).as_secs().to_string();
    let (ok, said) = openssl(
        dir,
        &[
            "verify",
            "-x509_strict",
            "-attime",
            &at,
            "-crl_check_all",
            "-CRLfile",
            "crls.pem",
            "-CAfile",
            "root.pem",
            "-untrusted",
            "issuer.pem",
            "leaf.pem",
        ],
    );
    assert!(ok, "{said}");
}

#[tokio::test]
async fn a_certificate_says_what_its_profile_allows() {
    let pki = Fixture::new().await;
    let applicant = applicant(&pki, &["web-1.example"]).await;
    let issued = issue(&pki, &profile("server"), &applicant).await;
    let certificate = &issued.certificate;
    assert_eq!(certificate.subject().common_name().as_deref(), Some("web-1.example"));
    assert_eq!(certificate.not_before(), NOW.minus(Duration::from_mins(5)));
    assert_eq!(certificate.not_after(), NOW.plus(30 * DAY));
    assert_eq!(certificate.extended_key_usages(), [oid::SERVER_AUTH]);
    assert_eq!(certificate.authority_key_id(), pki.issuer.certificate().subject_key_id());
    let crl = "http://pki.example/crl/workloads-g1/p0.crl";
    assert_eq!(certificate.crl_distribution_points(), [crl]);
    assert_eq!(certificate.ocsp_uris(), ["http://pki.example/ocsp/workloads-g1"]);
    certificate.verify_signed_by(pki.issuer.certificate().public_key()).unwrap();
    assert!(certificate.verify_signed_by(pki.root.certificate().public_key()).is_err());
}

#[tokio::test]
async fn every_reason_against_an_application_is_told_at_once() {
    let pki = Fixture::new().await;
    let config = ProfileConfig {
        key_algorithms: vec!["ec-p384".to_owned()],
        names: toml::from_str("dns = [\".example\"]").unwrap(),
        max_lifetime: "60d".parse().unwrap(),
        ..default_profiles().remove(0)
    };
    let profile = Profile::try_from(config).unwrap();
    let mut applicant = applicant(&pki, &["web.example", "web.other"]).await;
    applicant.lifetime = Some(61 * DAY);
    let row = Row { blocked: Some("it was stolen".to_owned()), ..row(&pki) };
    let Refused(refusals) = profile.intend(row, &applicant, &issuing(&pki)).unwrap_err();
    let codes: Vec<&str> = refusals.iter().map(Refusal::code).collect();
    let expected = ["key_refused", "key_algorithm_refused", "name_refused", "lifetime_refused"];
    assert_eq!(codes, expected);
}

#[tokio::test]
async fn a_lifetime_stays_within_the_issuers() {
    let pki = Fixture::new().await;
    let mut applicant = applicant(&pki, &["web.example"]).await;
    let late = Issuing { now: plus_days(1800), ..issuing(&pki) };
    applicant.lifetime = Some(26 * DAY);
    let refused = profile("server").intend(row(&pki), &applicant, &late).unwrap_err();
    assert_eq!(refused.0[0].code(), "lifetime_beyond_issuer");
    // The profile's own 30 days are cut instead.
    applicant.lifetime = None;
    let intended = profile("server").intend(row(&pki), &applicant, &late).unwrap();
    assert_eq!(intended.spec().not_after, pki.issuer.certificate().not_after());
    let over = Issuing { now: plus_days(1826), ..issuing(&pki) };
    let refused = profile("server").intend(row(&pki), &applicant, &over).unwrap_err();
    assert_eq!(refused.0[0].code(), "issuer_not_valid");
}

#[tokio::test]
async fn a_request_without_possession_is_refused() {
    let pki = Fixture::new().await;
    let key = pki.provider.create("requester", KeyAlgorithm::EcP256).await.unwrap();
    let public_key = pki.provider.public_key(&key).await.unwrap();
    let spec = CsrSpec {
        subject: Name::from_common_name("web.example").unwrap(),
        public_key,
        subject_alt_names: vec![GeneralName::Dns("web.example".to_owned())],
    };
    let tbs = spec.tbs_der().unwrap();
    let how = spec.signature_algorithm();
    let message = ToSign::Message(&tbs);
    let signature = pki.provider.sign(&key, how, message).await.unwrap().bytes;
    let der = skink_x509::assemble(&tbs, how, &signature).unwrap();
    let applicant = Applicant::from_csr(&Csr::from_der(&der).unwrap()).unwrap();
    assert_eq!(applicant.names.len(), 1);
    let broken = skink_signer::throwaway::sign(how, &tbs).unwrap();
    let der = skink_x509::assemble(&tbs, how, &broken).unwrap();
    let refused = Applicant::from_csr(&Csr::from_der(&der).unwrap());
    assert!(refused.is_err());
}

/// The taint commits between lint and ask.
#[tokio::test]
async fn a_linted_certificate_of_a_tainted_authority_is_not_signed() {
    let pki = Fixture::new().await;
    let applicant = applicant(&pki, &["web.example"]).await;
    let intended = profile("server").intend(row(&pki), &applicant, &issuing(&pki)).unwrap();
    let linted = intended.lint().unwrap();
    pki.ledger.taint(pki.issuer.id().clone());
    let request = linted.request(AttemptPurpose::Certificate, None);
    let refused = pki.signer.ask_and_sign(request, ToSign::Message(linted.bytes())).await;
    assert!(matches!(refused, Err(SignError::Refused(AskError::Tainted { .. }))));
}

#[tokio::test]
async fn the_signature_of_another_key_makes_no_certificate() {
    let (pki, other) = (Fixture::new().await, Fixture::new().await);
    let applicant = applicant(&pki, &["web.example"]).await;
    let intended = profile("server").intend(row(&pki), &applicant, &issuing(&pki)).unwrap();
    let linted = intended.lint().unwrap();
    let request = linted.request(AttemptPurpose::Certificate, None);
    let message = ToSign::Message(linted.bytes());
    let foreign = other.signer.ask_and_sign(request, message).await.unwrap();
    assert!(matches!(linted.issue(&foreign), Err(FinishError::OtherKey(_))));
}
