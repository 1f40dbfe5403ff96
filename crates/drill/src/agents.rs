//! The agents that tend the fleet, all in this process.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::json;
use skink_agent::{Agent, AgentConfig, AgentHandle};
use skink_api::TokenCreated;
use skink_deploy::Target;
use skink_model::with_causes;
use skink_x509::Certificate;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::DrillError;
use crate::clock::{SystemClock, SystemRng};
use crate::fleet::target::{ClientTarget, Habits, ServerTarget};
use crate::fleet::{Fleet, Party, Side};
use crate::headquarters::{Headquarters, ISSUER};
use crate::operator::expect;
use crate::options::DrillOptions;
use crate::thief::forge::Partner;

const AT_ONCE: usize = 16;
const FIRST_CERTIFICATE_LIMIT: Duration = Duration::from_mins(1);
const PACE: Duration = Duration::from_millis(20);

/// Every agent of the drill.
pub(crate) struct Agents {
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<()>>,
    handles: HashMap<String, AgentHandle>,
    endpoints: HashMap<String, std::path::PathBuf>,
}

impl Agents {
    /// Enrols one agent for each party and waits until every endpoint has its certificate.
    pub(crate) async fn start(
        headquarters: &Headquarters,
        fleet: &Fleet,
        partner: &Partner,
        options: &DrillOptions,
    ) -> Result<Self, DrillError> {
        let dir = headquarters.agents();
        fs_err::create_dir_all(&dir)
            .map_err(|source| DrillError::File { what: "make the agents' folder", source })?;
        let (stop, stopped) = watch::channel(false);
        let brought_up = fleet.parties().iter().map(|party| {
            let (dir, stopped) = (dir.join(&party.name), stopped.clone());
            bring_up(headquarters, party, partner, options, dir, stopped)
        });
        let mut brought_up = futures_util::stream::iter(brought_up).buffer_unordered(AT_ONCE);
        let (mut running, mut handles) = (Vec::new(), HashMap::new());
        while let Some(agent) = brought_up.next().await {
            let (name, handle, task) = agent?;
            handles.insert(name, handle);
            running.push(task);
        }
        let endpoints = fleet
            .parties()
            .iter()
            .map(|party| (party.dns.clone(), endpoint_dir(&dir.join(&party.name), party)))
            .collect();
        let agents = Self { stop, running, handles, endpoints };
        agents.wait_for_certificates(fleet).await?;
        Ok(agents)
    }

    async fn wait_for_certificates(&self, fleet: &Fleet) -> Result<(), DrillError> {
        let deadline = tokio::time::Instant::now() + FIRST_CERTIFICATE_LIMIT;
        loop {
            let missing = fleet.parties().iter().find(|party| match &party.side {
                Side::Server(server) => !server.is_installed(),
                Side::Client(client) => !client.is_installed(),
            });
            let Some(missing) = missing else { return Ok(()) };
            if tokio::time::Instant::now() >= deadline {
                return Err(DrillError::Late {
                    what: format!("the first certificate of {}", missing.name),
                    limit_s: FIRST_CERTIFICATE_LIMIT.as_secs(),
                });
            }
            tokio::time::sleep(PACE).await;
        }
    }

    /// The agent of a party.
    pub(crate) fn of(&self, party: &Party) -> Result<&AgentHandle, DrillError> {
        self.handles.get(&party.name).ok_or_else(|| DrillError::Agent {
            agent: party.name.clone(),
            reason: "it is not running".to_owned(),
        })
    }

    /// The certificates in use, by DNS name.
    pub(crate) fn certificates(&self) -> Result<HashMap<String, Certificate>, DrillError> {
        self.endpoints
            .iter()
            .map(|(dns, dir)| {
                let text = fs_err::read_to_string(dir.join("cert.pem")).map_err(|source| {
                    DrillError::File { what: "read an installed certificate", source }
                })?;
                let chain = Certificate::all_from_pem(&text).unwrap_or_default();
                let leaf = chain.into_iter().next().ok_or_else(|| DrillError::Agent {
                    agent: dns.clone(),
                    reason: "its certificate cannot be read".to_owned(),
                })?;
                Ok((dns.clone(), leaf))
            })
            .collect()
    }

    /// Lets every agent finish what it does.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.running {
            if let Err(error) = task.await {
                tracing::warn!(%error, "an agent did not end by itself");
            }
        }
    }
}

/// A token, an enrolment, and the agent at work.
async fn bring_up(
    headquarters: &Headquarters,
    party: &Party,
    partner: &Partner,
    options: &DrillOptions,
    dir: std::path::PathBuf,
    mut stopped: watch::Receiver<bool>,
) -> Result<(String, AgentHandle, JoinHandle<()>), DrillError> {
    let failed = |error: &dyn std::error::Error| DrillError::Agent {
        agent: party.name.clone(),
        reason: with_causes(error),
    };
    let token = expect("make a token", headquarters.lead.post("/tokens", &request(party)).await?)?;
    let token: TokenCreated = token;
    let config = config(&dir, options.endpoints + options.clients);
    skink_agent::enroll(&config, &token.token, &SystemClock, &SystemRng)
        .await
        .map_err(|error| failed(&error))?;
    let habits = Habits::new(partner.certificate.clone(), options.sabotage);
    let target: Arc<dyn Target> = match &party.side {
        Side::Server(endpoint) => Arc::new(ServerTarget { endpoint: Arc::clone(endpoint), habits }),
        Side::Client(endpoint) => Arc::new(ClientTarget { endpoint: Arc::clone(endpoint), habits }),
    };
    let targets = HashMap::from([(party.name.clone(), target)]);
    let agent = Agent::open(config, targets, Arc::new(SystemClock), Arc::new(SystemRng))
        .map_err(|error| failed(&error))?;
    let handle = agent.handle();
    let shutdown = async move {
        // A sender that is gone means the same as one that says stop.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    Ok((party.name.clone(), handle, tokio::spawn(agent.run(shutdown))))
}

/// Hundreds of agents share this machine: who has to try again comes at a time of his own, or all of
/// them together are too slow for the next try as well.
fn config(dir: &Path, agents: usize) -> AgentConfig {
    let mut config = AgentConfig::new(dir);
    config.report_every_ms = 200;
    config.retry_max_ms = u64::try_from(agents).unwrap_or(u64::MAX).saturating_mul(10).max(250);
    config.settle_ms = 50;
    config.read_back_every_ms = 1_000;
    config
}

fn endpoint_dir(agent: &Path, party: &Party) -> std::path::PathBuf {
    agent.join("endpoints").join(&party.name)
}

fn request(party: &Party) -> serde_json::Value {
    let (role, address) = match &party.side {
        Side::Server(server) => ("server", Some(server.addr().to_string())),
        Side::Client(_) => ("client", None),
    };
    json!({
        "agent": party.name,
        "endpoints": [{
            "name": party.name,
            "role": role,
            "mechanism": party.mechanism.as_str(),
            "service": "drill",
            "issuer": ISSUER,
            "profile": role,
            "names": [party.dns],
            "address": address,
            "owner": "drill",
        }],
    })
}
