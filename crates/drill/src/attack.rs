//! The thief's attacks, each against every relying party that it concerns.

use std::collections::BTreeMap;

use crate::fleet::Fleet;
use crate::report::Means;
use crate::thief::stolen::ThiefKind;

pub(crate) mod escrow;
pub(crate) mod handshake;
pub(crate) mod host;
pub(crate) mod lasting;
pub(crate) mod package;
pub(crate) mod sampler;
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

/// Attacks that are made while the incident runs, too: how long the thief gets in is measured by
/// them.
pub(crate) fn is_made_during(name: &str) -> bool {
    handshake::ALL.contains(&name) || lasting::ALL.contains(&name)
}

/// How many targets each attack concerns in this fleet.
pub(crate) fn expected(fleet: &Fleet) -> BTreeMap<&'static str, usize> {
    let parties = fleet.parties();
    let concerned = |name: &&'static str| {
        if handshake::ALL.contains(name) {
            parties.iter().filter(|party| handshake::concerns(name, party)).count()
        } else if is_made_during(name) || package::ALL.contains(name) || *name == package::HIJACKED
        {
            parties.len()
        } else {
            // The server itself, or the one host that is stolen.
            1
        }
    };
    NAMES.iter().map(|name| (*name, concerned(name))).collect()
}

/// What the thief makes an attack with; `thief` says how he has the issuing key.
pub(crate) fn means(name: &str, thief: ThiefKind) -> Means {
    let insider = [server::ONE_PERSON_TWICE, server::ISSUANCE];
    let public = [package::REPLAYED, package::ALTERED, package::WRONG_KEY];
    let trust_key =
        [package::EXPIRED, package::OTHER_DOMAIN, package::FORGETFUL, package::HIJACKED];
    if public.contains(&name) {
        Means::Public
    } else if trust_key.contains(&name) {
        Means::TrustKeyCopy
    } else if insider.contains(&name) || escrow::ALL.contains(&name) {
        Means::Insider
    } else if [host::ISSUANCE, host::UNDER_WAY].contains(&name) {
        Means::Host
    } else {
        match thief {
            ThiefKind::Copy => Means::KeyCopy,
            ThiefKind::Use => Means::KeyUse,
        }
    }
}

/// Whether the attack must have been accepted by every target before the incident.
pub(crate) fn bites_before(name: &str) -> bool {
    BITING.contains(&name)
}

#[cfg(test)]
mod tests;
