//! What became of one connection, told apart by who refused and why.

use std::io;

use rustls::AlertDescription;

/// The end of one attempt to connect and exchange data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Data was exchanged.
    Accepted { resumed: bool },
    /// The relying party refused the certificate and said so.
    CertificateRefused(String),
    /// Anything else: no proof of anything.
    Failed(String),
}

impl Outcome {
    pub(crate) const fn accepted(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }

    pub(crate) const fn refused(&self) -> bool {
        matches!(self, Self::CertificateRefused(_))
    }

    /// Tells a certificate refusal from every other failure of `what`.
    pub(crate) fn from_error(what: &str, error: &io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            Some(rustls::Error::InvalidCertificate(reason)) => {
                Self::CertificateRefused(format!("{what}: {reason:?}"))
            }
            Some(rustls::Error::AlertReceived(alert)) if is_certificate_alert(*alert) => {
                Self::CertificateRefused(format!("{what}: alert {alert:?}"))
            }
            _ => Self::Failed(format!("{what}: {error}")),
        }
    }
}

/// The alerts of RFC 8446 §6.2 that speak of the peer's certificate.
const fn is_certificate_alert(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(error: rustls::Error) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }

    #[test]
    fn only_certificate_reasons_count_as_refusals() {
        let revoked = tls(rustls::Error::AlertReceived(AlertDescription::CertificateRevoked));
        assert!(Outcome::from_error("read", &revoked).refused());
        let unknown =
            tls(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer));
        assert!(Outcome::from_error("handshake", &unknown).refused());
        let other = tls(rustls::Error::AlertReceived(AlertDescription::HandshakeFailure));
        assert!(!Outcome::from_error("handshake", &other).refused());
        assert!(
            !Outcome::from_error("connect", &io::ErrorKind::ConnectionRefused.into()).refused()
        );
    }
}
