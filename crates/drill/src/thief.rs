//! The thief: holds a copy of the issuing key and signs outside every ledger.

pub(crate) mod forge;
pub(crate) mod key;
pub(crate) mod status;
pub(crate) mod stolen;
pub(crate) mod tls;
