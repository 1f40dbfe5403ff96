//! `skink agent`

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(crate) const LONG: &str = "Run on a host: enrol, then tend its certificates and its trust.\n\n\
    An agent makes its keys on the host and keeps them there. It installs a certificate or a trust \
    package as one change: write, check, reload, prove by a handshake, acknowledge, or roll back \
    and say so. It takes no commands but \"fetch the package\" and \"renew now\", and while the \
    server is away everything it tends goes on working.";

const ENROLL_LONG: &str = "Enrol this host with a token from `skink token create`.\n\n\
    The token names what this agent may become and carries the root's fingerprint: nothing else \
    needs to be known or trusted beforehand. It works once, and for minutes.\n\n\
    The endpoints file says where the files of each endpoint go and how its software is told:\n\n\
    \x20 [[endpoint]]\n\
    \x20 name = \"web-1\"\n\
    \x20 files = \"/etc/nginx/skink\"\n\
    \x20 check = [\"nginx\", \"-t\"]\n\
    \x20 reload = [\"nginx\", \"-s\", \"reload\"]";

const ENROLL_EXAMPLES: &str = "Examples:\n  \
    skink agent enroll --dir /var/lib/skink-agent --endpoints endpoints.toml --token-file token\n  \
    skink agent run --dir /var/lib/skink-agent";

/// What an agent can be told.
#[derive(Clone, Debug, Subcommand)]
pub enum AgentCommand {
    /// Enrol this host with a token
    #[command(long_about = ENROLL_LONG, after_long_help = ENROLL_EXAMPLES)]
    Enroll(EnrollArgs),
    /// Tend this host's endpoints until stopped
    Run(RunArgs),
}

/// Arguments of `agent enroll`.
#[derive(Clone, Debug, Args)]
pub struct EnrollArgs {
    /// Folder of the agent; made with mode 0700.
    #[arg(long, default_value = "skink-agent", value_name = "DIR")]
    pub dir: PathBuf,
    /// The token; better in a file, where no process list shows it.
    #[arg(
        long,
        value_name = "TOKEN",
        required_unless_present = "token_file",
        conflicts_with = "token_file"
    )]
    pub token: Option<String>,
    /// File that holds the token.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// File that says where the endpoints' files go and how they are reloaded.
    #[arg(long, value_name = "FILE")]
    pub endpoints: PathBuf,
}

/// Arguments of `agent run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Folder that `agent enroll` made.
    #[arg(long, default_value = "skink-agent", value_name = "DIR")]
    pub dir: PathBuf,
    /// Write the log as JSON, a line per event.
    #[arg(long)]
    pub log_json: bool,
}
