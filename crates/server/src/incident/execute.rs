//! Executes effects. Each function looks first whether what it is to do is done already.

mod close;
mod contain;
mod evidence;
mod fetch;
mod gates;
mod notices;
mod replace;
mod revoke;
mod transition;
mod triage;

pub(super) use replace::successor;
pub(super) use revoke::root_list;
pub(super) use triage::{freeze_reason, scope};

use skink_incident::{Effect, Measurement, Observation, Outcome, Stage, State};
use skink_model::with_causes;
use skink_model::{AuthorityId, IncidentId, Stamp};
use skink_x509::Fingerprint;

use super::chronicle::by_incident;
use crate::app::App;
use crate::failure::{Failure, Result};

/// What an effect needs to know.
#[derive(Clone, Copy)]
struct Scene<'a> {
    app: &'a App,
    state: &'a State,
}

/// What came of an effect.
enum Came {
    Done(Outcome, String),
    Measured(Measurement),
}

impl Came {
    /// Done, with nothing to add and nothing but the journal to show for it.
    const fn plain() -> Self {
        Self::Done(Outcome::Plain, String::new())
    }

    /// Done, shown by a digest.
    fn shown(outcome: Outcome, evidence: &Fingerprint) -> Self {
        Self::Done(outcome, evidence.to_string())
    }
}

impl<'a> Scene<'a> {
    fn incident(self) -> &'a IncidentId {
        self.state.incident()
    }

    fn authority(self) -> &'a AuthorityId {
        &self.state.declaration().authority
    }

    fn successor(self) -> Result<&'a AuthorityId> {
        self.state.successor().ok_or(Failure::Bug("there is no successor yet"))
    }

    fn stamp(self) -> Stamp {
        by_incident(self.incident(), self.app.now())
    }

    /// Where the incident keeps its files.
    fn dir(self) -> std::path::PathBuf {
        self.app.settings().incidents().join(self.incident().as_str())
    }
}

/// Executes one effect.
pub(super) async fn execute(app: &App, state: &State, effect: Effect) -> Observation {
    let began = std::time::Instant::now();
    let came = run(Scene { app, state }, &effect).await;
    let verb = effect.verb();
    metrics::histogram!(crate::metrics::INCIDENT_EFFECT_SECONDS, "effect" => verb)
        .record(began.elapsed());
    match came {
        Ok(Came::Done(outcome, evidence)) => {
            tracing::info!(incident.id = %state.incident(), effect = %effect.key(), "an effect is done");
            Observation::Done { effect, outcome, evidence }
        }
        Ok(Came::Measured(measurement)) => Observation::Measured { effect, measurement },
        Err(error) => Observation::Failed { effect, reason: with_causes(&error) },
    }
}

async fn run(scene: Scene<'_>, effect: &Effect) -> Result<Came> {
    match effect {
        Effect::FreezeAuthority { .. } => triage::freeze(scene).await,
        Effect::UnfreezeAuthority { .. } => triage::unfreeze(scene).await,
        Effect::ComputeScope { .. } => triage::compute(scene).await,
        Effect::Taint { .. } => contain::taint(scene).await,
        Effect::DrainTickets { .. } => contain::drain(scene).await,
        Effect::SignClosingSet { deadline, .. } => contain::closing_set(scene, *deadline).await,
        Effect::DisableKey { .. } => contain::disable(scene).await,
        Effect::ProveDisabled { .. } => contain::prove(scene).await,
        Effect::SnapshotEvidence { pass } => evidence::snapshot(scene, *pass).await,
        Effect::RenderNotice { audience } => notices::render(scene, *audience),
        Effect::ActivateStandby { .. } => replace::activate(scene).await,
        Effect::PublishPackage { stage } => match stage {
            Stage::Successor => transition::publish(scene, *stage).await,
            Stage::Distrust => revoke::distrust_package(scene).await,
        },
        Effect::ReadBackCrls { round, agents } => gates::read_back(scene, *round, *agents).await,
        Effect::CheckBarrier { handshakes, settle_ms, clock_offset_ms } => {
            gates::barrier(scene, *handshakes, *settle_ms, *clock_offset_ms).await
        }
        Effect::OpenIssuance { .. } => transition::open_issuance(scene).await,
        Effect::ReissueWave { wave, take } => {
            transition::reissue(scene, &effect.key(), (*wave, *take)).await
        }
        Effect::CheckWave { wave } => gates::wave(scene, *wave).await,
        Effect::RollBackEndpoint { endpoint, .. } => {
            transition::roll_back(scene, &effect.key(), endpoint).await
        }
        Effect::CheckQuiet { quiet_ms, since, .. } => gates::quiet(scene, *quiet_ms, *since).await,
        Effect::ReleaseEscrow { .. } => revoke::release(scene).await,
        Effect::RevokeCertificates { .. } => revoke::certificates(scene).await,
        Effect::PublishCrls { .. } => revoke::publish(scene).await,
        Effect::CheckDistrust { .. } => gates::distrust(scene).await,
        Effect::CloseAuthority { .. } => close::authority(scene).await,
        Effect::DisposeKey { disposal, .. } => close::dispose(scene, *disposal).await,
        Effect::WriteReport => close::report(scene).await,
    }
}
