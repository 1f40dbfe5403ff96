use std::io;

use rustls::{AlertDescription, CertificateError, Error};
use skink_x509::{Certificate, Fingerprint};

/// What came of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// A full handshake, and data came back.
    Accepted {
        /// The chain that the other side presented, leaf first, if it presented one.
        presented: Presented,
    },
    /// The relying party refused the certificate, and said so.
    CertificateRefused {
        /// The alert, or the error, in its own words.
        reason: String,
    },
    /// Nobody answered. It proves nothing.
    Unreachable {
        /// Why.
        reason: String,
    },
    /// Something else went wrong. It proves nothing either.
    Failed {
        /// What.
        reason: String,
    },
}

/// The chain that a peer presented.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presented(pub Vec<Certificate>);

impl Presented {
    /// SHA-256 of the leaf.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.0.first().map(Certificate::fingerprint)
    }
}

impl Outcome {
    /// Accepted, by somebody who does not tell by which certificate.
    pub fn accepted() -> Self {
        Self::Accepted { presented: Presented::default() }
    }

    /// Whether the certificate was accepted.
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }

    /// The reason of a refusal that counts as one.
    pub fn refusal(&self) -> Option<&str> {
        match self {
            Self::CertificateRefused { reason } => Some(reason),
            _ => None,
        }
    }

    /// Tells a refusal of the certificate from other failures by an error of the TLS stream.
    pub fn of_error(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::AlertReceived(alert)) => Self::of_alert(*alert),
            Some(Error::InvalidCertificate(error)) => {
                Self::CertificateRefused { reason: words_of(error) }
            }
            Some(other) => Self::Failed { reason: other.to_string() },
            None => Self::Failed { reason: error.to_string() },
        }
    }

    fn of_alert(alert: AlertDescription) -> Self {
        use AlertDescription as Alert;
        let reason = format!("alert {}", snake(&format!("{alert:?}")));
        match alert {
            Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError
            | Alert::CertificateRequired => Self::CertificateRefused { reason },
            _ => Self::Failed { reason },
        }
    }

    /// Reads the last words of a command line client that failed: OpenSSL's and curl's.
    pub fn of_refusal_text(text: &str) -> Self {
        const REFUSALS: [&str; 10] = [
            "certificate verify failed",
            "certificate revoked",
            "certificate has expired",
            "certificate problem",
            "unable to get local issuer",
            "unknown ca",
            "verification failed",
            "self-signed certificate",
            "verify error",
            "peer certificate",
        ];
        let low = text.to_lowercase();
        let reason = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if REFUSALS.iter().any(|words| low.contains(words)) {
            Self::CertificateRefused { reason }
        } else {
            Self::Failed { reason }
        }
    }
}

/// `CertificateRevoked` as TLS writes it, `certificate_revoked`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    let mut previous_lower = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && previous_lower {
            out.push('_');
        }
        previous_lower = letter.is_ascii_lowercase();
        out.push(letter.to_ascii_lowercase());
    }
    out
}

fn words_of(error: &CertificateError) -> String {
    format!("certificate {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(alert: AlertDescription) -> Outcome {
        Outcome::of_error(&io::Error::other(Error::AlertReceived(alert)))
    }

    #[test]
    fn only_a_word_about_the_certificate_is_a_refusal_of_it() {
        assert_eq!(
            alert(AlertDescription::CertificateRevoked).refusal(),
            Some("alert certificate_revoked")
        );
        assert_eq!(alert(AlertDescription::UnknownCA).refusal(), Some("alert unknown_ca"));
        assert_eq!(alert(AlertDescription::HandshakeFailure).refusal(), None);
        assert_eq!(alert(AlertDescription::InternalError).refusal(), None);
        let reset = Outcome::of_error(&io::Error::from(io::ErrorKind::ConnectionReset));
        assert!(matches!(reset, Outcome::Failed { .. }));
    }

    #[test]
    fn the_words_of_curl_and_openssl_are_understood() {
        let curl = "curl: (60) SSL certificate problem: certificate revoked";
        assert!(Outcome::of_refusal_text(curl).refusal().is_some());
        let down = "curl: (7) Failed to connect to 127.0.0.1 port 9";
        assert!(Outcome::of_refusal_text(down).refusal().is_none());
    }
}
