//! The two operators' side of an incident: declare, approve, release the kit, watch it close.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use skink_api::{Incident, IncidentState};

use crate::DrillError;
use crate::attack::escrow;
use crate::attack::scoreboard::Scoreboard;
use crate::headquarters::{CUSTODIANS, Headquarters, STOLEN};
use crate::operator::{Operator, expect};
use crate::options::DrilledPlan;

const PACE: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_mins(5);

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

    /// Gives every approval that is asked for, by two people, until the incident has closed. With
    /// a `scoreboard`, wrong kits are handed in before the right one. An incident that does not
    /// close in time is given back as it stands: it is measured like any other.
    pub(crate) async fn drive(
        &self,
        limit: Duration,
        scoreboard: Option<&Scoreboard>,
        mut watch: impl FnMut(&Incident),
    ) -> Result<Incident, DrillError> {
        let mut wrong_kits = scoreboard;
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let incident = self.look().await?;
            watch(&incident);
            if matches!(incident.summary.state, IncidentState::Closed | IncidentState::StoodDown) {
                return Ok(incident);
            }
            let kit_wanted = incident.approvals.iter().any(|wanted| wanted.step == "kit");
            if let Some(scoreboard) = wrong_kits.filter(|_| kit_wanted) {
                escrow::offer_wrong_kits(self.headquarters, &self.id, scoreboard).await?;
                wrong_kits = None;
            }
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
            if tokio::time::Instant::now() >= deadline {
                tracing::warn!(step = incident.summary.step, "the incident did not close in time");
                return Ok(incident);
            }
            tokio::time::sleep(PACE).await;
        }
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
