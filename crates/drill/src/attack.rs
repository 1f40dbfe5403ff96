//! The thief's attacks, each against every relying party that it concerns.

pub(crate) mod escrow;
pub(crate) mod handshake;
pub(crate) mod host;
pub(crate) mod lasting;
pub(crate) mod package;
pub(crate) mod scoreboard;
pub(crate) mod server;

/// Every attack of a drilled theft.
pub(crate) const NAMES: &[&str] = &[
    handshake::ROGUE_SERVER,
    handshake::ROGUE_CLIENT,
    handshake::BACK_DATED,
    handshake::TWIN,
    handshake::SUB_AUTHORITY,
    handshake::CROSS_CERTIFICATE,
    handshake::EMPTY_CRL,
    handshake::STAPLED_OCSP,
    lasting::RESUMED_SESSION,
    lasting::OPEN_CONNECTION,
    server::AGENTS_CHANNEL,
    server::OPERATORS_API,
    server::ONE_PERSON_TWICE,
    server::ISSUANCE,
    host::ISSUANCE,
    host::UNDER_WAY,
    package::REPLAYED,
    package::ALTERED,
    package::EXPIRED,
    package::WRONG_KEY,
    package::OTHER_DOMAIN,
    package::FAST_FORWARD,
    package::FORGETFUL,
    package::HIJACKED,
    escrow::STALE,
    escrow::ALTERED,
    escrow::SMALLER,
    escrow::SECOND,
    escrow::REPLAYED,
];

/// Attacks that succeed as long as the stolen authority is trusted: had they not been accepted
/// before, their refusal afterwards would prove nothing.
const BITING: &[&str] = &[
    handshake::ROGUE_SERVER,
    handshake::ROGUE_CLIENT,
    handshake::BACK_DATED,
    handshake::TWIN,
    handshake::CROSS_CERTIFICATE,
    handshake::EMPTY_CRL,
    handshake::STAPLED_OCSP,
    lasting::RESUMED_SESSION,
    lasting::OPEN_CONNECTION,
    host::ISSUANCE,
    host::UNDER_WAY,
];

/// Whether the attack must have been accepted by every target before the incident.
pub(crate) fn bites_before(name: &str) -> bool {
    BITING.contains(&name)
}

#[cfg(test)]
mod tests;
