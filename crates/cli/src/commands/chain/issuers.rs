//! Issuers' certificates from where certificates say they are (RFC 5280 §4.2.2.1).

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use skink_chain::Judgement;
use skink_chain::input::{self, Piece};
use skink_x509::{Certificate, Plain};

use crate::Output;

/// The longest that one answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The largest answer that is read.
const LARGEST: usize = 1 << 20;
/// The most addresses that are asked for one chain.
const MOST: usize = 12;

/// What was fetched already.
#[derive(Default)]
pub(super) struct Fetched {
    asked: Vec<String>,
}

impl Fetched {
    /// What the next address that was not asked yet has; none when there is no such address.
    pub(super) async fn next(
        &mut self,
        judgement: &Judgement,
        out: Output,
    ) -> Result<Option<Vec<Piece>>> {
        let uris = judgement.path.iter().rev().flat_map(Certificate::ca_issuers_uris);
        let plain = uris.filter(|it| it.starts_with("http://"));
        for uri in plain {
            if self.asked.len() == MOST || self.asked.contains(uri) {
                continue;
            }
            self.asked.push(uri.clone());
            match get(uri).await {
                Ok(bytes) => {
                    let pieces = input::published(&bytes);
                    if !pieces.is_empty() {
                        out.say(&format!("fetched {}", Plain(uri)));
                        return Ok(Some(pieces));
                    }
                    out.say(&format!("no certificate is at {}", Plain(uri)));
                }
                Err(error) => out.say(&format!("cannot fetch {}: {error:#}", Plain(uri))),
            }
        }
        Ok(None)
    }
}

async fn get(uri: &str) -> Result<Vec<u8>> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(no_tls()?)
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::limited(3))
        .build()?;
    let mut answer = client.get(uri).send().await?.error_for_status()?;
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LARGEST {
            bail!("the answer is larger than {LARGEST} bytes");
        }
    }
    Ok(bytes)
}

/// Issuers are fetched over plain HTTP: a server that redirects to TLS trusts nobody here.
fn no_tls() -> Result<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("the TLS library")?;
    Ok(config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}
