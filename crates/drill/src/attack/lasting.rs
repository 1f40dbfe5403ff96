//! Attacks that began while the stolen authority was trusted: sessions and open connections.

use std::collections::HashMap;
use std::sync::Arc;

use skink_model::Mechanism;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::client::TlsStream;

use super::handshake::control;
use super::scoreboard::{Attempt, Phase};
use crate::DrillError;
use crate::battlefield::Battlefield;
use crate::fleet::client::{HeldConnection, Sessions};
use crate::fleet::{Party, Side, exchange};
use crate::outcome::Outcome;
use crate::thief::forge::Likeness;
use crate::thief::tls::{RogueClient, RogueServer};

pub(crate) const RESUMED_SESSION: &str = "resumed-session";
pub(crate) const OPEN_CONNECTION: &str = "open-connection";

/// How often a session is tried to be had before the incident.
const SESSION_TRIES: u32 = 5;

/// The attacks of this file.
pub(crate) const ALL: &[&str] = &[RESUMED_SESSION, OPEN_CONNECTION];

/// What the thief keeps of the time when he was trusted.
#[derive(Default)]
pub(crate) struct Footholds(Mutex<HashMap<String, Foothold>>);

enum Foothold {
    /// In a server: a session to resume and a connection that is still open.
    Server { sessions: RogueClient, open: Option<Box<TlsStream<TcpStream>>> },
    /// In a client: a server that it has a session with, and a connection to it.
    Client { server: RogueServer, open: HeldConnection },
}

impl Footholds {
    /// Takes a session and an open connection in every party.
    pub(crate) async fn take(&self, field: &Arc<Battlefield>) -> Result<(), DrillError> {
        for party in field.fleet.parties() {
            let foothold = match &party.side {
                Side::Server(server) => {
                    let name = field.fleet.some_client_dns();
                    let sessions = RogueClient::new(&field.thief.leaf(&Likeness::Named(name))?)?;
                    for tries in 1.. {
                        let first = sessions.attack(server.addr(), &party.dns).await;
                        let resumed = sessions.attack(server.addr(), &party.dns).await;
                        if record_sessions(field, party, &first, &resumed, tries) {
                            break;
                        }
                    }
                    let opened = sessions.open(server.addr(), &party.dns).await;
                    let open = opened.ok().map(|(stream, _)| Box::new(stream));
                    record_open(field, Phase::Before, party, open.is_some(), true);
                    Foothold::Server { sessions, open }
                }
                Side::Client(client) => {
                    let victim = field.fleet.impersonated(party);
                    let identity = field.thief.leaf(&Likeness::Named(victim))?;
                    let server = RogueServer::start(&identity, None).await?;
                    let at = server.addr();
                    for tries in 1.. {
                        let first = client.try_connect(at, victim, Sessions::Resume).await;
                        let resumed = client.try_connect(at, victim, Sessions::Resume).await;
                        if record_sessions(field, party, &first, &resumed, tries) {
                            break;
                        }
                    }
                    let open = client.hold(server.addr(), victim).await.map_err(|error| {
                        crate::thief::key::thwarted("being connected to by a victim", &error)
                    })?;
                    record_open(field, Phase::Before, party, open.is_open(), true);
                    Foothold::Client { server, open }
                }
            };
            self.0.lock().await.insert(party.name.clone(), foothold);
        }
        Ok(())
    }

    /// Uses every foothold again.
    pub(crate) async fn use_all(&self, field: &Battlefield, phase: Phase) {
        for party in field.fleet.parties() {
            self.use_one(field, phase, party).await;
        }
    }

    /// Uses the foothold in one party again.
    pub(crate) async fn use_one(&self, field: &Battlefield, phase: Phase, party: &Party) {
        let mut footholds = self.0.lock().await;
        let Some(foothold) = footholds.get_mut(&party.name) else { return };
        let (again, open) = match (foothold, &party.side) {
            (Foothold::Server { sessions, open }, Side::Server(server)) => {
                let alive = match open {
                    Some(stream) => exchange::request(stream).await.is_ok(),
                    None => false,
                };
                if !alive {
                    *open = None;
                }
                (sessions.attack(server.addr(), &party.dns).await, alive)
            }
            (Foothold::Client { server, open }, Side::Client(client)) => {
                let victim = field.fleet.impersonated(party);
                (client.try_connect(server.addr(), victim, Sessions::Resume).await, open.is_open())
            }
            _ => return,
        };
        drop(footholds);
        let control = phase != Phase::During && control(field, party).await;
        // A connection that ended counts as refused only if it cannot be opened anew.
        let ended = if open { Outcome::Accepted { resumed: false } } else { again.clone() };
        record(field, RESUMED_SESSION, phase, party, again, control);
        record(field, OPEN_CONNECTION, phase, party, ended, control);
    }
}

/// Records whether a session was resumed. A party that exchanged its configuration between the two
/// handshakes, as a new package makes it do, has not refused anything: then it says false, and the
/// two are to be tried again.
fn record_sessions(
    field: &Battlefield,
    party: &Party,
    first: &Outcome,
    second: &Outcome,
    tries: u32,
) -> bool {
    let anew =
        matches!((first, second), (Outcome::Accepted { .. }, Outcome::Accepted { resumed: false }));
    if anew && tries < SESSION_TRIES {
        return false;
    }
    let outcome = match (first, second) {
        (Outcome::Accepted { .. }, Outcome::Accepted { resumed: true }) => second.clone(),
        (Outcome::Accepted { .. }, Outcome::Accepted { resumed: false }) => {
            Outcome::Failed("the second handshake was not resumed".to_owned())
        }
        (refused, _) => refused.clone(),
    };
    record(field, RESUMED_SESSION, Phase::Before, party, outcome, true);
    true
}

fn record_open(field: &Battlefield, phase: Phase, party: &Party, open: bool, control: bool) {
    let outcome = if open {
        Outcome::Accepted { resumed: false }
    } else {
        Outcome::Failed("no connection could be opened".to_owned())
    };
    record(field, OPEN_CONNECTION, phase, party, outcome, control);
}

fn record(
    field: &Battlefield,
    name: &'static str,
    phase: Phase,
    party: &Party,
    outcome: Outcome,
    control: bool,
) {
    let mechanism: Option<Mechanism> = Some(party.mechanism);
    let attempt = Attempt { target: party.name.clone(), mechanism, outcome, control };
    field.scoreboard.record(name, phase, attempt);
}
