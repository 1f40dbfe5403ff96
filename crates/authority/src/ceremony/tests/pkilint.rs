//! Everything that is signed passes pkilint without a finding.

use std::process::Command;

use super::*;
use crate::fixture::{Fixture, plus_days};
use crate::{Applicant, Issuing, ListPlan, Profile, Responder, Row, SigningAuthority};
use crate::{default_profiles, small_list};
use skink_signer::AttemptPurpose;
use skink_x509::crl::{CrlNumber, Reason, RevokedEntry};
use skink_x509::ocsp::{CertId, CertStatus, HashAlgorithm, OcspRequest};
use skink_x509::{GeneralName, Serial};

/// The folder of pkilint's programs, on the path. Without them the test is skipped; where continuous
/// integration runs it fails instead.
fn pkilint() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folder =
        std::env::split_paths(&path).find(|folder| folder.join("lint_pkix_cert").is_file());
    if folder.is_none() {
        assert!(std::env::var_os("CI").is_none(), "pkilint is not installed, and CI wants it");
        println!("skipped: pkilint is not installed (pip install pkilint)");
    }
    folder
}

/// Runs one of pkilint's programs over `der`; fails on any finding.
fn lint(folder: &Path, program: &str, options: &[&str], what: &str, der: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file.der");
    std::fs::write(&file, der).unwrap();
    let output = Command::new(folder.join(program))
        .arg("lint")
        .args(options)
        .args(["-s", "NOTICE"])
        .arg(&file)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.trim().is_empty(), "{program} on {what}: {said}");
}

#[tokio::test]
async fn certificates_lists_and_answers_pass() {
    let Some(folder) = pkilint() else { return };
    let certificate = |what: &str, one: &Certificate| {
        lint(&folder, "lint_pkix_cert", &[], what, one.der());
    };
    let crl = |what: &str, der: &[u8]| {
        lint(&folder, "lint_crl", &["-t", "CRL", "-p", "PKIX"], what, der);
    };

    let (_offline, server, ceremony, accepted) = begun().await;
    certificate("root", &server.root);
    for (one, found) in &accepted.certified {
        certificate(one.authority.as_str(), found);
    }
    for (list, found) in &accepted.lists {
        crl(&list.scope, found.der());
    }
    crl("escrow", &open(kit(&ceremony, "workloads-g1")).escrow);

    let pki = Fixture::new().await;
    let issuing = Issuing { authority: &pki.issuer, locations: &pki.locations, now: NOW };
    for config in default_profiles() {
        let profile = Profile::try_from(config.clone()).unwrap();
        let names = [
            GeneralName::Dns("web-1.example".to_owned()),
            GeneralName::Ip("10.0.0.1".parse().unwrap()),
            // pkilint takes every scheme outside its short list for bad syntax, `spiffe` too.
            GeneralName::Uri("https://web-1.example/".to_owned()),
        ];
        let key = pki.provider.create(&format!("for-{}", config.name), KeyAlgorithm::EcP256).await;
        let key = key.unwrap();
        let public_key = pki.provider.public_key(&key).await.unwrap();
        let applicant = Applicant {
            public_key: public_key.clone(),
            names: if config.ocsp_nocheck { Vec::new() } else { names.to_vec() },
            common_name: Some("responder".to_owned()),
            lifetime: None,
        };
        let row = Row {
            id: config.name.parse().unwrap(),
            serial: pki.serial(),
            partition: 0,
            blocked: None,
        };
        let linted = profile.intend(row, &applicant, &issuing).unwrap().lint().unwrap();
        let request = linted.request(AttemptPurpose::Certificate, None);
        let message = ToSign::Message(linted.bytes());
        let made = pki.signer.ask_and_sign(request, message).await.unwrap();
        let issued = linted.issue(&made).unwrap().certificate;
        certificate(&config.name, &issued);
        if config.ocsp_nocheck {
            let id = pki.issuer.id().clone();
            let delegate = SigningAuthority::new(id, issued, key, &public_key).unwrap();
            answers(&folder, &pki, &Responder::new(pki.issuer.clone(), delegate).unwrap()).await;
        }
    }
    let plan = ListPlan {
        uri: pki.locations.crl(pki.issuer.id(), 0),
        number: CrlNumber::from_u64(7),
        this_update: NOW,
        next_update: plus_days(7),
    };
    let entry = |n: u8| RevokedEntry {
        serial: Serial::from_random([n; 16]),
        revoked_at: NOW,
        reason: Some(Reason::KeyCompromise),
        invalidity_date: Some(NOW),
    };
    let list = small_list(pki.issuer.identity(), &plan, (1..4).map(entry)).unwrap();
    let der = list.sign(&pki.signer, AttemptPurpose::Crl, plan.subject(), None).await.unwrap();
    crl("the issuer's list", &der);
}

async fn answers(folder: &Path, pki: &Fixture, responder: &Responder) {
    let issuer = pki.issuer.certificate();
    let serial = pki.serial();
    let id = CertId::new(HashAlgorithm::Sha1, issuer.subject(), issuer.public_key(), &serial);
    let request = OcspRequest::new(vec![id.unwrap()], None);
    for status in [CertStatus::Good, CertStatus::NEVER_ISSUED] {
        let answer = responder.answer(&request, &[status], NOW).unwrap();
        let der = answer.sign(&pki.signer).await.unwrap();
        lint(folder, "lint_ocsp_response", &[], "an answer", &der);
    }
}
