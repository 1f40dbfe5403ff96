//! The server's side of a drill without its fleet and its thief: for whoever brings a fleet of his
//! own and wants an incident over it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use skink_api::token::EnrolmentToken;
use skink_api::{Incident, IncidentState, NewToken, TokenCreated};
use tokio::time::Instant;

use crate::DrillError;
use crate::command::Command;
use crate::headquarters::{Headquarters, ISSUER};
use crate::operator::expect;
use crate::options::{DrillOptions, DrilledPlan};

/// A hierarchy of its own, the server process and the operators of a drill.
pub struct Stage {
    headquarters: Headquarters,
}

impl Stage {
    /// `skink init` in the empty folder `dir`, a ceremony, and `skink serve`; `timings` are entries
    /// of the configuration's `[incident]` beside the drill's own.
    pub async fn set_up(
        skink: &Path,
        dir: &Path,
        timings: &[(&str, i64)],
    ) -> Result<Self, DrillError> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let options = DrillOptions {
            endpoints: 0,
            clients: 0,
            seed: 1,
            keep: None,
            plan: DrilledPlan::Authority,
            crash: false,
            issuer_key: None,
            standby_key: None,
            skink: skink.to_owned(),
            sabotage: None,
        };
        let headquarters = Headquarters::set_up_timed(&options, dir, timings).await?;
        Ok(Self { headquarters })
    }

    /// The issuer whose key the incident is about.
    pub const fn issuer(&self) -> &'static str {
        ISSUER
    }

    /// The server's process, while it runs.
    pub async fn server_id(&self) -> Option<u32> {
        self.headquarters.server.id().await
    }

    /// Where CRLs and certificates are published.
    pub const fn public(&self) -> SocketAddr {
        self.headquarters.public
    }

    /// Makes an enrolment token.
    pub async fn token(&self, wanted: &NewToken) -> Result<EnrolmentToken, DrillError> {
        let answer = self.headquarters.lead.post::<_, TokenCreated>("/tokens", wanted).await?;
        let created = expect("make a token", answer)?;
        EnrolmentToken::decode(&created.token).map_err(|error| DrillError::Agent {
            agent: wanted.agent.clone(),
            reason: error.to_string(),
        })
    }

    /// Declares that the issuing key was copied, gives both operators' approvals and shares, and
    /// looks every `pace` until the incident has recovered, is over, or `limit` has passed: then it
    /// is given back as it stands.
    pub async fn recover(
        &self,
        limit: Duration,
        pace: Duration,
        mut watch: impl FnMut(&Incident),
    ) -> Result<Incident, DrillError> {
        let deadline = Instant::now() + limit;
        let command = Command::declare(&self.headquarters, DrilledPlan::Authority).await?;
        loop {
            let incident = command.look().await?;
            watch(&incident);
            let over =
                matches!(incident.summary.state, IncidentState::Closed | IncidentState::StoodDown);
            if over || incident.summary.recovered_at_ms.is_some() || Instant::now() >= deadline {
                return Ok(incident);
            }
            command.give_all(&incident).await?;
            tokio::time::sleep(pace).await;
        }
    }

    /// Stops the server.
    pub async fn stop(&self) -> Result<(), DrillError> {
        self.headquarters.server.stop().await
    }
}
