//! What a drill measured, as the one JSON object that `skink drill --json` prints.

use serde::Serialize;

use crate::thief::stolen::ThiefKind;

/// The result of a drill.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The plan that was drilled.
    pub plan: String,
    /// The seed of choices and schedule.
    pub seed: u64,
    /// Seconds from declaration to the last gate.
    pub recovered_s: f64,
    /// Seconds from declaration to the last acceptance of any attack anywhere; zero when none was
    /// accepted after it.
    pub exposure_s: f64,
    /// The checkpoints of the incident, by name.
    pub checkpoints: Vec<Checkpoint>,
    /// What the fleet's own traffic went through.
    pub handshakes: Handshakes,
    /// How many relying parties took part.
    pub relying_parties: usize,
    /// Every attack, each against every relying party that it concerns.
    pub attacks: Vec<AttackResult>,
    /// What was re-issued and revoked.
    pub certificates: Certificates,
    /// The final CRL of the stolen authority, as read back.
    pub crl: CrlResult,
    /// What became of the stolen key.
    pub key: KeyResult,
    /// How often the server was killed between declaration and the last gate.
    pub crashes: u32,
    /// The incident's journal.
    pub journal: JournalResult,
    /// Where the incident's report was written.
    pub report: String,
    /// What this drill could not rehearse.
    pub not_rehearsed: Vec<String>,
    /// The gates of the drill itself: all must hold for exit code 0.
    pub gates: Vec<Gate>,
}

/// A checkpoint of `domain.md`, planned and measured, in seconds from declaration.
#[derive(Debug, Clone, Serialize)]
pub struct Checkpoint {
    /// Its name.
    pub name: String,
    /// When the plan wants it.
    pub planned_s: f64,
    /// When it was reached; absent when it was not.
    pub actual_s: Option<f64>,
    /// What proves it.
    pub evidence: String,
}

/// The fleet's own connections, counted by the clients and checked against the servers.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Handshakes {
    /// Full handshakes that the clients finished.
    pub full: u64,
    /// Resumed ones.
    pub resumed: u64,
    /// Requests answered.
    pub requests: u64,
    /// Connections or requests that failed, on either side.
    pub failed: u64,
    /// The first failures, in words.
    pub failures: Vec<String>,
}

/// One attack over the whole drill.
#[derive(Debug, Clone, Serialize)]
pub struct AttackResult {
    /// Its name.
    pub name: String,
    /// What the thief makes it with.
    pub thief: Means,
    /// How many targets it concerns.
    pub targets: usize,
    /// How many accepted it before the incident.
    pub accepted_before: usize,
    /// How many refused it after the last gate, for the right reason.
    pub refused_after: usize,
    /// How many accepted the legitimate counterpart beside the refused attack.
    pub controls_ok: usize,
    /// Refusals by the mechanism of the target.
    pub refused_by: RefusedBy,
    /// Seconds from declaration to the last acceptance; absent when there was none after it.
    pub last_accepted_s: Option<f64>,
    /// Attempts while the incident ran that were accepted or refused.
    pub attempts_during: usize,
    /// What went wrong, in words, at most a few.
    pub failures: Vec<String>,
}

/// What an attack is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// A copy of the issuing key.
    KeyCopy,
    /// The use of the issuing key, until its provider refused him.
    KeyUse,
    /// A copy of the key that signs trust packages.
    TrustKeyCopy,
    /// A host with its agent's identity.
    Host,
    /// An operator's session, or files of an earlier ceremony.
    Insider,
    /// What anybody can fetch, and keys of his own.
    Public,
}

/// Refusals by the distrust mechanism of the relying party.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RefusedBy {
    /// By parties whose anchors are issuing generations.
    pub anchor: usize,
    /// By parties that check the root's CRL.
    #[serde(rename = "parent-crl")]
    pub parent_crl: usize,
    /// By parties that compare keys.
    pub deny: usize,
    /// By the server itself, an agent or the offline root's rules.
    pub other: usize,
}

/// Certificates replaced and revoked by the incident.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Certificates {
    /// Released under the new generation.
    pub reissued: u64,
    /// Entries of the final CRL.
    pub revoked: u64,
    /// Attempts of the stolen authority's to sign one whose end nobody knows, since the server was
    /// killed meanwhile.
    pub unknown: u64,
}

/// The final CRL of the stolen authority.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CrlResult {
    /// Its entries.
    pub entries: u64,
    /// Whether it was fetched, verified and found complete.
    pub read_back: bool,
}

/// What became of the stolen key.
#[derive(Debug, Clone, Default, Serialize)]
pub struct KeyResult {
    /// Whether its provider refuses it.
    pub disabled: bool,
    /// The provider's own code of that refusal.
    pub refusal_code: String,
    /// Whether another key signed through the same credential in the same minute.
    pub control_signature_ok: bool,
    /// Whether the thief signs with his copy all the same.
    pub thief_has_copy: bool,
    /// Which thief it was.
    pub thief: ThiefKind,
    /// The provider's own code of its refusal to sign for him, where he has no copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thief_refused: Option<String>,
    /// The code with which the provider refused to enable the key for him, asked before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thief_may_not_enable: Option<String>,
}

/// The incident's journal as `skink journal verify` sees it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct JournalResult {
    /// Events in all streams.
    pub events: u64,
    /// Whether every link of the chain holds.
    pub verified: bool,
}

/// One condition of success.
#[derive(Debug, Clone, Serialize)]
pub struct Gate {
    /// What must hold.
    pub name: String,
    /// Whether it was measured and holds.
    pub holds: bool,
    /// The figure that decided.
    pub evidence: String,
}

impl Report {
    /// Whether every gate was measured and holds; a report without gates holds nothing.
    pub fn holds(&self) -> bool {
        !self.gates.is_empty() && self.gates.iter().all(|gate| gate.holds)
    }
}
