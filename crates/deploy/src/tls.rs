//! rustls configurations from an endpoint's files: new ones at every call.
//!
//! `ServerConfig::clone` shares the session storage, and a client resumes across a verifier whose
//! insides changed but whose object is the same. So nothing here is updated in place: after an
//! install, build anew and drop the old configuration with every session in it.
//!
//! `anchor` and `parent-crl` use rustls' own verifiers as they come; only `deny` has one of ours.

mod deny;
mod load;

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

pub use deny::{DenyClientVerifier, DenyServerVerifier};
pub use load::{ConfigError, Identity, Trust};

use crate::{EndpointFiles, Mechanism};

const VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// Sessions that a server or a client remembers.
const SESSIONS: usize = 1024;

/// The one cryptography provider.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::LazyLock<Arc<CryptoProvider>> =
        std::sync::LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}

/// A server that demands client certificates, from the files as they stand now.
pub fn server_config(files: &EndpointFiles) -> Result<ServerConfig, ConfigError> {
    let (identity, trust) = (Identity::load(files)?, Trust::load(files)?);
    let verifier = trust.client_verifier()?;
    let (chain, key, staple) = identity.into_parts();
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(VERSIONS)
        .map_err(ConfigError::Rustls)?
        .with_client_cert_verifier(verifier)
        .with_single_cert_with_ocsp(chain, key, staple.unwrap_or_default())
        .map_err(ConfigError::Rustls)?;
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    Ok(config)
}

/// A client with a certificate, from the files as they stand now.
pub fn client_config(files: &EndpointFiles) -> Result<ClientConfig, ConfigError> {
    let (identity, trust) = (Identity::load(files)?, Trust::load(files)?);
    let verifier = trust.server_verifier()?;
    let (chain, key, _) = identity.into_parts();
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(VERSIONS)
        .map_err(ConfigError::Rustls)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(chain, key)
        .map_err(ConfigError::Rustls)?;
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(config)
}

impl Trust {
    /// A new verifier of clients.
    pub fn client_verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, ConfigError> {
        match self.mechanism() {
            Mechanism::Deny => Ok(Arc::new(DenyClientVerifier::new(self, provider()))),
            _ => self.webpki_client_verifier(),
        }
    }

    /// A new verifier of servers.
    pub fn server_verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
        match self.mechanism() {
            Mechanism::Deny => Ok(Arc::new(DenyServerVerifier::new(self, provider()))),
            _ => self.webpki_server_verifier(),
        }
    }

    fn webpki_client_verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, ConfigError> {
        let builder = WebPkiClientVerifier::builder_with_provider(self.root_store()?, provider());
        let builder = match self.mechanism() {
            Mechanism::ParentCrl => {
                builder.with_crls(self.crl_ders()).enforce_revocation_expiration()
            }
            _ => builder,
        };
        builder.build().map_err(ConfigError::Verifier)
    }

    fn webpki_server_verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, ConfigError> {
        let builder = WebPkiServerVerifier::builder_with_provider(self.root_store()?, provider());
        let builder = match self.mechanism() {
            Mechanism::ParentCrl => {
                builder.with_crls(self.crl_ders()).enforce_revocation_expiration()
            }
            _ => builder,
        };
        let verifier: Arc<dyn ServerCertVerifier> =
            builder.build().map_err(ConfigError::Verifier)?;
        Ok(verifier)
    }

    fn root_store(&self) -> Result<Arc<RootCertStore>, ConfigError> {
        let mut store = RootCertStore::empty();
        for anchor in self.anchors() {
            let der = CertificateDer::from(anchor.der().to_vec());
            store.add(der).map_err(ConfigError::Rustls)?;
        }
        Ok(Arc::new(store))
    }

    fn crl_ders(&self) -> impl Iterator<Item = CertificateRevocationListDer<'static>> {
        self.crls().iter().map(|crl| CertificateRevocationListDer::from(crl.der().to_vec()))
    }
}

#[cfg(test)]
mod tests;
