//! Logs of what runs for long: lines on standard error.

use tracing_subscriber::EnvFilter;

/// Events go to standard error; `SKINK_LOG` filters them, `info` unless said.
pub(crate) fn init(json: bool) {
    let filter =
        EnvFilter::try_from_env("SKINK_LOG").unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Only a second call in one process fails, and there is none.
    let _ = if json { builder.json().try_init() } else { builder.try_init() };
}
