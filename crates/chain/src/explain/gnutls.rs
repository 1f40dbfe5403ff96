//! What is linked with GNU's library: wget and git on Debian, Exim.

use super::{Cause, Row, noted, row};

pub(super) const ROWS: &[Row] = &[
    row("The certificate issuer is unknown", Cause::UnknownIssuer),
    noted(
        "The certificate is NOT trusted",
        Cause::UnknownIssuer,
        "The sentences behind it say why.",
    ),
    row("The certificate chain uses expired certificate", Cause::Expired),
    row("The certificate chain uses not yet valid certificate", Cause::NotYetValid),
    row("The name in the certificate does not match the expected", Cause::NameMismatch),
    row("The certificate's owner does not match hostname", Cause::NameMismatch),
    row("The certificate chain is revoked", Cause::Revoked),
    row("The revocation or OCSP data are old and have been superseded", Cause::RevocationUnknown),
    row("The certificate chain uses insecure algorithm", Cause::WeakDigest),
    row("The certificate issuer is not a CA", Cause::NotAnAuthority),
    row("The signature in the certificate is invalid", Cause::BadSignature),
    row(
        "The certificate requires the server to include an OCSP status in its response",
        Cause::StaplingFailed,
    ),
    row("The certificate chain violates the signer's constraints", Cause::NameConstraint),
    row("Error in the certificate verification", Cause::UnknownIssuer),
    noted(
        "server certificate verification failed. CAfile:…CRLfile: none",
        Cause::UnknownIssuer,
        "git with GnuTLS: http.sslCAInfo names the root.",
    ),
    row("An unexpected TLS packet was received", Cause::NotTls),
    row("A TLS fatal alert has been received…Handshake failed", Cause::NoCommonCipher),
    row("A TLS fatal alert has been received…Certificate is bad", Cause::PeerRefused),
    row("A TLS fatal alert has been received…CA is unknown", Cause::PeerRefused),
    row(
        "A TLS fatal alert has been received…Certificate is required",
        Cause::ClientCertificateRequired,
    ),
    row("gnutls_handshake() failed: Handshake failed", Cause::NoCommonCipher),
    row("gnutls_handshake() failed: The TLS connection was non-properly terminated", Cause::Closed),
    row("The TLS connection was non-properly terminated", Cause::Closed),
    row("The Diffie-Hellman prime sent by the server is not acceptable", Cause::WeakDh),
    row("A packet with illegal or unsupported version was received", Cause::VersionMismatch),
    row("No certificate was found", Cause::ClientCertificateRequired),
    row("Error reading X.509 key or certificate file", Cause::UnreadableFile),
];
