//! Python: ssl, requests, urllib3, pip, aiohttp.

use super::{Cause, Row, noted, row};

pub(super) const ROWS: &[Row] = &[
    noted(
        "CERTIFICATE_VERIFY_FAILED…unable to get local issuer certificate",
        Cause::UnknownIssuer,
        "requests and pip use certifi's roots, not the system's: REQUESTS_CA_BUNDLE, PIP_CERT; on macOS run Install Certificates.command.",
    ),
    row("CERTIFICATE_VERIFY_FAILED…certificate has expired", Cause::Expired),
    noted(
        "CERTIFICATE_VERIFY_FAILED…self-signed certificate in certificate chain",
        Cause::UntrustedRoot,
        "Often an inspecting proxy: set REQUESTS_CA_BUNDLE to a bundle that holds its root.",
    ),
    row(
        "CERTIFICATE_VERIFY_FAILED…self signed certificate in certificate chain",
        Cause::UntrustedRoot,
    ),
    row("CERTIFICATE_VERIFY_FAILED…self-signed certificate", Cause::SelfSigned),
    row("CERTIFICATE_VERIFY_FAILED…self signed certificate", Cause::SelfSigned),
    row("CERTIFICATE_VERIFY_FAILED…Hostname mismatch", Cause::NameMismatch),
    row("CERTIFICATE_VERIFY_FAILED…IP address mismatch", Cause::NameMismatch),
    row("CERTIFICATE_VERIFY_FAILED…certificate is not yet valid", Cause::NotYetValid),
    noted(
        "CERTIFICATE_VERIFY_FAILED…Missing Authority Key Identifier",
        Cause::NotAnAuthority,
        "Python 3.13 verifies strictly (VERIFY_X509_STRICT): certificates below the root need an authority key identifier.",
    ),
    noted(
        "CERTIFICATE_VERIFY_FAILED…Basic Constraints of CA cert not marked critical",
        Cause::NotAnAuthority,
        "Python 3.13 verifies strictly (VERIFY_X509_STRICT).",
    ),
    noted(
        "CERTIFICATE_VERIFY_FAILED…CA cert does not include key usage extension",
        Cause::NotAnAuthority,
        "Python 3.13 verifies strictly (VERIFY_X509_STRICT).",
    ),
    row("CERTIFICATE_VERIFY_FAILED", Cause::UnknownIssuer),
    noted(
        "SSL: WRONG_VERSION_NUMBER",
        Cause::NotTls,
        "With a proxy: HTTPS_PROXY=https://… where the proxy speaks plain http:// is the usual reason.",
    ),
    row("SSL: TLSV1_ALERT_PROTOCOL_VERSION", Cause::VersionMismatch),
    row("SSL: UNSUPPORTED_PROTOCOL", Cause::VersionMismatch),
    row("SSL: SSLV3_ALERT_HANDSHAKE_FAILURE", Cause::NoCommonCipher),
    row("SSL: DH_KEY_TOO_SMALL", Cause::WeakDh),
    row("SSL: EE_KEY_TOO_SMALL", Cause::WeakKey),
    row("SSL: CA_MD_TOO_WEAK", Cause::WeakDigest),
    row("SSL: KEY_VALUES_MISMATCH", Cause::KeyMismatch),
    row("SSL: UNSAFE_LEGACY_RENEGOTIATION_DISABLED", Cause::LegacyRenegotiation),
    row("SSL: UNEXPECTED_EOF_WHILE_READING", Cause::Closed),
    row("SSL: TLSV1_ALERT_UNKNOWN_CA", Cause::PeerRefused),
    row("SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED", Cause::ClientCertificateRequired),
    row("SSL: NO_START_LINE", Cause::UnreadableFile),
    row("SSLCertVerificationError", Cause::UnknownIssuer),
    row("hostname…doesn't match", Cause::NameMismatch),
    row("Could not find a suitable TLS CA certificate bundle", Cause::NoTrustStore),
];
