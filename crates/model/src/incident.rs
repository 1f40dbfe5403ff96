//! Incidents as the database keeps them: the frame around the engine's journal.

use serde::{Deserialize, Serialize};
use skink_x509::{Fingerprint, Time};

use crate::{
    AuthorityId, CeremonyState, EffectState, IncidentId, IncidentState, KitState, OperatorName,
    Plan, Policy, Severity, Trigger, wire,
};

/// A declared compromise, a rotation, or a drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id; also the name of its journal stream.
    pub id: IncidentId,
    /// The plan that fits it.
    pub plan: Plan,
    /// The authority it is about.
    pub authority: AuthorityId,
    /// Where it stands as a whole.
    pub state: IncidentState,
    /// How bad it is.
    pub severity: Severity,
    /// When to revoke.
    pub policy: Policy,
    /// What made somebody declare.
    pub trigger: Trigger,
    /// Since when a thief may have had the key.
    #[serde(with = "wire::millis_option", default)]
    pub suspected_since: Option<Time>,
    /// When it was noticed.
    #[serde(with = "wire::millis_option", default)]
    pub detected_at: Option<Time>,
    /// When the company knew; legal deadlines run from here.
    #[serde(with = "wire::millis_option", default)]
    pub aware_at: Option<Time>,
    /// When it was declared: the clock starts.
    #[serde(with = "wire::millis")]
    pub declared_at: Time,
    /// Who declared it.
    pub declared_by: OperatorName,
    /// By when a cutover revokes, whatever the gates say.
    #[serde(with = "wire::millis_option", default)]
    pub deadline: Option<Time>,
    /// When it was closed or stood down.
    #[serde(with = "wire::millis_option", default)]
    pub closed_at: Option<Time>,
}

/// Something done in the world for one step and subject. The three together happen once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// The incident.
    pub incident: IncidentId,
    /// The step.
    pub step: String,
    /// To what.
    pub subject: String,
    /// Where it stands.
    pub state: EffectState,
    /// How often it was started.
    pub starts: u32,
    /// When it was started last.
    #[serde(with = "wire::millis")]
    pub started_at: Time,
    /// When it was done or failed last.
    #[serde(with = "wire::millis_option", default)]
    pub finished_at: Option<Time>,
    /// What came of it, JSON.
    pub outcome: Option<serde_json::Value>,
}

/// A recorded exception: what, why, who answers for it, until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// The incident.
    pub incident: IncidentId,
    /// The gate or step that it makes an exception of.
    pub step: String,
    /// Whom it excepts: an endpoint, an authority.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: OperatorName,
    /// When it was given.
    #[serde(with = "wire::millis")]
    pub at: Time,
    /// When it ends.
    #[serde(with = "wire::millis")]
    pub expires_at: Time,
}

/// Something somebody had to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The incident.
    pub incident: IncidentId,
    /// The message's key: `management_informed`.
    pub key: String,
    /// To whom.
    pub recipient: String,
    /// By when.
    #[serde(with = "wire::millis")]
    pub due: Time,
    /// When it went out.
    #[serde(with = "wire::millis_option", default)]
    pub sent_at: Option<Time>,
    /// The file that was rendered.
    pub file: Option<String>,
    /// SHA-256 of what was rendered.
    #[serde(with = "wire::text_option", default)]
    pub digest: Option<Fingerprint>,
}

/// One preserved thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The incident.
    pub incident: IncidentId,
    /// What it is: `database`, `journal`, `provider-log`.
    pub name: String,
    /// Where it lies, relative to the evidence folder.
    pub file: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256.
    #[serde(with = "wire::text")]
    pub digest: Fingerprint,
    /// When it was taken.
    #[serde(with = "wire::millis")]
    pub at: Time,
}

/// A file exchange with the offline root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ceremony {
    /// Its id.
    pub id: String,
    /// Its number; goes up.
    pub counter: u64,
    /// Where it stands.
    pub state: CeremonyState,
    /// SHA-256 of the request.
    #[serde(with = "wire::text")]
    pub request_digest: Fingerprint,
    /// The request, as it was written to the file.
    pub request: String,
    /// SHA-256 of the response that was imported.
    #[serde(with = "wire::text_option", default)]
    pub response_digest: Option<Fingerprint>,
    /// When it was requested.
    #[serde(with = "wire::millis")]
    pub requested_at: Time,
    /// When the response was imported.
    #[serde(with = "wire::millis_option", default)]
    pub imported_at: Option<Time>,
}

/// What a ceremony leaves for the bad day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kit {
    /// Its id.
    pub id: String,
    /// The standby authority in it.
    pub standby: AuthorityId,
    /// The ceremony that made it.
    pub ceremony: String,
    /// Where it stands.
    pub state: KitState,
    /// The people who hold its shares; two of them open it.
    pub custodians: Vec<OperatorName>,
    /// When it was made.
    #[serde(with = "wire::millis")]
    pub created_at: Time,
    /// When what is in it expires.
    #[serde(with = "wire::millis")]
    pub expires_at: Time,
    /// The incident it was released for.
    pub incident: Option<IncidentId>,
}

/// One person's share of a kit, handed in while the second is awaited.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KitShare {
    /// The kit.
    pub kit: String,
    /// Whose share it is.
    pub custodian: OperatorName,
    /// The share. It never leaves the server and is wiped when the kit is opened.
    pub share: String,
    /// When it was handed in.
    #[serde(with = "wire::millis")]
    pub at: Time,
}

impl std::fmt::Debug for KitShare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KitShare")
            .field("kit", &self.kit)
            .field("custodian", &self.custodian)
            .finish_non_exhaustive()
    }
}

/// A pre-signed CRL of the root that says revoked: its facts. The list itself is off the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escrow {
    /// The scope: the root's partition of one authority.
    pub scope: String,
    /// Its number.
    pub number: u64,
    /// The authority that it says is revoked.
    pub authority: AuthorityId,
    /// The kit that holds it.
    pub kit: String,
    /// From when.
    #[serde(with = "wire::millis")]
    pub this_update: Time,
    /// Until when.
    #[serde(with = "wire::millis")]
    pub next_update: Time,
    /// SHA-256 of its DER.
    #[serde(with = "wire::text")]
    pub digest: Fingerprint,
    /// When a later ceremony made it worthless.
    #[serde(with = "wire::millis_option", default)]
    pub voided_at: Option<Time>,
    /// When it was released.
    #[serde(with = "wire::millis_option", default)]
    pub released_at: Option<Time>,
}

/// The right to act for something, for a while. The fencing number outlives the holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// For what: `incident:inc-1`.
    pub name: String,
    /// Who holds it.
    pub holder: String,
    /// Goes up with every change of holder.
    pub fence: u64,
    /// Until when.
    #[serde(with = "wire::millis")]
    pub expires_at: Time,
}
