//! Attacks by a fresh handshake with forged certificates.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use skink_model::Mechanism;

use super::scoreboard::{Attempt, Phase};
use crate::DrillError;
use crate::battlefield::Battlefield;
use crate::clock::now;
use crate::fleet::client::Sessions;
use crate::fleet::{Party, Side};
use crate::outcome::Outcome;
use crate::thief::forge::{Identity, Likeness};
use crate::thief::tls::{RogueClient, RogueServer};

pub(crate) const ROGUE_SERVER: &str = "rogue-server-certificate";
pub(crate) const ROGUE_CLIENT: &str = "rogue-client-certificate";
pub(crate) const BACK_DATED: &str = "back-dated-certificate";
pub(crate) const TWIN: &str = "twin-of-a-legitimate-certificate";
pub(crate) const SUB_AUTHORITY: &str = "sub-authority-under-path-length-0";
pub(crate) const CROSS_CERTIFICATE: &str = "cross-certificate-with-compressed-point";
pub(crate) const EMPTY_CRL: &str = "empty-crl-numbered-2-150";
pub(crate) const STAPLED_OCSP: &str = "forged-ocsp-stapled";

/// The attacks of this file.
pub(crate) const ALL: &[&str] = &[
    ROGUE_SERVER,
    ROGUE_CLIENT,
    BACK_DATED,
    TWIN,
    SUB_AUTHORITY,
    CROSS_CERTIFICATE,
    EMPTY_CRL,
    STAPLED_OCSP,
];

const AT_ONCE: usize = 8;
const BACK_DATED_BY: Duration = Duration::from_hours(480);

/// Whether the attack concerns the relying party.
pub(crate) fn concerns(name: &str, party: &Party) -> bool {
    match name {
        ROGUE_SERVER | STAPLED_OCSP => matches!(party.side, Side::Client(_)),
        ROGUE_CLIENT => matches!(party.side, Side::Server(_)),
        // Only these parties have the partner's root as a second anchor.
        CROSS_CERTIFICATE => party.mechanism == Mechanism::Deny,
        // Only these parties read CRLs.
        EMPTY_CRL => party.mechanism == Mechanism::ParentCrl,
        _ => true,
    }
}

/// Makes the attack on every party that it concerns.
pub(crate) async fn strike_all(
    name: &'static str,
    phase: Phase,
    field: &Arc<Battlefield>,
) -> Result<(), DrillError> {
    let concerned: Vec<_> =
        field.fleet.parties().iter().filter(|party| concerns(name, party)).collect();
    let strikes = concerned.into_iter().map(|party| strike(name, phase, field, party));
    let mut results = futures_util::stream::iter(strikes).buffer_unordered(AT_ONCE);
    while let Some(result) = results.next().await {
        result?;
    }
    Ok(())
}

/// Makes the attack on one party, and the legitimate control beside it.
pub(crate) async fn strike(
    name: &'static str,
    phase: Phase,
    field: &Battlefield,
    party: &Party,
) -> Result<(), DrillError> {
    let identity = forge(name, field, party)?;
    let outcome = match &party.side {
        Side::Server(server) => {
            let rogue = RogueClient::new(&identity)?;
            if name == EMPTY_CRL {
                server.attack_with_crl(&field.empty_crl, &rogue, &party.dns).await?
            } else {
                rogue.attack(server.addr(), &party.dns).await
            }
        }
        Side::Client(client) => {
            let staple = (name == STAPLED_OCSP).then(|| field.forged_staple(&identity));
            let rogue = RogueServer::start(&identity, staple.transpose()?).await?;
            let victim = field.fleet.impersonated(party);
            if name == EMPTY_CRL {
                client.connect_with_crl(&field.empty_crl, rogue.addr(), victim).await?
            } else {
                client.try_connect(rogue.addr(), victim, Sessions::Full).await
            }
        }
    };
    let control = phase != Phase::During && control(field, party).await;
    let attempt =
        Attempt { target: party.name.clone(), mechanism: Some(party.mechanism), outcome, control };
    field.scoreboard.record(name, phase, attempt);
    Ok(())
}

/// Whether a legitimate certificate is accepted by the same party now.
pub(crate) async fn control(field: &Battlefield, party: &Party) -> bool {
    let (client, server) = match &party.side {
        Side::Server(server) => (field.fleet.some_client(), (server.addr(), party.dns.as_str())),
        Side::Client(client) => (client, field.fleet.some_server()),
    };
    let outcome: Outcome = client.try_connect(server.0, server.1, Sessions::Full).await;
    outcome.accepted()
}

/// What is presented to the party: to a client the certificate of a server it knows, to a server
/// that of a client.
fn forge(name: &str, field: &Battlefield, party: &Party) -> Result<Identity, DrillError> {
    let posing_as = match &party.side {
        Side::Server(_) => field.fleet.some_client_dns(),
        Side::Client(_) => field.fleet.impersonated(party),
    };
    let thief = &field.thief;
    match name {
        BACK_DATED => thief.leaf_since(&Likeness::Named(posing_as), now().minus(BACK_DATED_BY)),
        TWIN => thief.leaf(&Likeness::Twin(field.legitimate(posing_as)?)),
        SUB_AUTHORITY => thief.leaf_below_sub_authority(posing_as),
        CROSS_CERTIFICATE => thief.leaf_with_cross(posing_as, &field.cross_certificate),
        _ => thief.leaf(&Likeness::Named(posing_as)),
    }
}
