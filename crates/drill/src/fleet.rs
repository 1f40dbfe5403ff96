//! The relying parties: servers and clients that work without pause, each tended by an agent.

pub(crate) mod client;
pub(crate) mod exchange;
pub(crate) mod peers;
pub(crate) mod server;
pub(crate) mod target;
pub(crate) mod tls;
pub(crate) mod traffic;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use skink_model::Mechanism;

use crate::rng::Choices;
use client::{ClientEndpoint, Sessions};
use server::ServerEndpoint;
use traffic::Traffic;

/// The mechanisms of the drill, in equal parts over the parties.
const MECHANISMS: [Mechanism; 3] = [Mechanism::Anchor, Mechanism::ParentCrl, Mechanism::Deny];
/// How long the laggard's workers go on with their replaced certificate.
pub(crate) const LAG: Duration = Duration::from_millis(2_500);
/// All clients together make about this many connections a second, whatever the fleet's size.
const CONNECTIONS_PER_SECOND: u32 = 160;
/// One connection in this many resumes a session; the others are full handshakes.
const RESUME_EVERY: usize = 8;

/// One relying party with its agent's view of it.
pub(crate) struct Party {
    pub(crate) name: String,
    pub(crate) dns: String,
    pub(crate) mechanism: Mechanism,
    pub(crate) side: Side,
}

/// On which side of a handshake a party stands.
pub(crate) enum Side {
    Server(Arc<ServerEndpoint>),
    Client(Arc<ClientEndpoint>),
}

/// All relying parties; servers first.
pub(crate) struct Fleet {
    parties: Vec<Party>,
    servers: usize,
    control_server: (SocketAddr, String),
    control_client: (Arc<ClientEndpoint>, String),
    laggard: Arc<ClientEndpoint>,
}

/// Fewer relying parties would leave a mechanism without a party on either side.
pub const LEAST_OF_EACH: usize = MECHANISMS.len();

impl Fleet {
    /// Servers on free ports and clients; nothing works until certificates are installed. There are
    /// at least [`LEAST_OF_EACH`] of both; the last client's workers lag behind its agent.
    pub(crate) async fn start(
        domain: &str,
        servers: usize,
        clients: usize,
        lag: Duration,
    ) -> std::io::Result<Self> {
        let (servers, clients) = (servers.max(LEAST_OF_EACH), clients.max(LEAST_OF_EACH));
        let mut parties = Vec::with_capacity(servers + clients);
        for index in 0..servers {
            let name = format!("server-{index}");
            let dns = format!("{name}.{domain}");
            let mechanism = MECHANISMS[index % MECHANISMS.len()];
            let server = ServerEndpoint::start(name.clone()).await?;
            parties.push(Party { name, dns, mechanism, side: Side::Server(server) });
        }
        for index in 0..clients {
            let name = format!("client-{index}");
            let dns = format!("{name}.{domain}");
            let mechanism = MECHANISMS[index % MECHANISMS.len()];
            let lag = (index + 1 == clients).then_some(lag);
            let client = ClientEndpoint::new(name.clone(), lag);
            parties.push(Party { name, dns, mechanism, side: Side::Client(client) });
        }
        let of_servers = |party: &Party| match &party.side {
            Side::Server(server) => Some((server.addr(), party.dns.clone())),
            Side::Client(_) => None,
        };
        let of_clients = |party: &Party| match &party.side {
            Side::Client(client) => Some((Arc::clone(client), party.dns.clone())),
            Side::Server(_) => None,
        };
        let none = || std::io::Error::other("the fleet is empty");
        let control_server = parties.iter().find_map(of_servers).ok_or_else(none)?;
        let control_client = parties.iter().find_map(of_clients).ok_or_else(none)?;
        let laggard = parties.iter().rev().find_map(of_clients).ok_or_else(none)?.0;
        Ok(Self { parties, servers, control_server, control_client, laggard })
    }

    pub(crate) fn parties(&self) -> &[Party] {
        &self.parties
    }

    pub(crate) fn servers(&self) -> impl Iterator<Item = (&Party, &Arc<ServerEndpoint>)> {
        self.parties.iter().filter_map(|party| match &party.side {
            Side::Server(server) => Some((party, server)),
            Side::Client(_) => None,
        })
    }

    pub(crate) fn clients(&self) -> impl Iterator<Item = (&Party, &Arc<ClientEndpoint>)> {
        self.parties.iter().filter_map(|party| match &party.side {
            Side::Client(client) => Some((party, client)),
            Side::Server(_) => None,
        })
    }

    /// The server whose name a thief uses towards this client.
    pub(crate) fn impersonated(&self, party: &Party) -> &str {
        let index = self.parties.iter().position(|other| other.name == party.name).unwrap_or(0);
        &self.parties[index % self.servers].dns
    }

    /// A server for controls.
    pub(crate) fn some_server(&self) -> (SocketAddr, &str) {
        (self.control_server.0, &self.control_server.1)
    }

    /// A client for controls; the first, which does not lag.
    pub(crate) const fn some_client(&self) -> &Arc<ClientEndpoint> {
        &self.control_client.0
    }

    /// The name of the client for controls.
    pub(crate) fn some_client_dns(&self) -> &str {
        &self.control_client.1
    }

    /// The client that goes on with its replaced certificate for a while.
    pub(crate) const fn laggard(&self) -> &Arc<ClientEndpoint> {
        &self.laggard
    }

    /// Lets every client call every server in turn until the returned guard is dropped.
    pub(crate) fn work(&self, traffic: &Arc<Traffic>, choices: &Choices) -> Work {
        let targets: Arc<Vec<(SocketAddr, String)>> = Arc::new(
            self.servers().map(|(party, server)| (server.addr(), party.dns.clone())).collect(),
        );
        let clients: Vec<_> = self.clients().map(|(_, client)| Arc::clone(client)).collect();
        let workers = u32::try_from(clients.len().max(1)).unwrap_or(u32::MAX);
        let pace = Duration::from_secs(1) * workers / CONNECTIONS_PER_SECOND;
        let stop = tokio_stop::Stop::default();
        let tasks = clients
            .into_iter()
            .map(|client| {
                let mut choices = choices.fork(client.name());
                let (targets, traffic) = (Arc::clone(&targets), Arc::clone(traffic));
                let stop = stop.clone();
                tokio::spawn(async move {
                    let mut turn = choices.below(targets.len());
                    let mut ticks = tokio::time::interval(pace);
                    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                    while !stop.stopped() {
                        ticks.tick().await;
                        let (addr, dns) = &targets[turn % targets.len()];
                        let sessions = match choices.below(RESUME_EVERY) {
                            0 => Sessions::Resume,
                            _ => Sessions::Full,
                        };
                        client.work(*addr, dns, sessions, &traffic).await;
                        turn += 1;
                    }
                })
            })
            .collect();
        Work { stop, tasks }
    }
}

/// The fleet at work.
pub(crate) struct Work {
    stop: tokio_stop::Stop,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Work {
    /// Lets what has begun be finished, then stops.
    pub(crate) async fn finish(self) {
        self.stop.stop();
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::warn!(%error, "a worker of the fleet did not end by itself");
            }
        }
    }
}

mod tokio_stop {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A flag that many tasks look at.
    #[derive(Clone, Default)]
    pub(crate) struct Stop(Arc<AtomicBool>);

    impl Stop {
        pub(crate) fn stop(&self) {
            self.0.store(true, Ordering::SeqCst);
        }

        pub(crate) fn stopped(&self) -> bool {
            self.0.load(Ordering::SeqCst)
        }
    }
}
