//! What a server really presents: its chain, its stapled answer, its protocols, over any of the
//! protocols that carry TLS.
//!
//! Nothing is trusted here and nothing is judged: what was presented is handed on as it came.
#![warn(missing_docs)]
