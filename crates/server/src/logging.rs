//! Structured logs: JSON lines on stderr, or text for a person at a terminal.

use tracing_subscriber::EnvFilter;

/// Sends events to stderr. `SKINK_LOG` filters as `tracing_subscriber::EnvFilter` has it; `info`
/// unless said. Only the first call in a process counts.
pub fn init(json: bool) {
    let filter =
        EnvFilter::try_from_env("SKINK_LOG").unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = if json { builder.json().try_init() } else { builder.try_init() };
}
