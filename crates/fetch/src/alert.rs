//! TLS alerts (RFC 8446 section 6, RFC 5246 section 7.2) in plain words.

use std::fmt;

/// An alert by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alert(pub u8);

/// Number, the standards' name, what it means when a server sends it.
const ALERTS: [(u8, &str, &str); 34] = [
    (0, "close_notify", "the server ended the connection in order"),
    (10, "unexpected_message", "the server did not expect this message at this point"),
    (
        20,
        "bad_record_mac",
        "a record did not decrypt: something between changed it, or two ends disagree about keys",
    ),
    (21, "decryption_failed", "a record did not decrypt"),
    (22, "record_overflow", "a record was too long"),
    (30, "decompression_failure", "a record could not be decompressed"),
    (
        40,
        "handshake_failure",
        "the two ends have no cipher, group or signature algorithm in common, or the server wants a client certificate that it did not get",
    ),
    (41, "no_certificate", "a certificate was asked for and none was sent (SSL 3)"),
    (42, "bad_certificate", "the server cannot use the certificate that the client sent"),
    (
        43,
        "unsupported_certificate",
        "the server does not take certificates of the kind that the client sent",
    ),
    (44, "certificate_revoked", "the certificate that the client sent is revoked"),
    (
        45,
        "certificate_expired",
        "the certificate that the client sent has expired or is not valid yet",
    ),
    (46, "certificate_unknown", "the server did not accept the certificate that the client sent"),
    (47, "illegal_parameter", "the server found a value in the handshake that may not stand there"),
    (
        48,
        "unknown_ca",
        "the server does not know the authority above the certificate that the client sent",
    ),
    (49, "access_denied", "the certificate is good and its owner may not come in"),
    (50, "decode_error", "the server could not read a message"),
    (51, "decrypt_error", "a signature or a check value in the handshake did not verify"),
    (60, "export_restriction", "an old rule about export forbade the parameters"),
    (
        70,
        "protocol_version",
        "the server does not speak any of the protocol versions that were offered",
    ),
    (71, "insufficient_security", "the server wants stronger ciphers than those that were offered"),
    (80, "internal_error", "the server failed for reasons of its own; its log knows more"),
    (
        86,
        "inappropriate_fallback",
        "the server speaks a newer version than the one that was offered",
    ),
    (90, "user_canceled", "the server gave up for reasons outside the protocol"),
    (100, "no_renegotiation", "the server does not negotiate anew"),
    (109, "missing_extension", "the server misses an extension that it needs"),
    (110, "unsupported_extension", "the server got an extension that it did not ask for"),
    (111, "certificate_unobtainable", "the server could not fetch the client's certificate"),
    (112, "unrecognized_name", "the server has nothing for the name that was asked for (SNI)"),
    (
        113,
        "bad_certificate_status_response",
        "the stapled answer about the certificate is not usable",
    ),
    (115, "unknown_psk_identity", "the server does not know the shared key that was named"),
    (116, "certificate_required", "the server wants a client certificate and did not get one"),
    (
        120,
        "no_application_protocol",
        "the server speaks none of the application protocols that were offered (ALPN)",
    ),
    (121, "ech_required", "the server wants the name in an encrypted client hello"),
];

impl Alert {
    pub(crate) const HANDSHAKE_FAILURE: Self = Self(40);
    pub(crate) const BAD_CERTIFICATE: Self = Self(42);
    pub(crate) const PROTOCOL_VERSION: Self = Self(70);
    pub(crate) const UNRECOGNIZED_NAME: Self = Self(112);
    pub(crate) const CERTIFICATE_REQUIRED: Self = Self(116);
    pub(crate) const NO_APPLICATION_PROTOCOL: Self = Self(120);

    /// The standards' name, as `handshake_failure`.
    pub fn name(self) -> &'static str {
        self.row().map_or("unknown_alert", |row| row.1)
    }

    /// What it means when a server sends it.
    pub fn meaning(self) -> &'static str {
        self.row().map_or("no standard says what this alert means", |row| row.2)
    }

    fn row(self) -> Option<&'static (u8, &'static str, &'static str)> {
        ALERTS.iter().find(|(number, ..)| *number == self.0)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name(), self.0, self.meaning())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_in_order_and_known_ones_explain_themselves() {
        assert!(ALERTS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(Alert(48).to_string().starts_with("unknown_ca (48): the server does not know"));
        assert_eq!(Alert(200).name(), "unknown_alert");
    }
}
