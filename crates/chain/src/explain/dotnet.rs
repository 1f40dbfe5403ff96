//! .NET, PowerShell, Schannel, IIS.

use super::{Cause, Row, noted, row};

pub(super) const ROWS: &[Row] = &[
    noted(
        "The remote certificate is invalid according to the validation procedure",
        Cause::UnknownIssuer,
        "RemoteCertificateNameMismatch, RemoteCertificateChainErrors or RemoteCertificateNotAvailable in the inner exception says which.",
    ),
    row(
        "The remote certificate is invalid because of errors in the certificate chain: PartialChain",
        Cause::UnknownIssuer,
    ),
    row(
        "The remote certificate is invalid because of errors in the certificate chain: UntrustedRoot",
        Cause::UntrustedRoot,
    ),
    row(
        "The remote certificate is invalid because of errors in the certificate chain: NotTimeValid",
        Cause::Expired,
    ),
    row(
        "The remote certificate is invalid because of errors in the certificate chain: RevocationStatusUnknown",
        Cause::RevocationUnknown,
    ),
    row(
        "The remote certificate is invalid because of errors in the certificate chain: Revoked",
        Cause::Revoked,
    ),
    row(
        "The remote certificate was rejected by the provided RemoteCertificateValidationCallback",
        Cause::Pinned,
    ),
    row("RemoteCertificateNameMismatch", Cause::NameMismatch),
    row("RemoteCertificateChainErrors", Cause::UnknownIssuer),
    row("RemoteCertificateNotAvailable", Cause::ClientCertificateRequired),
    row(
        "Could not establish trust relationship for the SSL/TLS secure channel",
        Cause::UnknownIssuer,
    ),
    row(
        "A certificate chain processed, but terminated in a root certificate which is not trusted",
        Cause::UntrustedRoot,
    ),
    row("A certificate chain could not be built to a trusted root authority", Cause::UnknownIssuer),
    noted(
        "The certificate chain was issued by an authority that is not trusted",
        Cause::UntrustedRoot,
        "SQL Server: Encrypt=true became the default; install the root rather than TrustServerCertificate=true.",
    ),
    row("CERT_E_UNTRUSTEDROOT", Cause::UntrustedRoot),
    row("CERT_E_CHAINING", Cause::UnknownIssuer),
    row("CERT_E_EXPIRED", Cause::Expired),
    row("CERT_E_CN_NO_MATCH", Cause::NameMismatch),
    row("CERT_E_WRONG_USAGE", Cause::WrongPurpose),
    row("CRYPT_E_REVOKED", Cause::Revoked),
    noted(
        "CRYPT_E_NO_REVOCATION_CHECK",
        Cause::RevocationUnknown,
        "curl on Windows: --ssl-revoke-best-effort.",
    ),
    row("CRYPT_E_REVOCATION_OFFLINE", Cause::RevocationUnknown),
    row("SEC_E_UNTRUSTED_ROOT", Cause::UntrustedRoot),
    row("SEC_E_WRONG_PRINCIPAL", Cause::NameMismatch),
    row("SEC_E_CERT_EXPIRED", Cause::Expired),
    row("SEC_E_ILLEGAL_MESSAGE", Cause::NoCommonCipher),
    row("SEC_E_INVALID_TOKEN", Cause::NotTls),
    row("SEC_E_ALGORITHM_MISMATCH", Cause::NoCommonCipher),
    noted(
        "Could not create SSL/TLS secure channel",
        Cause::VersionMismatch,
        "Old .NET Framework speaks TLS 1.0 unless told: SystemDefaultTlsVersions, SchUseStrongCrypto.",
    ),
    row(
        "The client and server cannot communicate, because they do not possess a common algorithm",
        Cause::NoCommonCipher,
    ),
    row("Cannot determine the frame size or a corrupted frame was received", Cause::NotTls),
    row("Received an unexpected EOF or 0 bytes from the transport stream", Cause::Closed),
    row(
        "Authentication failed because the remote party has closed the transport stream",
        Cause::Closed,
    ),
    noted(
        "The credentials supplied to the package were not recognized",
        Cause::FilePermission,
        "The service's account may not read the private key: certlm.msc, Manage Private Keys.",
    ),
    row("Keyset does not exist", Cause::FilePermission),
    row("The specified network password is not correct", Cause::KeyLocked),
    row("The target principal name is incorrect", Cause::NameMismatch),
];
