//! The two operators' side of an incident: declare, approve, release the kit, watch it close.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use skink_api::{Incident, IncidentState};

use crate::DrillError;
use crate::attack::escrow;
use crate::attack::host::StolenHost;
use crate::attack::scoreboard::Scoreboard;
use crate::headquarters::{CUSTODIANS, Headquarters, STOLEN};
use crate::operator::{Operator, expect};
use crate::options::DrilledPlan;

const PACE: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_mins(5);

/// What is tried against the server when it waits for the recovery kit: then the authority is
/// contained and has no successor yet.
#[derive(Clone, Copy)]
pub(crate) struct Interlude<'a> {
    pub(crate) scoreboard: &'a Scoreboard,
    pub(crate) host: &'a StolenHost,
}

/// How long an incident may run, and how long it may stand still.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) whole: Duration,
    pub(crate) standstill: Duration,
}

/// When the incident last got anywhere.
struct Pulse {
    seen: Option<String>,
    at: tokio::time::Instant,
}

impl Pulse {
    fn new() -> Self {
        Self { seen: None, at: tokio::time::Instant::now() }
    }

    /// How long the incident has stood still.
    fn still_for(&mut self, incident: &Incident) -> Duration {
        let steps: Vec<_> = incident.steps.iter().map(|one| one.progress).collect();
        let gates: Vec<_> = incident.gates.iter().map(|one| one.open).collect();
        let now = format!("{} {steps:?} {gates:?}", incident.summary.step);
        if self.seen.as_ref() != Some(&now) {
            *self = Self { seen: Some(now), at: tokio::time::Instant::now() };
        }
        self.at.elapsed()
    }
}

/// An incident as the operators drive it.
pub(crate) struct Command<'a> {
    headquarters: &'a Headquarters,
    pub(crate) id: String,
    pub(crate) declared: Instant,
}

impl<'a> Command<'a> {
    /// The lead declares.
    pub(crate) async fn declare(
        headquarters: &'a Headquarters,
        plan: DrilledPlan,
    ) -> Result<Self, DrillError> {
        let trigger = match plan {
            DrilledPlan::Authority => "copied",
            DrilledPlan::Rotation => "planned",
        };
        let body = json!({
            "plan": plan.as_str(),
            "authority": STOLEN,
            "trigger": trigger,
            "drill": true,
            "summary": "a drill",
        });
        let declared = Instant::now();
        let answer = headquarters.lead.post::<_, Incident>("/incidents", &body).await?;
        let incident = expect("declare", answer)?;
        Ok(Self { headquarters, id: incident.summary.id, declared })
    }

    /// Gives every approval that is asked for, by two people, until the incident has closed. The
    /// `interlude` comes before the kit is handed in. An incident that does not close in time is
    /// given back as it stands: it is measured like any other.
    pub(crate) async fn drive(
        &self,
        limits: Limits,
        interlude: Option<Interlude<'_>>,
        mut watch: impl FnMut(&Incident),
    ) -> Result<Incident, DrillError> {
        let (mut interlude, mut pulse) = (interlude, Pulse::new());
        let deadline = tokio::time::Instant::now() + limits.whole;
        loop {
            let incident = self.look().await?;
            watch(&incident);
            if matches!(incident.summary.state, IncidentState::Closed | IncidentState::StoodDown) {
                return Ok(incident);
            }
            let kit_wanted = incident.approvals.iter().any(|wanted| wanted.step == "kit");
            if let Some(Interlude { scoreboard, host }) = interlude.filter(|_| kit_wanted) {
                host.ask_contained().await?;
                escrow::offer_wrong_kits(self.headquarters, &self.id, scoreboard).await?;
                interlude = None;
            }
            self.give_all(&incident).await?;
            let still = pulse.still_for(&incident) >= limits.standstill;
            if still || tokio::time::Instant::now() >= deadline {
                tracing::warn!(step = incident.summary.step, "the incident did not close in time");
                return Ok(incident);
            }
            tokio::time::sleep(PACE).await;
        }
    }

    /// Gives every approval that is asked for and not given yet, by two people.
    pub(crate) async fn give_all(&self, incident: &Incident) -> Result<(), DrillError> {
        for wanted in &incident.approvals {
            let given = |name: &str| wanted.given.iter().any(|one| one.operator == name);
            for (person, name) in
                [(&self.headquarters.lead, "lead"), (&self.headquarters.ciso, "ciso")]
            {
                if !given(name) {
                    self.give(person, &wanted.step, name).await?;
                }
            }
        }
        Ok(())
    }

    /// Waits until people are asked to approve `step`.
    pub(crate) async fn wait_for_approval(&self, step: &str) -> Result<(), DrillError> {
        let deadline = tokio::time::Instant::now() + LIMIT;
        while !self.look().await?.approvals.iter().any(|wanted| wanted.step == step) {
            if tokio::time::Instant::now() >= deadline {
                return Err(DrillError::Late {
                    what: format!("the request to approve {step}"),
                    limit_s: LIMIT.as_secs(),
                });
            }
            tokio::time::sleep(PACE).await;
        }
        Ok(())
    }

    pub(crate) async fn look(&self) -> Result<Incident, DrillError> {
        let answer = self.headquarters.lead.get(&format!("/incidents/{}", self.id)).await?;
        expect("look at the incident", answer)
    }

    /// One person's approval. That another request of the same person came first is no failure:
    /// after a crash of the server an answer may have been lost.
    async fn give(&self, person: &Operator, step: &str, name: &str) -> Result<(), DrillError> {
        let answer = if step == "kit" {
            let custodian = if name == "lead" { CUSTODIANS[0] } else { CUSTODIANS[1] };
            let kit = fs_err::read_to_string(self.headquarters.kit(STOLEN))
                .map_err(|source| DrillError::File { what: "read the recovery kit", source })?;
            let body = escrow::share(&kit, custodian)?;
            person.post::<_, Value>(&format!("/incidents/{}/kit", self.id), &body).await?
        } else {
            let body = json!({ "step": step });
            person.post::<_, Value>(&format!("/incidents/{}/approve", self.id), &body).await?
        };
        match answer {
            Ok(_) => Ok(()),
            Err(problem)
                if matches!(
                    problem.code,
                    skink_api::Code::SamePerson | skink_api::Code::NothingToApprove
                ) =>
            {
                tracing::debug!(%problem, "an approval came twice");
                Ok(())
            }
            Err(problem) => expect("approve", Err(problem)),
        }
    }
}
