//! One module for each group of operations. A handler unpacks, calls a use case and packs.

pub(crate) mod agents;
pub(crate) mod authorities;
pub(crate) mod ceremonies;
pub(crate) mod certificates;
pub(crate) mod endpoints;
pub(crate) mod incidents;
pub(crate) mod journal;
pub(crate) mod people;
pub(crate) mod public;
pub(crate) mod status;
pub(crate) mod trust;
