//! Verifiers that compare the keys of a path with a list of denied ones.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use skink_path::{Code, Options, PeerName, Purpose, Rejection, validate};
use skink_x509::{Certificate, Time};

use super::Trust;

/// Accepts clients by path validation with denied keys.
#[derive(Debug)]
pub struct DenyClientVerifier(Judge);

/// Accepts servers by path validation with denied keys.
#[derive(Debug)]
pub struct DenyServerVerifier(Judge);

#[derive(Debug)]
struct Judge {
    trust: Trust,
    hints: Vec<DistinguishedName>,
    provider: Arc<CryptoProvider>,
}

impl DenyClientVerifier {
    /// A verifier under that trust.
    pub fn new(trust: &Trust, provider: Arc<CryptoProvider>) -> Self {
        Self(Judge::new(trust, provider))
    }
}

impl DenyServerVerifier {
    /// A verifier under that trust.
    pub fn new(trust: &Trust, provider: Arc<CryptoProvider>) -> Self {
        Self(Judge::new(trust, provider))
    }
}

/// What TLS can say about a rejection. A denied key counts as revoked: it is the one alert that
/// tells the other side to look for another certificate rather than for a mistake.
fn reason(rejection: Rejection) -> CertificateError {
    let of = |code: Code| match code {
        Code::DeniedKey | Code::Revoked => Some(CertificateError::Revoked),
        Code::Expired => Some(CertificateError::Expired),
        Code::NotYetValid => Some(CertificateError::NotValidYet),
        Code::NameMismatch => Some(CertificateError::NotValidForName),
        Code::Purpose => Some(CertificateError::InvalidPurpose),
        Code::BadSignature => Some(CertificateError::BadSignature),
        Code::IssuerNotFound => Some(CertificateError::UnknownIssuer),
        _ => None,
    };
    rejection
        .findings()
        .first()
        .and_then(|finding| of(finding.code))
        .unwrap_or_else(|| CertificateError::Other(OtherError(Arc::new(rejection))))
}

fn time(now: UnixTime) -> Time {
    Time::from_secs(i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
}

fn peer_name(name: &ServerName<'_>) -> Result<PeerName, Error> {
    match name {
        ServerName::DnsName(dns) => Ok(PeerName::Dns(dns.as_ref().to_owned())),
        ServerName::IpAddress(ip) => Ok(PeerName::Ip((*ip).into())),
        _ => Err(Error::UnsupportedNameType),
    }
}

impl Judge {
    fn new(trust: &Trust, provider: Arc<CryptoProvider>) -> Self {
        let hint =
            |anchor: &Certificate| DistinguishedName::from(anchor.subject().to_der().to_vec());
        Self { hints: trust.anchors().iter().map(hint).collect(), trust: trust.clone(), provider }
    }

    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        options: Options<'_>,
    ) -> Result<(), Error> {
        let leaf = Certificate::from_der(leaf)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        // What cannot be read cannot help; another path may do without it.
        let others: Vec<Certificate> =
            others.iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
        let options = options.denying(self.trust.denied());
        validate(&leaf, &others, self.trust.anchors(), self.trust.crls(), &options)
            .map(drop)
            .map_err(|rejection| Error::InvalidCertificate(reason(rejection)))
    }

    fn tls12(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn tls13(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for DenyClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.0.hints
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.0.judge(leaf, others, Options::new(time(now), Purpose::Client))?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.tls12(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.tls13(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.schemes()
    }
}

impl ServerCertVerifier for DenyServerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let options = Options::new(time(now), Purpose::Server).named(peer_name(name)?);
        self.0.judge(leaf, others, options)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.tls12(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.tls13(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.schemes()
    }
}
