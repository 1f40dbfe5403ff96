//! Node.js, npm, yarn, Electron.

use super::{Cause, Row, noted, row};

pub(super) const ROWS: &[Row] = &[
    noted(
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        Cause::UnknownIssuer,
        "The server sent its own certificate without the intermediate; Node does not fetch it.",
    ),
    noted(
        "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
        Cause::UnknownIssuer,
        "Node has roots of its own: NODE_EXTRA_CA_CERTS=root.pem, or --use-system-ca; npm: cafile.",
    ),
    row("UNABLE_TO_GET_ISSUER_CERT", Cause::UnknownIssuer),
    noted(
        "SELF_SIGNED_CERT_IN_CHAIN",
        Cause::UntrustedRoot,
        "npm behind an inspecting proxy: npm config set cafile root.pem. Not strict-ssl=false.",
    ),
    row("DEPTH_ZERO_SELF_SIGNED_CERT", Cause::SelfSigned),
    row("CERT_HAS_EXPIRED", Cause::Expired),
    row("CERT_NOT_YET_VALID", Cause::NotYetValid),
    row("CERT_REVOKED", Cause::Revoked),
    row("CERT_UNTRUSTED", Cause::UntrustedRoot),
    row("CERT_SIGNATURE_FAILURE", Cause::BadSignature),
    row("UNABLE_TO_GET_CRL", Cause::RevocationUnknown),
    row("CRL_HAS_EXPIRED", Cause::RevocationUnknown),
    row("INVALID_PURPOSE", Cause::WrongPurpose),
    row("INVALID_CA", Cause::NotAnAuthority),
    row("PATH_LENGTH_EXCEEDED", Cause::NotAnAuthority),
    row("HOSTNAME_MISMATCH", Cause::NameMismatch),
    row("ERR_TLS_CERT_ALTNAME_INVALID", Cause::NameMismatch),
    row("Hostname/IP does not match certificate's altnames", Cause::NameMismatch),
    row("ERR_SSL_WRONG_VERSION_NUMBER", Cause::NotTls),
    row("ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", Cause::NoCommonCipher),
    row("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", Cause::PeerRefused),
    row("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", Cause::ClientCertificateRequired),
    row("ERR_OSSL_X509_KEY_VALUES_MISMATCH", Cause::KeyMismatch),
    row("ERR_OSSL_PEM_NO_START_LINE", Cause::UnreadableFile),
    noted(
        "ERR_OSSL_EVP_UNSUPPORTED",
        Cause::KeyLocked,
        "An old algorithm that OpenSSL 3 keeps in its legacy provider, often in a PKCS#12 file.",
    ),
    row("ERR_TLS_PROTOCOL_VERSION_CONFLICT", Cause::VersionMismatch),
    row(
        "Client network socket disconnected before secure TLS connection was established",
        Cause::Closed,
    ),
    row("EPROTO", Cause::NotTls),
    row("mac verify failure", Cause::KeyLocked),
];
