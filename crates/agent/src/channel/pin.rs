//! Which server an agent talks to.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use skink_deploy::tls::provider;
use skink_trust::{AuthorityKind, Held, HeldAuthority};
use skink_x509::{Certificate, Fingerprint, KeyDigest};

use super::ChannelError;

/// An enrolled agent's server: a chain to control is necessary and not sufficient, the key must be
/// in the trust package.
#[derive(Debug)]
pub(crate) struct PinnedKeys {
    chain: Arc<WebPkiServerVerifier>,
    keys: BTreeSet<KeyDigest>,
}

impl PinnedKeys {
    pub(crate) fn new(held: &Held) -> Result<Self, ChannelError> {
        let mut control = RootCertStore::empty();
        for authority in control_of(held) {
            let der = CertificateDer::from(authority.certificate.der().to_vec());
            control.add(der).map_err(ChannelError::Tls)?;
        }
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(control), provider())
            .build()
            .map_err(ChannelError::NoControl)?;
        Ok(Self { chain, keys: held.server_keys().clone() })
    }
}

/// The control authorities that are trusted.
pub(super) fn control_of(held: &Held) -> impl Iterator<Item = &HeldAuthority> {
    let control = |it: &&HeldAuthority| it.kind == AuthorityKind::Control && it.is_trusted();
    held.authorities().iter().filter(control)
}

/// A server that an agent has never met: its chain must end at the root whose fingerprint the
/// token carries. The server sends the root along, so that the fingerprint suffices.
#[derive(Debug)]
pub(crate) struct PinnedRoot {
    root: Fingerprint,
    met: Mutex<Option<KeyDigest>>,
}

impl PinnedRoot {
    pub(crate) fn new(root: Fingerprint) -> Self {
        Self { root, met: Mutex::new(None) }
    }

    /// The key of the server that answered last.
    pub(crate) fn met(&self) -> Option<KeyDigest> {
        *self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refuse(error: CertificateError) -> Error {
    Error::InvalidCertificate(error)
}

fn key_of(leaf: &CertificateDer<'_>) -> Result<KeyDigest, Error> {
    let leaf = Certificate::from_der(leaf).map_err(|_| refuse(CertificateError::BadEncoding))?;
    Ok(leaf.public_key().digest())
}

impl ServerCertVerifier for PinnedKeys {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        staple: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.chain.verify_server_cert(leaf, others, name, staple, now)?;
        if self.keys.contains(&key_of(leaf)?) {
            Ok(verified)
        } else {
            Err(refuse(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

impl ServerCertVerifier for PinnedRoot {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        staple: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let root = others.iter().find(|der| Fingerprint::of(der) == self.root);
        let root = root.ok_or_else(|| refuse(CertificateError::UnknownIssuer))?;
        let mut anchors = RootCertStore::empty();
        anchors.add(root.clone().into_owned())?;
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(anchors), provider())
            .build()
            .map_err(|_| refuse(CertificateError::UnknownIssuer))?;
        let verified = chain.verify_server_cert(leaf, others, name, staple, now)?;
        *self.met.lock().unwrap_or_else(PoisonError::into_inner) = Some(key_of(leaf)?);
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
