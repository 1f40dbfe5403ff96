//! Databases and directories.

use super::{Cause, Row, noted, row};

pub(super) const ROWS: &[Row] = &[
    row("could not load private key file…key values mismatch", Cause::KeyMismatch),
    row("could not load server certificate file", Cause::UnreadableFile),
    row("could not load root certificate file", Cause::UnreadableFile),
    row("private key file…has group or world access", Cause::FilePermission),
    row("private key file…must be owned by the database user or root", Cause::FilePermission),
    noted(
        "root certificate file…does not exist",
        Cause::NoTrustStore,
        "psql with sslmode=verify-full looks into ~/.postgresql/root.crt; sslrootcert=system takes the machine's store.",
    ),
    noted(
        "server certificate for…does not match host name",
        Cause::NameMismatch,
        "sslmode=verify-full compares names, verify-ca does not.",
    ),
    noted(
        "SSL error: certificate verify failed",
        Cause::UnknownIssuer,
        "libpq: sslrootcert names the root.",
    ),
    row("SSL error: tlsv1 alert unknown ca", Cause::PeerRefused),
    row("SSL error: tlsv13 alert certificate required", Cause::ClientCertificateRequired),
    noted(
        "server does not support SSL, but SSL was required",
        Cause::NotTls,
        "ssl = off in postgresql.conf, or the server found no certificate.",
    ),
    row("connection requires a valid client certificate", Cause::ClientCertificateRequired),
    noted(
        "certificate authentication failed for user",
        Cause::PeerRefused,
        "The common name (or the map in pg_ident.conf) does not match the user.",
    ),
    noted(
        "could not accept SSL connection",
        Cause::PeerRefused,
        "The words behind it are OpenSSL's: explain them too.",
    ),
    row("could not accept SSL connection: unsupported protocol", Cause::VersionMismatch),
    row("could not accept SSL connection: EOF detected", Cause::Closed),
    row("SSL connection error: error:00000000:lib(0)::reason(0)", Cause::Closed),
    row("SSL connection error: certificate verify failed", Cause::UnknownIssuer),
    row("SSL connection error: unable to get local issuer certificate", Cause::UnknownIssuer),
    row("SSL connection error: SSL is required but the server doesn't support it", Cause::NotTls),
    row("Certificate verification failure: The certificate is NOT trusted", Cause::UnknownIssuer),
    row("TLS: hostname does not match CN in peer certificate", Cause::NameMismatch),
    row("TLS: hostname does not match name in peer certificate", Cause::NameMismatch),
    noted(
        "TLS: peer cert untrusted or revoked",
        Cause::UnknownIssuer,
        "OpenLDAP: TLS_CACERT in ldap.conf names the root.",
    ),
    noted(
        "ldap_start_tls: Connect error (-11)…certificate verify failed",
        Cause::UnknownIssuer,
        "OpenLDAP: TLS_CACERT in ldap.conf names the root.",
    ),
    row("ldap_start_tls: Protocol error (2)", Cause::NotTls),
    noted(
        "main: TLS init def ctx failed",
        Cause::UnreadableFile,
        "slapd cannot use its certificate or key: permissions (AppArmor) and matching are the usual reasons.",
    ),
    row("SSLHandshakeFailed", Cause::UnknownIssuer),
];
