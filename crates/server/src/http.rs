//! The three listeners: from sockets to use cases and back.

pub(crate) mod authorise;
pub(crate) mod caching;
pub(crate) mod extract;
mod handlers;
pub(crate) mod listen;
pub(crate) mod quick;
pub(crate) mod router;
pub(crate) mod tls;
