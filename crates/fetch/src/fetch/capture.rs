//! Keeps what a server shows; concludes nothing from it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

/// All groups that the library has, the best one first.
pub(crate) fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = aws_lc_rs::ALL_KX_GROUPS.to_vec();
    provider.kx_groups.sort_by_key(|group| group.name() != rustls::NamedGroup::X25519MLKEM768);
    provider
}

/// What a server has shown so far, and what it gets when it asks.
#[derive(Debug)]
pub(crate) struct Capture {
    seen: Mutex<Seen>,
    identity: Option<Arc<CertifiedKey>>,
}

#[derive(Debug, Default)]
struct Seen {
    chain: Vec<Vec<u8>>,
    stapled: Option<Vec<u8>>,
    asked: Option<Vec<Vec<u8>>>,
}

impl Capture {
    pub(crate) fn new(identity: Option<CertifiedKey>) -> Arc<Self> {
        Arc::new(Self { seen: Mutex::default(), identity: identity.map(Arc::new) })
    }

    /// Chain and stapled response.
    pub(crate) fn seen(&self) -> (Vec<Vec<u8>>, Option<Vec<u8>>) {
        let seen = self.lock();
        (seen.chain.clone(), seen.stapled.clone())
    }

    pub(crate) fn saw_certificates(&self) -> bool {
        !self.lock().chain.is_empty()
    }

    /// The authorities by which the server wants its clients certified, if it asks at all.
    pub(crate) fn asked(&self) -> Option<Vec<Vec<u8>>> {
        self.lock().asked.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Nobody panics while holding it; what was seen counts in any case.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Capture {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        stapled: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(leaf).chain(others);
        let mut seen = self.lock();
        seen.chain = chain.map(|certificate| certificate.to_vec()).collect();
        seen.stapled = (!stapled.is_empty()).then(|| stapled.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    // A key that this library cannot verify with is no reason not to show the certificate.

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        use SignatureScheme as S;
        vec![
            S::ECDSA_NISTP256_SHA256,
            S::ECDSA_NISTP384_SHA384,
            S::ECDSA_NISTP521_SHA512,
            S::ED25519,
            S::ED448,
            S::RSA_PSS_SHA256,
            S::RSA_PSS_SHA384,
            S::RSA_PSS_SHA512,
            S::RSA_PKCS1_SHA256,
            S::RSA_PKCS1_SHA384,
            S::RSA_PKCS1_SHA512,
            S::ML_DSA_44,
            S::ML_DSA_65,
            S::ML_DSA_87,
            S::ECDSA_SHA1_Legacy,
            S::RSA_PKCS1_SHA1,
        ]
    }
}

impl ResolvesClientCert for Capture {
    fn resolve(&self, authorities: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.lock().asked = Some(authorities.iter().map(|name| name.to_vec()).collect());
        self.identity.clone()
    }

    fn has_certs(&self) -> bool {
        true
    }
}
