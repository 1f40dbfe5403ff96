//! `skink serve`

use std::path::PathBuf;

use clap::Args;

pub(crate) const LONG: &str = "Run the server.\n\n\
    Three listeners: HTTPS for operators, HTTPS for agents, and plain HTTP for what everybody may \
    read (/crl, /ocsp, /aia, /trust, /healthz, /readyz). Once it is ready it writes the addresses to \
    ports.json in its folder. SIGTERM and SIGINT let what is under way finish. Killed at any \
    instant, it goes on where it was.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink serve --dir /var/lib/skink\n  \
    SKINK_LOG=debug skink serve --log-json";

/// Arguments of `serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Folder that `skink init` made.
    #[arg(long, default_value = "skink", value_name = "DIR")]
    pub dir: PathBuf,
    /// Write the log as JSON, a line per event.
    #[arg(long)]
    pub log_json: bool,
}
