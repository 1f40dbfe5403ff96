//! What was measured last at gates that are shut: for people who watch. Nothing depends on it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use skink_incident::{Gate, Measurement};
use skink_model::IncidentId;

type Latest = BTreeMap<Gate, Measurement>;

/// The latest measurements of every running incident.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<HashMap<IncidentId, Latest>>);

impl Board {
    pub(super) fn put(&self, incident: &IncidentId, gate: Gate, measurement: Measurement) {
        self.all().entry(incident.clone()).or_default().insert(gate, measurement);
    }

    pub(super) fn latest(&self, incident: &IncidentId) -> Latest {
        self.all().get(incident).cloned().unwrap_or_default()
    }

    pub(super) fn forget(&self, incident: &IncidentId) {
        self.all().remove(incident);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<IncidentId, Latest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
