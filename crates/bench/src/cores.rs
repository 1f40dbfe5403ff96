//! Which core who runs on.

use std::sync::OnceLock;
use std::thread::available_parallelism;

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::error::BenchError;

/// Whose core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Core {
    /// The servers'.
    Server,
    /// The generator's.
    Generator,
    /// Nobody's in particular.
    Any,
}

/// How many cores there were before this program pinned itself.
pub(crate) fn all() -> usize {
    static ALL: OnceLock<usize> = OnceLock::new();
    *ALL.get_or_init(|| available_parallelism().map_or(1, std::num::NonZero::get))
}

/// Moves this thread to a core. Processes and threads that it starts then stay there.
pub(crate) fn pin(core: Core) -> Result<(), BenchError> {
    if all() < 2 {
        return Ok(());
    }
    let cores = match core {
        Core::Server => 0..1,
        Core::Generator => 1..2,
        Core::Any => 0..all(),
    };
    let (mut set, first) = (CpuSet::new(), cores.start);
    cores.for_each(|core| set.set(core));
    sched_setaffinity(None, &set).map_err(|source| BenchError::Pin { core: first, source })
}
