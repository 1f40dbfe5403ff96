//! Open files: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::FleetError;

/// Files beside connections.
const OTHERS: u64 = 256;

/// Raises this process's limit of open files as far as it may go; the server inherits it.
pub(crate) fn raise(agents: usize, connections: usize) -> Result<(), FleetError> {
    let needed = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OTHERS);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    // Whoever may raise the hard limit gets what is needed; everybody else goes up to it.
    let hard = maximum.map_or(needed, |maximum| maximum.max(needed));
    let wanted = Rlimit { current: Some(needed), maximum: Some(hard) };
    let kept = Rlimit { current: Some(needed), maximum };
    if setrlimit(Resource::Nofile, kept).or_else(|_| setrlimit(Resource::Nofile, wanted)).is_ok() {
        return Ok(());
    }
    let allowed = maximum.unwrap_or(u64::MAX);
    Err(FleetError::OpenFiles { agents, needed, allowed })
}
