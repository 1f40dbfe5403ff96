//! What an organisation may tune about an incident, as data.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skink_model::Role;

use crate::approval::ApprovalOf;
use crate::effect::Disposal;

/// The numbers an incident runs by. They are copied into the declaration, so that a change of
/// configuration never changes an incident under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Consecutive full handshakes with data that put a relying party past N.
    pub barrier_handshakes: u32,
    /// Over at least how long those handshakes must be spread after a reload, in milliseconds.
    pub settle_ms: u64,
    /// How far an agent's clock may be off, in milliseconds, for its proof to count.
    pub clock_offset_ms: u64,
    /// For how long nobody may have seen a legitimate peer with an old certificate, in milliseconds.
    pub quiet_ms: u64,
    /// Sizes of the waves of re-issue; the last size repeats.
    pub wave_sizes: Vec<u32>,
    /// When policy `cutover` revokes even though the transition is not through, in milliseconds
    /// after the declaration.
    pub cutover_deadline_ms: u64,
    /// The first wait after a failed effect, in milliseconds; doubled up to `retry_max_ms`.
    pub retry_ms: u64,
    /// The longest wait after a failed effect, in milliseconds.
    pub retry_max_ms: u64,
    /// What becomes of the old key at the end.
    pub key_disposal: Disposal,
    /// From how many agents' hosts published CRLs must have been read back.
    pub read_back_agents: u32,
    /// The roles that may give each approval; two different persons are always needed.
    pub approvers: BTreeMap<ApprovalOf, Vec<Role>>,
    /// Regulations that apply, by their ids.
    pub regulations: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let people = vec![Role::PkiLead, Role::Ciso];
        Self {
            barrier_handshakes: 3,
            settle_ms: 200,
            clock_offset_ms: 30_000,
            quiet_ms: 60_000,
            wave_sizes: vec![2, 10],
            cutover_deadline_ms: 30 * 60 * 1000,
            retry_ms: 200,
            retry_max_ms: 30_000,
            key_disposal: Disposal::Archive,
            read_back_agents: 2,
            approvers: ApprovalOf::ALL.into_iter().map(|of| (of, people.clone())).collect(),
            regulations: vec!["gdpr".to_owned(), "nis2".to_owned()],
        }
    }
}

impl Settings {
    /// The wait before attempt `attempts + 1` of an effect that failed `attempts` times.
    pub fn backoff(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(16);
        let wait = self.retry_ms.saturating_mul(1 << doublings);
        Duration::from_millis(wait.min(self.retry_max_ms).max(1))
    }

    /// The roles that may give `approval`; nobody when it is not configured.
    pub fn roles_for(&self, approval: ApprovalOf) -> &[Role] {
        self.approvers.get(&approval).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_bound() {
        let settings = Settings { retry_ms: 100, retry_max_ms: 1000, ..Settings::default() };
        let waits: Vec<u128> = (1..7).map(|n| settings.backoff(n).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(settings.backoff(u32::MAX).as_millis(), 1000);
    }

    #[test]
    fn settings_read_back_from_json_and_refuse_what_they_do_not_know() {
        let settings = Settings::default();
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&json).unwrap(), settings);
        assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), settings);
        assert!(serde_json::from_str::<Settings>(r#"{"quite_ms": 1}"#).is_err());
    }
}
