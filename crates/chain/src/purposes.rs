//! Extended key usages by name.

use skink_x509::{ObjectIdentifier, oid};

/// The name that people know, or the identifier itself.
pub(crate) fn name(id: ObjectIdentifier) -> String {
    match id {
        oid::SERVER_AUTH => "server",
        oid::CLIENT_AUTH => "client",
        oid::CODE_SIGNING => "code signing",
        oid::EMAIL_PROTECTION => "mail",
        oid::TIME_STAMPING => "time stamping",
        oid::OCSP_SIGNING => "OCSP signing",
        oid::ANY_EXTENDED_KEY_USAGE => "any",
        oid::SKINK_TRUST => "Skink trust packages",
        other => return other.to_string(),
    }
    .to_owned()
}
