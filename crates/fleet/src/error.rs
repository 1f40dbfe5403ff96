//! What keeps a fleet from being measured. An agent that fails is counted, and is no error.

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FleetError {
    #[error("the runtime cannot be started")]
    Runtime(#[source] std::io::Error),
    #[error("cannot {what}")]
    File {
        what: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "{agents} agents need {needed} open files, and this process may have {allowed}: raise the hard limit (`ulimit -Hn {needed}`)"
    )]
    OpenFiles { agents: usize, needed: u64, allowed: u64 },
    #[error("the server could not be set up")]
    Stage(#[source] skink_drill::DrillError),
    #[error("the incident could not be driven")]
    Incident(#[source] skink_drill::DrillError),
    #[error("of {agents} agents {missing} had no certificate in {limit_s} s; {failures}")]
    NotReady { agents: usize, missing: usize, limit_s: u64, failures: String },
    #[error("the server's process is gone")]
    ServerGone,
}
