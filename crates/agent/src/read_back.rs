//! CRLs as this host sees them: those in the package, and those at the distribution points.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Client;
use skink_api::agent::CrlRead;
use skink_model::Time;
use skink_trust::{Digest, Held};
use skink_x509::Certificate;
use skink_x509::crl::Crl;

/// Most bytes of a list that is read back.
const LIMIT: usize = 64 << 20;

/// Where the root's lists are: small ones, which travel to the server as they are, so that a server
/// which was restored from a backup knows what the root has said since.
const OF_ROOT: &str = "/crl/root/";

/// The CRLs in the package that is held, as they are reported.
pub fn held(held: &Held, at: Time) -> Vec<CrlRead> {
    held.crls().iter().map(|crl| read(&crl.scope, &crl.crl, at)).collect()
}

/// The distribution points of the trusted authorities and of `leaves`, once each.
pub(crate) fn points(held: &Held, leaves: &[Certificate]) -> BTreeSet<String> {
    let authorities = held.authorities().iter().map(|authority| &authority.certificate);
    authorities.chain(leaves).flat_map(Certificate::crl_distribution_points).collect()
}

/// Fetches the list at `uri`; none unless it can be had, is signed by one of the authorities that
/// are held, and is in force.
pub(crate) async fn fetch(client: &Client, uri: &str, held: &Held, now: Time) -> Option<CrlRead> {
    let scope = uri.split_once("://")?.1;
    let scope = &scope[scope.find('/')?..];
    let mut response = client.get(uri).send().await.ok()?.error_for_status().ok()?;
    let mut der = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if der.len() + chunk.len() > LIMIT {
            return None;
        }
        der.extend_from_slice(&chunk);
    }
    let crl = Crl::from_der(&der).ok()?;
    let issuers = held.authorities().iter().map(|authority| &authority.certificate);
    let signed = issuers.chain(held.roots()).any(|issuer| {
        issuer.subject() == crl.issuer() && crl.verify_signed_by(issuer.public_key()).is_ok()
    });
    let in_force = crl.next_update().is_some_and(|due| due > now);
    (signed && in_force).then(|| read(scope, &crl, now))
}

/// A client for plain HTTP: a CRL must not need a CRL.
pub(crate) fn client() -> Option<Client> {
    Client::builder()
        .tls_backend_preconfigured(no_tls()?)
        .timeout(Duration::from_secs(10))
        .no_proxy()
        .pool_max_idle_per_host(1)
        .build()
        .ok()
}

/// The library wants some TLS configuration; nothing that it verifies would be trusted.
fn no_tls() -> Option<rustls::ClientConfig> {
    let builder = rustls::ClientConfig::builder_with_provider(skink_deploy::tls::provider());
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    Some(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

fn read(scope: &str, crl: &Crl, at: Time) -> CrlRead {
    CrlRead {
        scope: scope.to_owned(),
        number: crl.number().map(ToString::to_string).unwrap_or_default(),
        digest: Digest::of(crl.der()).to_string(),
        at_ms: at.as_millis(),
        der: scope.starts_with(OF_ROOT).then(|| STANDARD.encode(crl.der())),
    }
}
