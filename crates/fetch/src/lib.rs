//! What a server really presents: its chain, its stapled answer, its protocols, over any of the
//! protocols that carry TLS.
//!
//! Nothing is trusted here and no certificate is judged: what was presented is handed on as it
//! came. What a scan says about protocols and ciphers it says about those alone.
#![warn(missing_docs)]

mod alert;
mod connect;
mod error;
mod fetch;
mod place;
mod plain;
mod proxy;
mod scan;
mod start_tls;
mod wire;

pub use alert::Alert;
pub use error::{FetchError, Stage};
pub use fetch::{ClientAuth, Handshake, Identity, Presented, fetch};
pub use place::{BadPlace, Family, Options, Place, Sni};
pub use proxy::{BadProxy, Proxy};
pub use scan::{Grade, Reason, Scan, Spoken, Times, scan};
pub use start_tls::{Protocol, UnknownProtocol};
