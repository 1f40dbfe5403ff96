//! TLS configurations made from what an agent installed: always new, with new session storage and
//! a new verifier object, so that nothing of an older trust lives on in them.

use std::collections::HashSet;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ServerSessionMemoryCache, StoresServerSessions};
use rustls::{ClientConfig, ServerConfig};
use skink_deploy::tls::{Identity, Trust, provider};
use skink_deploy::{EndpointFiles, Mechanism};
use skink_x509::crl::Crl;
use skink_x509::{Certificate, Time};

use super::client::Sessions;
use crate::DrillError;
use crate::options::Sabotage;

const REMEMBERED_SESSIONS: usize = 1024;

/// What an agent left in an endpoint's folder.
pub(crate) struct Installed {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    trust: Trust,
}

impl Clone for Installed {
    fn clone(&self) -> Self {
        let (chain, trust) = (self.chain.clone(), self.trust.clone());
        Self { chain, key: self.key.clone_key(), trust }
    }
}

impl Installed {
    /// Reads the files as they stand now.
    pub(crate) fn read(files: &EndpointFiles) -> Result<Self, DrillError> {
        let (chain, key) =
            Identity::load(files).map_err(|error| bad("an endpoint", &error))?.into_chain_and_key();
        let trust = Trust::load(files).map_err(|error| bad("an endpoint", &error))?;
        Ok(Self { chain, key, trust })
    }

    /// With one more anchor that is the endpoint's own affair.
    pub(crate) fn with_anchor(self, anchor: &Certificate) -> Self {
        let anchors = [self.trust.anchors(), std::slice::from_ref(anchor)].concat();
        let trust = Trust::new(
            self.trust.mechanism(),
            anchors,
            self.trust.crls().to_vec(),
            self.trust.denied().clone(),
        );
        Self { trust, ..self }
    }

    /// With `crl` in the place of the one its issuer published: somebody else wrote it to the
    /// distribution point.
    pub(crate) fn with_crl_replaced(self, crl: &Crl) -> Self {
        let mut crls = self.trust.crls().to_vec();
        crls.retain(|held| held.issuer() != crl.issuer());
        crls.push(crl.clone());
        self.with_crls(crls)
    }

    /// With a protection taken out; `before` is what was installed first.
    pub(crate) fn sabotaged(self, sabotage: Option<Sabotage>, before: Option<&Self>) -> Self {
        match (sabotage, before) {
            (Some(Sabotage::DenyList), _) => {
                let (anchors, crls) = (self.trust.anchors().to_vec(), self.trust.crls().to_vec());
                let trust = Trust::new(self.trust.mechanism(), anchors, crls, HashSet::new());
                Self { trust, ..self }
            }
            (Some(Sabotage::ParentCrl), Some(before)) => self.keeping_lists_of(before),
            _ => self,
        }
    }

    /// Keeps the lists of `before`, with those of this trust for scopes that it did not know.
    fn keeping_lists_of(self, before: &Self) -> Self {
        let same = |one: &Crl, other: &Crl| {
            one.issuer() == other.issuer()
                && one.issuing_distribution_point() == other.issuing_distribution_point()
        };
        let known = |new: &&Crl| !before.trust.crls().iter().any(|old| same(old, new));
        let unknown = self.trust.crls().iter().filter(known);
        let crls = before.trust.crls().iter().chain(unknown).cloned().collect();
        self.with_crls(crls)
    }

    fn with_crls(self, crls: Vec<Crl>) -> Self {
        let (anchors, denied) = (self.trust.anchors().to_vec(), self.trust.denied().clone());
        let trust = Trust::new(self.trust.mechanism(), anchors, crls, denied);
        Self { trust, ..self }
    }

    pub(crate) const fn mechanism(&self) -> Mechanism {
        self.trust.mechanism()
    }
}

/// A server's TLS as it is installed now.
pub(crate) struct ServerTls {
    config: Arc<ServerConfig>,
    verifier: Arc<dyn ClientCertVerifier>,
    sessions: Arc<dyn StoresServerSessions>,
}

impl ServerTls {
    /// A new configuration; `sessions` of an older one live on in it only under sabotage.
    pub(crate) fn new(
        installed: &Installed,
        sessions: Option<Arc<dyn StoresServerSessions>>,
    ) -> Result<Self, DrillError> {
        let verifier =
            installed.trust.client_verifier().map_err(|error| bad("a server", &error))?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_client_cert_verifier(Arc::clone(&verifier))
                    .with_single_cert(installed.chain.clone(), installed.key.clone_key())
            })
            .map_err(|error| bad("a server", &error))?;
        let sessions =
            sessions.unwrap_or_else(|| ServerSessionMemoryCache::new(REMEMBERED_SESSIONS));
        config.session_storage = Arc::clone(&sessions);
        Ok(Self { config: Arc::new(config), verifier, sessions })
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    pub(crate) fn sessions(&self) -> Arc<dyn StoresServerSessions> {
        Arc::clone(&self.sessions)
    }

    /// Whether a peer that was let in with this chain would be let in again.
    pub(crate) fn still_trusts(&self, chain: &[CertificateDer<'_>], now: Time) -> bool {
        let Some((leaf, rest)) = chain.split_first() else { return false };
        self.verifier.verify_client_cert(leaf, rest, unix(now)).is_ok()
    }
}

/// A client's TLS as it is installed now.
pub(crate) struct ClientTls {
    resuming: Arc<ClientConfig>,
    full: Arc<ClientConfig>,
    verifier: Arc<dyn ServerCertVerifier>,
    issuer_key_id: Option<Vec<u8>>,
}

impl ClientTls {
    pub(crate) fn new(installed: &Installed) -> Result<Self, DrillError> {
        let verifier =
            installed.trust.server_verifier().map_err(|error| bad("a client", &error))?;
        let config = |resumption: Resumption| {
            ClientConfig::builder_with_provider(provider())
                .with_safe_default_protocol_versions()
                .and_then(|builder| {
                    builder
                        .dangerous()
                        .with_custom_certificate_verifier(Arc::clone(&verifier))
                        .with_client_auth_cert(installed.chain.clone(), installed.key.clone_key())
                })
                .map(|mut config| {
                    config.resumption = resumption;
                    Arc::new(config)
                })
                .map_err(|error| bad("a client", &error))
        };
        let leaf = installed.chain.first().and_then(|leaf| Certificate::from_der(leaf).ok());
        Ok(Self {
            resuming: config(Resumption::in_memory_sessions(REMEMBERED_SESSIONS))?,
            full: config(Resumption::disabled())?,
            issuer_key_id: leaf.and_then(|leaf| leaf.authority_key_id().map(<[u8]>::to_vec)),
            verifier,
        })
    }

    pub(crate) fn config(&self, sessions: Sessions) -> Arc<ClientConfig> {
        Arc::clone(match sessions {
            Sessions::Full => &self.full,
            Sessions::Resume => &self.resuming,
        })
    }

    pub(crate) fn issuer_key_id(&self) -> Option<&[u8]> {
        self.issuer_key_id.as_deref()
    }

    /// Whether a server that was trusted with this chain would be trusted again.
    pub(crate) fn still_trusts(
        &self,
        chain: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        now: Time,
    ) -> bool {
        let Some((leaf, rest)) = chain.split_first() else { return false };
        self.verifier.verify_server_cert(leaf, rest, server, &[], unix(now)).is_ok()
    }
}

fn unix(time: Time) -> UnixTime {
    UnixTime::since_unix_epoch(time.since(Time::EPOCH))
}

fn bad(what: &str, reason: &dyn std::error::Error) -> DrillError {
    let reason = match reason.source() {
        Some(source) => format!("{reason}: {source}"),
        None => reason.to_string(),
    };
    DrillError::Tls { what: what.to_owned(), reason }
}
