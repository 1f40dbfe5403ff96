//! A world in which effects happen once however often they are executed, and gates are met late.

use std::collections::{BTreeMap, BTreeSet};

use skink_incident::{
    Effect, Forecast, Gate, Measurement, Observation, Outcome, PublishedCrl, Scope, SnapshotFile,
    State, waves,
};
use skink_model::{AuthorityId, Time};

pub(crate) const ENDPOINTS: u32 = 13;

/// What has happened outside.
#[derive(Default)]
pub(crate) struct World {
    /// Everything that happened, once each, in order.
    pub(crate) happened: Vec<String>,
    /// How often each effect was executed.
    pub(crate) executed: BTreeMap<String, u32>,
    /// The gate that is never met.
    pub(crate) shut: Option<Gate>,
    /// How often a gate is measured before it is met.
    pub(crate) patience: u32,
    looks: BTreeMap<Gate, u32>,
}

impl World {
    /// Executes an effect as the server would: again is as good as once.
    pub(crate) fn execute(&mut self, effect: &Effect, state: &State, now: Time) -> Observation {
        let key = effect.key().to_string();
        *self.executed.entry(key.clone()).or_default() += 1;
        if let Some(gate) = effect.gate() {
            let measurement = self.measure(gate, now);
            return Observation::Measured { effect: effect.clone(), measurement };
        }
        if !self.happened.contains(&key) {
            self.happened.push(key);
        }
        let (outcome, evidence) = (outcome(effect, state), "e1".to_owned());
        Observation::Done { effect: effect.clone(), outcome, evidence }
    }

    fn measure(&mut self, gate: Gate, now: Time) -> Measurement {
        let looks = self.looks.entry(gate).or_default();
        *looks += 1;
        let met = self.shut != Some(gate) && *looks > self.patience;
        if met && !self.happened.contains(&gate.to_string()) {
            self.happened.push(gate.to_string());
        }
        let pending: BTreeSet<String> =
            if met { BTreeSet::new() } else { ["slow".to_owned()].into() };
        let target = u64::from(ENDPOINTS);
        Measurement {
            at: now,
            target,
            met: target - u64::try_from(pending.len()).unwrap(),
            pending,
            samples: 3 * target,
            evidence: "aa".to_owned(),
            note: String::new(),
        }
    }

    pub(crate) fn has(&self, what: &str) -> bool {
        self.happened.iter().any(|happened| happened == what)
    }

    /// Asserts that `earlier` happened before `later` did, if `later` did.
    pub(crate) fn ordered(&self, earlier: &str, later: &str) {
        let at = |what: &str| self.happened.iter().position(|happened| happened == what);
        if let Some(late) = at(later) {
            let early = at(earlier).unwrap_or_else(|| panic!("{later} without {earlier}"));
            assert!(early < late, "{later} came before {earlier}: {:?}", self.happened);
        }
    }
}

fn outcome(effect: &Effect, state: &State) -> Outcome {
    match effect {
        Effect::ComputeScope { .. } => Outcome::Scope(Box::new(scope(state))),
        Effect::DrainTickets { .. } => Outcome::Drained { settled: 1, unknown: vec!["0a".into()] },
        Effect::SignClosingSet { deadline, .. } => Outcome::ClosingSet {
            transition_number: 7,
            final_number: 8,
            final_entries: 20,
            final_digest: "ff".into(),
            transition_until: *deadline,
        },
        Effect::DisableKey { .. } => Outcome::Disabled { refusal_code: "key-disabled".into() },
        Effect::SnapshotEvidence { .. } => {
            let file = SnapshotFile { name: "db".into(), digest: "dd".into(), bytes: 9 };
            Outcome::Snapshot { files: vec![file] }
        }
        Effect::RenderNotice { .. } => {
            Outcome::Notice { file: "n.txt".into(), recipients: vec![], left_out: vec![] }
        }
        Effect::ActivateStandby { .. } => Outcome::Activated { successor: authority("w-g2") },
        Effect::PublishPackage { .. } => {
            Outcome::Package { epoch: 1, version: 2, digest: "bb".into() }
        }
        Effect::ReissueWave { take, .. } => {
            Outcome::Wave { endpoints: u64::from(take.unwrap_or(ENDPOINTS)) }
        }
        Effect::RevokeCertificates { .. } => Outcome::Revoked { certificates: 20 },
        Effect::PublishCrls { .. } => {
            let crl = PublishedCrl {
                scope: "root/w-g1".into(),
                number: "9".into(),
                entries: 1,
                digest: "cc".into(),
            };
            Outcome::Published { crls: vec![crl] }
        }
        Effect::WriteReport => Outcome::Report { file: "report.md".into() },
        _ => Outcome::Plain,
    }
}

fn scope(state: &State) -> Scope {
    let waves = waves(ENDPOINTS, &state.settings().wave_sizes);
    Scope {
        certificates: 20,
        endpoints: ENDPOINTS,
        relying_parties: [("anchor".to_owned(), u64::from(ENDPOINTS))].into(),
        standby: Some(authority("w-g2")),
        forecast: Forecast { waves, ..Forecast::default() },
        ..Scope::default()
    }
}

pub(crate) fn authority(id: &str) -> AuthorityId {
    id.parse().unwrap()
}
