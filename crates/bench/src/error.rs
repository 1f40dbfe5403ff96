//! Why nothing could be measured.

use std::io;
use std::process::ExitStatus;

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error("cannot {what}")]
    File {
        what: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("the generator's runtime does not start")]
    Runtime(#[source] io::Error),
    #[error("the generator cannot be pinned to core {core}")]
    Pin {
        core: usize,
        #[source]
        source: rustix::io::Errno,
    },
    #[error("there are no rows called {name:?}; there are {known}")]
    NoRow { name: String, known: String },
    #[error("cannot start {program}: {hint}")]
    Missing {
        program: String,
        hint: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("{program} ended with {status}: {said}")]
    Ended { program: String, status: ExitStatus, said: String },
    #[error("{program} does not answer in time")]
    NotReady { program: String },
    #[error("process {0} is gone")]
    Gone(u32),
    #[error("cannot speak with {0}")]
    Speak(String, #[source] io::Error),
    #[error("{whom} answered {status} to {path}: {body}")]
    Refused { whom: String, path: String, status: u16, body: String },
    #[error("{whom} gave an answer that is not understood: {what}")]
    Answer { whom: String, what: String },
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    #[error("the database does not do its part")]
    Store(#[from] skink_store::StoreError),
    #[error("a request cannot be made: {0}")]
    Material(String),
}

impl BenchError {
    /// For `map_err`.
    pub(crate) const fn file(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { what, source }
    }
}
