//! Incidents, drills and rotations.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{IncidentState, Plan, Policy, Severity, StepState, Trigger};

/// Declares an incident. The authority is frozen at once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Declare {
    /// The plan that fits.
    pub plan: Plan,
    /// The generation that is compromised (or to be rotated): `workloads-g1`.
    pub authority: String,
    /// What happened.
    pub trigger: Trigger,
    /// Since when a thief may have had the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspected_since_ms: Option<i64>,
    /// When it was detected; now unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected_at_ms: Option<i64>,
    /// When somebody who answers for it became aware; now unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aware_at_ms: Option<i64>,
    /// When to revoke; `cutover` unless said.
    #[serde(default = "cutover")]
    pub policy: Policy,
    /// Seconds from now at which `cutover` revokes regardless; 1800 unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cutover_deadline_s: Option<u64>,
    /// How bad; `sev1` unless said.
    #[serde(default = "sev1")]
    pub severity: Severity,
    /// It is a rehearsal; reports and notices say so.
    #[serde(default)]
    pub drill: bool,
    /// Names from the contact book who are told nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leave_out: Vec<String>,
    /// Triage only: say what the plan would do, change nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// In a few words.
    #[serde(default)]
    pub summary: String,
}

fn cutover() -> Policy {
    Policy::Cutover
}

fn sev1() -> Severity {
    Severity::Sev1
}

/// One line about an incident.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct IncidentSummary {
    /// Its id; empty for a dry run.
    pub id: String,
    /// Its plan.
    pub plan: Plan,
    /// The generation it is about.
    pub authority: String,
    /// The generation that takes over, once it is known.
    pub successor: Option<String>,
    /// What happened.
    pub trigger: Trigger,
    /// When it revokes.
    pub policy: Policy,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it is a rehearsal.
    pub drill: bool,
    /// Where it stands.
    pub state: IncidentState,
    /// The step at work: `triage`, `contain`, `evidence`, `notices`, `replace`, `transition`,
    /// `revoke`, `distrust`, `close`.
    pub step: String,
    /// Since when a thief may have had the key.
    pub suspected_since_ms: Option<i64>,
    /// When it was detected.
    pub detected_at_ms: i64,
    /// When it was declared: the clock's zero.
    pub declared_at_ms: i64,
    /// When somebody who answers for it became aware.
    pub aware_at_ms: i64,
    /// When the last gate of the distrust step opened.
    pub recovered_at_ms: Option<i64>,
    /// When it ended.
    pub closed_at_ms: Option<i64>,
    /// In a few words.
    pub summary: String,
}

/// All about an incident.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    /// The line about it.
    #[serde(flatten)]
    pub summary: IncidentSummary,
    /// Its steps in their order.
    pub steps: Vec<Step>,
    /// Its gates and what was measured.
    pub gates: Vec<Gate>,
    /// Its checkpoints.
    pub checkpoints: Vec<Checkpoint>,
    /// What waits for people.
    pub approvals: Vec<ApprovalWanted>,
    /// What is affected.
    pub triage: Triage,
    /// How long it should take.
    pub forecast: Forecast,
    /// About the compromised key.
    pub key: KeyFacts,
    /// About certificates.
    pub certificates: CertificateFacts,
    /// About the final CRL.
    pub crl: CrlFacts,
    /// Recorded exceptions.
    pub waivers: Vec<Waiver>,
    /// What was not rehearsed or measured.
    pub not_rehearsed: Vec<String>,
}

/// A step of the plan.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: StepState,
    /// When it began.
    pub started_at_ms: Option<i64>,
    /// When it was proven done.
    pub done_at_ms: Option<i64>,
    /// What it does or waits for, in a sentence.
    pub detail: String,
    /// Things done, for a bar.
    pub progress: u64,
    /// Things to do, for a bar.
    pub total: u64,
}

/// A measurement that lets the next step begin.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Gate {
    /// `key-disabled`, `barrier`, `read-back`, `reissued`, `quiet`, `refused`, …
    pub name: String,
    /// Whether it has opened.
    pub open: bool,
    /// When it opened.
    pub opened_at_ms: Option<i64>,
    /// What was measured: `9000 of 10000`.
    pub target: String,
    /// How many samples were taken.
    pub samples: u64,
    /// Digest of the evidence.
    pub evidence: Option<String>,
    /// Who or what it still waits for, by name; nobody while more than a hundred endpoints are missing.
    pub waiting_for: Vec<String>,
}

/// A checkpoint of the response.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Checkpoint {
    /// `triage`, `authority_offline`, …
    pub name: String,
    /// Seconds after declaration by which it should be reached.
    pub planned_s: f64,
    /// Seconds after declaration at which it was.
    pub actual_s: Option<f64>,
    /// What proves it.
    pub evidence: String,
}

/// A step that waits for people.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ApprovalWanted {
    /// What to approve: `taint`, `kit`, `close`.
    pub step: String,
    /// How many different people.
    pub needed: u32,
    /// Who may.
    pub roles: Vec<crate::Role>,
    /// Who has.
    pub given: Vec<Approval>,
}

/// One person's approval.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// Who.
    pub operator: String,
    /// When.
    pub at_ms: i64,
}

/// Approves a step.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// `taint`, `kit`, `close`.
    pub step: String,
    /// For the journal.
    #[serde(default)]
    pub comment: String,
}

/// Releases one custodian's share of the recovery kit; the second share opens it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KitRelease {
    /// The kit file, exactly as the ceremony left it.
    pub kit: String,
    /// The custodian whose share it is.
    pub custodian: String,
    /// The share, opened by the custodian with a passphrase on a machine of his own.
    pub share: String,
}

impl std::fmt::Debug for KitRelease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KitRelease").field("custodian", &self.custodian).finish_non_exhaustive()
    }
}

/// A reason, for the journal.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reasoned {
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// What is affected.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Triage {
    /// Valid certificates of the authority.
    pub certificates: u64,
    /// The same by profile.
    pub by_profile: Vec<TriageCount>,
    /// The same by channel.
    pub by_channel: Vec<TriageCount>,
    /// The same by owner.
    pub by_owner: Vec<TriageCount>,
    /// The same by criticality.
    pub by_criticality: Vec<TriageCount>,
    /// Relying parties by distrust mechanism.
    pub by_mechanism: Vec<TriageCount>,
    /// Endpoints that break under `immediate` until they are re-issued.
    pub breaks_immediate: u64,
    /// Endpoints that break under `cutover`.
    pub breaks_cutover: u64,
    /// Relying parties nobody tends.
    pub unmanaged: Vec<String>,
    /// Relying parties that need the root replaced.
    pub cannot_distrust: Vec<String>,
    /// Until when a reader without an agent may believe a cached CRL.
    pub cached_crl_until_ms: Option<i64>,
    /// Certificates that expire before the forecast finish.
    pub expiring_before_finish: u64,
}

/// A number with a name.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TriageCount {
    /// What is counted.
    pub name: String,
    /// How many.
    pub count: u64,
}

/// How long it should take.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Forecast {
    /// Signatures the plan will make.
    pub signatures: u64,
    /// Waves of re-issue.
    pub waves: u32,
    /// Seconds from declaration to the last gate.
    pub recovered_s: f64,
    /// Whether that is inside the hour.
    pub within_the_hour: bool,
    /// What would help if it is not.
    pub advice: Vec<String>,
}

/// About the compromised key.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct KeyFacts {
    /// Whether the provider has disabled it.
    pub disabled: bool,
    /// The provider's own code for the refusal.
    pub refusal_code: Option<String>,
    /// Whether another key signed through the same credential in the same minute.
    pub control_signature_ok: bool,
    /// Whether disabling it stops only us.
    pub thief_has_copy: bool,
}

/// About certificates.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct CertificateFacts {
    /// Endpoints that are to get a certificate of the new generation.
    pub to_reissue: u64,
    /// How many have it, proven.
    pub reissued: u64,
    /// How many certificates were revoked.
    pub revoked: u64,
}

/// About the final CRL.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct CrlFacts {
    /// Its entries.
    pub entries: u64,
    /// Whether it was read back from the distribution point.
    pub read_back: bool,
    /// Numbers that were published, as `scope number`.
    pub published: Vec<String>,
}

/// A recorded exception.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Waiver {
    /// What is excepted: a gate's name.
    pub gate: String,
    /// For which endpoint.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Until when.
    pub expires_at_ms: i64,
}

/// Records an exception.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WaiverRequest {
    /// What is excepted: a gate's name.
    pub gate: String,
    /// For which endpoint.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// Until when; 24 h unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<i64>,
}
