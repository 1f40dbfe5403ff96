//! curl, and git and wget beside it.

use super::{Cause, Row, noted, row};

pub(super) const ROWS: &[Row] = &[
    row("SSL certificate problem: unable to get local issuer certificate", Cause::UnknownIssuer),
    row("SSL certificate problem: certificate has expired", Cause::Expired),
    row(
        "SSL certificate problem: self-signed certificate in certificate chain",
        Cause::UntrustedRoot,
    ),
    row(
        "SSL certificate problem: self signed certificate in certificate chain",
        Cause::UntrustedRoot,
    ),
    row("SSL certificate problem: self-signed certificate", Cause::SelfSigned),
    row("SSL certificate problem: certificate is not yet valid", Cause::NotYetValid),
    row(
        "SSL: no alternative certificate subject name matches target host name",
        Cause::NameMismatch,
    ),
    row("no alternative certificate subject name matches target ipv4 address", Cause::NameMismatch),
    row("SSL: certificate subject name…does not match target host name", Cause::NameMismatch),
    noted(
        "curl: (60)",
        Cause::UnknownIssuer,
        "Error 60: the peer's certificate cannot be verified. The line before says why.",
    ),
    noted(
        "curl: (35)",
        Cause::NoCommonCipher,
        "Error 35: the handshake failed; the words behind it say how.",
    ),
    row("curl: (51)", Cause::NameMismatch),
    row("curl: (56)…alert", Cause::PeerRefused),
    noted(
        "curl: (58)",
        Cause::KeyLocked,
        "Error 58: the client's own certificate or key cannot be used.",
    ),
    row("could not load PEM client certificate", Cause::UnreadableFile),
    row("unable to set private key file", Cause::KeyMismatch),
    noted(
        "curl: (77)",
        Cause::NoTrustStore,
        "Error 77: the file or folder of roots cannot be read.",
    ),
    row("error setting certificate verify locations", Cause::NoTrustStore),
    row("error setting certificate file", Cause::NoTrustStore),
    noted("curl: (82)", Cause::RevocationUnknown, "Error 82: the CRL file cannot be used."),
    row("curl: (83)", Cause::RevocationUnknown),
    noted("curl: (90)", Cause::Pinned, "Error 90: the public key is not the pinned one."),
    noted("curl: (91)", Cause::StaplingFailed, "Error 91: --cert-status wants a stapled response."),
    row("No OCSP response received", Cause::StaplingFailed),
    row("curl: (98)", Cause::ClientCertificateRequired),
    noted(
        "server certificate verification failed. CAfile",
        Cause::UnknownIssuer,
        "git: GIT_SSL_CAINFO or http.sslCAInfo names the root.",
    ),
    noted(
        "Unable to locally verify the issuer's authority",
        Cause::UnknownIssuer,
        "wget: --ca-certificate names the root.",
    ),
    noted(
        "ERROR: cannot verify…certificate, issued by",
        Cause::UnknownIssuer,
        "wget: --ca-certificate names the root.",
    ),
    row("ERROR: no certificate subject alternative name matches", Cause::NameMismatch),
];
