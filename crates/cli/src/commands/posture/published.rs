//! What the server publishes, read back as relying parties read it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use skink_api::{Authority, AuthorityState, Certificate as Row, Page};
use skink_model::Clock as _;
use skink_posture::{Fact, Publication, PublicationKind};
use skink_x509::Certificate;
use skink_x509::crl::Crl;
use skink_x509::ocsp::{BasicResponse, CertId, HashAlgorithm, OcspRequest, OcspResponse};

use crate::MachineClock;
use crate::api::Api;

const TIMEOUT: Duration = Duration::from_secs(15);
/// A final CRL of a million entries has 40 MB.
const LARGEST: usize = 128 << 20;

/// Every list and one OCSP answer of each authority that is in use.
pub(super) async fn collect(
    api: &Api,
    authorities: &[Authority],
    certificates: &HashMap<String, Certificate>,
) -> Fact<Vec<Publication>> {
    let http = match client() {
        Ok(http) => http,
        Err(error) => return Fact::unknown(format!("nothing can be fetched: {error}")),
    };
    let mut reading = Reading { http, seen: HashSet::new(), found: Vec::new() };
    let in_use =
        |one: &&Authority| matches!(one.state, AuthorityState::Active | AuthorityState::Prepared);
    for one in authorities.iter().filter(in_use) {
        let Some(own) = certificates.get(&one.id) else { continue };
        let parent = one.parent.as_ref().and_then(|id| Some((id, certificates.get(id)?)));
        if let Some((id, parent)) = parent {
            let by_root = authorities.iter().any(|it| it.id == *id && it.parent.is_none());
            reading.lists(id, by_root, own, parent).await;
        }
        if own.is_ca() && one.state == AuthorityState::Active && one.parent.is_some() {
            reading.below(api, one, own).await;
        }
    }
    Fact::Known(reading.found)
}

struct Reading {
    http: reqwest::Client,
    seen: HashSet<String>,
    found: Vec<Publication>,
}

impl Reading {
    /// The lists that `certificate`, signed by `issuer`, names.
    async fn lists(
        &mut self,
        id: &str,
        by_root: bool,
        certificate: &Certificate,
        issuer: &Certificate,
    ) {
        for uri in certificate.crl_distribution_points() {
            if !self.seen.insert(uri.clone()) {
                continue;
            }
            let mut told = unread(PublicationKind::Crl, &uri, id, by_root);
            match self.fetch(self.http.get(&uri)).await {
                Ok(Ok(bytes)) => list(&mut told, &bytes, issuer),
                Ok(Err(wrong)) => told.sound = Fact::Known(Err(wrong)),
                Err(why) => told.sound = Fact::Unknown(why),
            }
            self.found.push(told);
        }
    }

    /// What a certificate of the authority names: its own list, and its responder.
    async fn below(&mut self, api: &Api, one: &Authority, own: &Certificate) {
        let sample = match sample(api, &one.id).await {
            Ok(sample) => sample,
            Err(why) => {
                let mut told = unread(
                    PublicationKind::Crl,
                    &format!("the list of {}", one.id),
                    &one.id,
                    false,
                );
                told.sound = Fact::Unknown(why);
                self.found.push(told);
                return;
            }
        };
        self.lists(&one.id, false, &sample, own).await;
        for uri in sample.ocsp_uris() {
            if !self.seen.insert(uri.clone()) {
                continue;
            }
            let mut told = unread(PublicationKind::Ocsp, uri, &one.id, false);
            self.answer(&mut told, uri, &sample, own).await;
            self.found.push(told);
        }
    }

    async fn answer(
        &self,
        told: &mut Publication,
        uri: &str,
        about: &Certificate,
        issuer: &Certificate,
    ) {
        let question = CertId::of(HashAlgorithm::Sha1, about, issuer)
            .and_then(|id| OcspRequest::new(vec![id], None).to_der());
        let question = match question {
            Ok(question) => question,
            Err(error) => {
                told.sound = Fact::unknown(error.to_string());
                return;
            }
        };
        let asked = self.http.post(uri).header("content-type", "application/ocsp-request");
        told.sound = match self.fetch(asked.body(question)).await {
            Err(why) => Fact::Unknown(why),
            Ok(Err(wrong)) => Fact::Known(Err(wrong)),
            Ok(Ok(bytes)) => Fact::Known(judged(told, &bytes, about, issuer)),
        };
    }

    /// The answer's bytes, or what is wrong with it; an error where nobody answered.
    async fn fetch(
        &self,
        asked: reqwest::RequestBuilder,
    ) -> Result<Result<Vec<u8>, String>, String> {
        let unread = |error: reqwest::Error| format!("not reached: {}", said(&error));
        let mut answer = asked.send().await.map_err(unread)?;
        if !answer.status().is_success() {
            return Ok(Err(format!("the answer is {}", answer.status())));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unread)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LARGEST {
                return Ok(Err("the answer has no end".to_owned()));
            }
        }
        Ok(Ok(bytes))
    }
}

fn unread(kind: PublicationKind, uri: &str, authority: &str, by_root: bool) -> Publication {
    let why = "it was not read";
    Publication {
        kind,
        name: uri.to_owned(),
        authority: authority.to_owned(),
        by_root,
        sound: Fact::unknown(why),
        this_update: Fact::unknown(why),
        next_update: Fact::unknown(why),
    }
}

fn list(told: &mut Publication, bytes: &[u8], issuer: &Certificate) {
    let crl = match Crl::from_der(bytes) {
        Ok(crl) => crl,
        Err(error) => {
            told.sound = Fact::Known(Err(format!("it is no CRL: {error}")));
            return;
        }
    };
    told.this_update = Fact::Known(crl.this_update());
    told.next_update = Fact::Known(crl.next_update());
    told.sound = Fact::Known(if crl.issuer() != issuer.subject() {
        Err("it is another authority's".to_owned())
    } else if crl.verify_signed_by(issuer.public_key()).is_err() {
        Err("its signature is not the authority's".to_owned())
    } else {
        Ok(())
    });
}

fn judged(
    told: &mut Publication,
    bytes: &[u8],
    about: &Certificate,
    issuer: &Certificate,
) -> Result<(), String> {
    let response = OcspResponse::from_der(bytes).map_err(|error| error.to_string())?;
    let basic: &BasicResponse = response
        .basic
        .as_ref()
        .ok_or_else(|| format!("the responder says {:?}", response.status))?;
    basic.verify(issuer, MachineClock.now()).map_err(|error| error.to_string())?;
    let answer = basic.find_certificate(about, issuer).ok_or("the answer is about another one")?;
    told.this_update = Fact::Known(answer.this_update);
    told.next_update = Fact::Known(answer.next_update);
    Ok(())
}

/// A certificate of the authority's that is valid; there is always the canary.
async fn sample(api: &Api, authority: &str) -> Result<Certificate, String> {
    let query = [("authority", Some(authority.to_owned())), ("limit", Some("100".to_owned()))];
    let unread = |error: anyhow::Error| format!("no certificate of it could be read: {error:#}");
    let page: Page<Row> = api.get("/api/v1/certificates", &query).await.map_err(unread)?;
    let valid = page.items.iter().find(|row| row.state == "issued");
    let row = valid.ok_or("it has issued none that names its list")?;
    let path = format!("/api/v1/certificates/{}", row.id);
    let row: Row = api.get(&path, &[]).await.map_err(unread)?;
    let pem = row.certificate_pem.ok_or("the server does not show the certificate")?;
    Certificate::from_pem(&pem).map_err(|error| error.to_string())
}

/// Lists are fetched over plain HTTP: a server that redirects to TLS trusts nobody here.
fn client() -> anyhow::Result<reqwest::Client> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let http = reqwest::Client::builder().tls_backend_preconfigured(tls).timeout(TIMEOUT);
    Ok(http.redirect(reqwest::redirect::Policy::limited(3)).build()?)
}

fn said(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(below) = cause {
        text = below.to_string();
        cause = below.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}
