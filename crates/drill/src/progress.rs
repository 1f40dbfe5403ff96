//! What a drill says while it runs.

use skink_api::Incident;

/// Hears how a drill goes.
pub trait Progress: Send + Sync {
    /// Something new begins.
    fn stage(&self, what: &str);
    /// The incident was looked at.
    fn incident(&self, incident: &Incident);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn stage(&self, _what: &str) {}
    fn incident(&self, _incident: &Incident) {}
}
