//! Handshakes that prove what a relying party accepts and refuses.
//!
//! Every probe is a full handshake (nothing is resumed) with data exchanged: a client whose
//! certificate TLS 1.3 refuses sees its handshake succeed, and learns of it only when it reads.

mod dial;
mod listen;
mod outcome;
mod presented;

pub use dial::{Dial, dial};
pub use listen::ProbeServer;
pub use outcome::{Outcome, Presented};
