//! The running agent.

mod control;
mod poll;
mod report;
mod run;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use skink_deploy::{CommandTarget, EndpointFiles, Mechanism, Target};
use skink_model::with_causes;
use skink_model::{Clock, Rng};
use skink_trust::{Held, Limits, Overruled, Parts, Refusal};
use tokio::sync::watch;

use crate::canaries::Canaries;
use crate::channel::Channel;
use crate::config::AgentConfig;
use crate::error::AgentError;
use crate::offset::ClockOffset;
use crate::orders::Orders;
use crate::outbox::Outbox;
use crate::pair::Pair;
use crate::party::{Party, Progress, ReconcileError};
use crate::state::{Membership, StateDir};

/// An enrolled agent, ready to run.
pub struct Agent {
    shared: Arc<Shared>,
    parties: Vec<Party>,
    news: watch::Receiver<u64>,
}

/// A way to look at an agent that runs. Cheap to clone.
#[derive(Clone)]
pub struct AgentHandle(Arc<Shared>);

/// What the tasks of an agent share.
pub(crate) struct Shared {
    pub(crate) config: AgentConfig,
    pub(crate) membership: Membership,
    pub(crate) state: StateDir,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) canaries: Canaries,
    pub(crate) orders: Orders,
    pub(crate) outbox: Outbox,
    targets: report::Targets,
    told: Mutex<HashMap<String, report::Told>>,
    held: RwLock<Arc<Held>>,
    identity: RwLock<Arc<Pair>>,
    channel: RwLock<Channel>,
    nonce: Mutex<Option<String>>,
    clock_offset: ClockOffset,
    /// Counts what parties have to look at: packages and orders.
    bell: watch::Sender<u64>,
}

impl Agent {
    /// Opens what [`enroll`](crate::enroll) left in the configured directory. Endpoints without a
    /// target here are driven by the commands in the configuration.
    pub fn open(
        config: AgentConfig,
        targets: HashMap<String, Arc<dyn Target>>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self, AgentError> {
        let state = StateDir::new(&config.dir);
        let membership = state.membership().map_err(AgentError::State)?;
        let (held, identity) = (
            state.held().map_err(AgentError::State)?,
            state.identity().map_err(AgentError::State)?,
        );
        let channel = Channel::pinned(&membership.url, &membership.server_name, &held, &identity)
            .map_err(AgentError::Channel)?;
        let canaries = Canaries::new(state.canaries().map_err(AgentError::State)?);
        let targets = targets_of(&config, &membership, targets)?;
        let (bell, news) = watch::channel(0);
        let shared = Arc::new(Shared {
            config,
            membership,
            state,
            clock,
            rng,
            canaries,
            orders: Orders::default(),
            outbox: Outbox::default(),
            targets,
            told: Mutex::default(),
            held: RwLock::new(Arc::new(held)),
            identity: RwLock::new(Arc::new(identity)),
            channel: RwLock::new(channel),
            nonce: Mutex::new(None),
            clock_offset: ClockOffset::default(),
            bell,
        });
        let specs = shared.membership.endpoints.clone();
        let parties =
            specs.into_iter().map(|spec| party(&shared, spec)).collect::<Result<_, _>>()?;
        Ok(Self { shared, parties, news })
    }

    /// A way to look at the agent while it runs.
    pub fn handle(&self) -> AgentHandle {
        AgentHandle(Arc::clone(&self.shared))
    }
}

/// The given target of each endpoint, or the one that the configuration's commands drive.
fn targets_of(
    config: &AgentConfig,
    membership: &Membership,
    mut given: HashMap<String, Arc<dyn Target>>,
) -> Result<report::Targets, AgentError> {
    let target_of = |name: &String| -> Result<Arc<dyn Target>, AgentError> {
        if let Some(target) = given.remove(name) {
            return Ok(target);
        }
        let configured = config.endpoints.get(name);
        let configured = configured.ok_or_else(|| AgentError::NoTarget(name.clone()))?;
        Ok(Arc::new(CommandTarget::new(configured.commands.clone())))
    };
    let names: Vec<String> = membership.endpoints.iter().map(|spec| spec.name.clone()).collect();
    let targets: Result<Vec<_>, _> = names.iter().map(target_of).collect();
    Ok(names.into_iter().zip(targets?).collect())
}

fn party(shared: &Arc<Shared>, spec: skink_api::EndpointSpec) -> Result<Party, AgentError> {
    let configured = shared.config.endpoints.get(&spec.name);
    let target = shared.targets.get(&spec.name).cloned();
    let target = target.ok_or_else(|| AgentError::NoTarget(spec.name.clone()))?;
    let dir = shared.config.endpoint_dir(&spec.name);
    crate::state::make_private_dir(&dir).map_err(|source| {
        AgentError::State(crate::state::StateError::Directory { path: dir.clone(), source })
    })?;
    let mechanism = match spec.mechanism {
        skink_api::Mechanism::Anchor => Mechanism::Anchor,
        skink_api::Mechanism::ParentCrl => Mechanism::ParentCrl,
        skink_api::Mechanism::Deny => Mechanism::Deny,
        skink_api::Mechanism::None => Mechanism::None,
    };
    Ok(Party {
        shared: Arc::clone(shared),
        files: EndpointFiles::new(dir, mechanism),
        probe: configured.and_then(|endpoint| endpoint.probe.clone()),
        spec,
        target,
        progress: Progress::default(),
    })
}

impl AgentHandle {
    /// The agent's name.
    pub fn name(&self) -> &str {
        &self.0.membership.agent
    }

    /// What it believes.
    pub fn held(&self) -> Arc<Held> {
        self.0.held()
    }

    /// Offers it a package from elsewhere. It is judged by the same rules as the server's, and
    /// installed when it is accepted. What it said that does not count is the answer.
    pub fn offer(&self, envelope: &[u8], parts: &Parts) -> Result<Vec<Overruled>, OfferError> {
        self.0.accept(envelope, parts)
    }
}

/// A package was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// It is refused.
    #[error("the trust package is refused")]
    Refused(#[source] Refusal),
    /// It could not be kept.
    #[error("the trust package cannot be kept")]
    State(#[source] crate::state::StateError),
}

impl Shared {
    pub(crate) fn held(&self) -> Arc<Held> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn identity(&self) -> Arc<Pair> {
        Arc::clone(&self.identity.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The canary of the active generation `authority`.
    pub(crate) async fn canary_of(
        &self,
        issuer: &str,
        authority: &str,
    ) -> Result<Pair, ReconcileError> {
        let (channel, now) = (self.channel(), self.clock.now());
        self.canaries.active(issuer, authority, &channel, &self.state, (now, &*self.rng)).await
    }

    /// Judges a package. An accepted one is on disk, with everything that it takes away, before
    /// anybody acts on it.
    fn accept(&self, envelope: &[u8], parts: &Parts) -> Result<Vec<Overruled>, OfferError> {
        let now = self.clock.now();
        let limits = Limits::default();
        let mut current = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let acceptance =
            current.accept(envelope, parts, now, &limits).map_err(OfferError::Refused)?;
        for overruled in &acceptance.overruled {
            tracing::error!(
                agent.name = self.membership.agent,
                ?overruled,
                "the trust package would take back what stands; it does not count"
            );
        }
        self.state.save_held(&acceptance.held).map_err(OfferError::State)?;
        self.outbox.add_crls(crate::read_back::held(&acceptance.held, now));
        let other_server = Channel::hangs_on(&current) != Channel::hangs_on(&acceptance.held);
        *current = Arc::new(acceptance.held);
        drop(current);
        if other_server {
            self.renew_channel();
        }
        self.ring();
        Ok(acceptance.overruled)
    }

    /// Builds the channel anew, by what is held now.
    fn renew_channel(&self) {
        let Membership { url, server_name, .. } = &self.membership;
        match Channel::pinned(url, server_name, &self.held(), &self.identity()) {
            Ok(channel) => {
                *self.channel.write().unwrap_or_else(PoisonError::into_inner) = channel;
            }
            Err(error) => {
                tracing::error!(error = %with_causes(&error), "the channel stays as it was");
            }
        }
    }

    /// Tells the parties to look.
    fn ring(&self) {
        self.bell.send_modify(|count| *count = count.wrapping_add(1));
    }
}
