//! One relying party: brought to where the package and the orders say, and proven to be there.

mod leaf;
mod prove;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use skink_api::EndpointSpec;
use skink_api::agent::PackageRef;
use skink_deploy::{EndpointFiles, InstallError, NewFile, Target, install, render};
use skink_trust::{Digest, Held};

use crate::agent::Shared;
use crate::channel::ChannelError;
use crate::key::KeyFault;
use crate::pair::{Pair, Pairs};
use crate::probes::{Prober, ProofError};
use crate::state::{StateError, aside};

/// Why an endpoint is not where it should be (yet). It is tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// The server cannot give a certificate now.
    #[error("no certificate from the server")]
    Request(#[source] ChannelError),
    /// A key could not be made.
    #[error("no key")]
    Key(#[source] KeyFault),
    /// The state on disk.
    #[error("the agent's state")]
    State(#[source] StateError),
    /// What was installed did not load; what was there before runs on.
    #[error("not installed, rolled back")]
    Install(#[source] InstallError),
    /// The trust files cannot be written down.
    #[error("the trust files cannot be rendered")]
    Render(#[source] serde_json::Error),
    /// What was installed did not prove itself; what was there before runs on.
    #[error("not proven, rolled back")]
    RolledBack(#[source] ProofError),
    /// A proof that is still outstanding.
    #[error("not proven")]
    Unproven(#[source] ProofError),
    /// There is no canary to prove anything with.
    #[error("no probe certificate of a trusted generation of {0}")]
    NoCanary(String),
    /// Sessions and connections from before could not be ended.
    #[error("sessions from before cannot be ended")]
    Sessions(#[source] skink_deploy::TargetError),
}

/// One relying party of this agent.
pub(crate) struct Party {
    pub(crate) shared: Arc<Shared>,
    pub(crate) spec: EndpointSpec,
    pub(crate) files: EndpointFiles,
    pub(crate) probe: Option<String>,
    pub(crate) target: Arc<dyn Target>,
    pub(crate) progress: Progress,
}

/// What is done since the process started. After a start everything is proven anew.
#[derive(Default)]
pub(crate) struct Progress {
    pairs: Option<Pairs>,
    /// The package that is installed, loaded and proven.
    runs: Option<Digest>,
    barrier: BTreeSet<(Digest, String)>,
    distrust: BTreeSet<(Digest, String)>,
    /// Untrusted generations under which sessions were reset.
    reset: BTreeSet<String>,
    reported_leaf: bool,
}

impl Party {
    /// Brings the party to what is held and ordered. All of it is idempotent; what fails does not
    /// keep the rest from being done, and the first failure is returned.
    pub(crate) async fn reconcile(&mut self) -> Result<(), ReconcileError> {
        let held = self.shared.held();
        self.load_pairs()?;
        let mut first = Ok(());
        let mut note = |result: Result<(), ReconcileError>| {
            if first.is_ok() {
                first = result;
            }
        };
        note(self.run_package(&held).await);
        note(self.renew_if_needed(&held).await);
        if self.progress.runs.is_some() && self.progress.runs == held.digest() {
            note(self.prove_barrier(&held).await);
            note(self.prove_distrust(&held).await);
        }
        first
    }

    /// How long until the certificate is due, at most a minute.
    pub(crate) fn next_look(&self) -> Duration {
        let now = self.shared.clock.now().as_millis();
        let due = self.current().map_or(i64::MAX, |pair| pair.renew_at_ms);
        let millis = u64::try_from(due.saturating_sub(now)).unwrap_or(0);
        Duration::from_millis(millis).clamp(Duration::from_millis(100), Duration::from_mins(1))
    }

    fn load_pairs(&mut self) -> Result<(), ReconcileError> {
        if self.progress.pairs.is_none() {
            let pairs = self.shared.state.pairs(&self.spec.name).map_err(ReconcileError::State)?;
            self.progress.pairs = Some(pairs);
        }
        Ok(())
    }

    async fn save_pairs(&mut self, pairs: Pairs) -> Result<(), ReconcileError> {
        let (state, name) = (self.shared.state.clone(), self.spec.name.clone());
        self.progress.pairs = Some(pairs.clone());
        aside(move || state.save_pairs(&name, &pairs)).await.map_err(ReconcileError::State)
    }

    fn pairs(&self) -> Pairs {
        self.progress.pairs.clone().unwrap_or_default()
    }

    fn current(&self) -> Option<&Pair> {
        self.progress.pairs.as_ref()?.current.as_ref()
    }

    /// Installs the package that is held under the certificate that runs, proves it by a handshake
    /// and acknowledges it; or rolls back.
    async fn run_package(&mut self, held: &Held) -> Result<(), ReconcileError> {
        let (Some(current), Some(digest)) = (self.current().cloned(), held.digest()) else {
            return Ok(());
        };
        if self.progress.runs == Some(digest) {
            return Ok(());
        }
        let canary = self.trusted_canary(held).await?;
        self.install_and_prove(held, &current, &canary, false).await?;
        self.acknowledge(held, digest);
        Ok(())
    }

    fn acknowledge(&mut self, held: &Held, digest: Digest) {
        self.progress.runs = Some(digest);
        let reference = package_ref(held, digest);
        tracing::info!(
            endpoint.name = self.spec.name,
            package.epoch = reference.epoch,
            package.version = reference.version,
            "the endpoint runs a trust package"
        );
        self.shared.outbox.add(&self.spec.name, |news| news.runs = Some(reference));
    }

    /// All files of the party, loaded and seen in a handshake. Otherwise those from before are
    /// back.
    async fn install_and_prove(
        &mut self,
        held: &Held,
        pair: &Pair,
        canary: &Pair,
        rolls_back: bool,
    ) -> Result<(), ReconcileError> {
        let mut new = pair_files(&self.files, pair).map_err(ReconcileError::State)?;
        new.extend(render(&self.files, held).map_err(ReconcileError::Render)?);
        let target = Arc::clone(&self.target);
        let installation =
            install(&self.files, new, &*target).await.map_err(ReconcileError::Install)?;
        self.reset_sessions(held).await?;
        let fingerprint = pair.fingerprint().map_err(ReconcileError::State)?;
        let limit = self.shared.config.proof() + target.settle_time();
        let proven = self.prober().prove_installed(canary, fingerprint, limit).await;
        match proven {
            Ok(at) => self.report_leaf(pair, at, rolls_back),
            Err(error) => {
                installation.roll_back(&*target).await.map_err(ReconcileError::Install)?;
                Err(ReconcileError::RolledBack(error))
            }
        }
    }

    /// What is distrusted now must not live on in sessions and open connections.
    async fn reset_sessions(&mut self, held: &Held) -> Result<(), ReconcileError> {
        let gone: BTreeSet<String> = held
            .authorities()
            .iter()
            .filter(|authority| !authority.is_trusted())
            .map(|authority| authority.id.clone())
            .collect();
        if gone.is_subset(&self.progress.reset) {
            return Ok(());
        }
        let reset = self.target.reset_sessions(&self.files).await;
        reset.map_err(ReconcileError::Sessions)?;
        self.progress.reset = gone;
        Ok(())
    }

    fn prober(&self) -> Prober<'_> {
        Prober {
            role: self.spec.role,
            address: self.probe.as_deref().or(self.spec.address.as_deref()),
            server_name: self.spec.names.first().map_or("localhost", String::as_str),
            target: &*self.target,
            clock: &*self.shared.clock,
        }
    }

    /// A canary that the party must accept: the active generation's, else any that is trusted.
    async fn trusted_canary(&self, held: &Held) -> Result<Pair, ReconcileError> {
        let active = match held.active(&self.spec.issuer) {
            Some(active) => self.shared.canary_of(&self.spec.issuer, &active.id).await.map(Some),
            None => Ok(None),
        };
        if let Ok(Some(canary)) = &active
            && held.authority(&canary.authority).is_some_and(skink_trust::HeldAuthority::is_trusted)
        {
            return Ok(canary.clone());
        }
        let kept = held
            .issuing_anchors()
            .filter(|authority| authority.issuer == self.spec.issuer)
            .find_map(|authority| self.shared.canaries.of(&authority.id));
        match (kept, active) {
            (Some(canary), _) => Ok(canary),
            (None, Err(error)) => Err(error),
            (None, Ok(_)) => Err(ReconcileError::NoCanary(self.spec.issuer.clone())),
        }
    }
}

pub(crate) fn package_ref(held: &Held, digest: Digest) -> PackageRef {
    let edition = held.edition();
    PackageRef { epoch: edition.epoch, version: edition.version, digest: digest.to_string() }
}

fn pair_files(files: &EndpointFiles, pair: &Pair) -> Result<Vec<NewFile>, StateError> {
    use base64::Engine as _;
    let chain: String = pair.chain()?.iter().map(skink_x509::Certificate::to_pem).collect();
    let staple = pair.staple.as_ref();
    let staple =
        staple.and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
    Ok(vec![
        NewFile::private(files.key(), pair.key_pem.as_bytes()),
        NewFile::public(files.certificate(), chain),
        NewFile { content: staple, ..NewFile::absent(files.staple()) },
    ])
}
