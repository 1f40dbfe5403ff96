//! `skink agent`

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use skink_model::AgentName;

use super::Session;
use crate::api::segment;
use crate::{Failure, Global};

pub(crate) const LONG: &str = "Run on a host: enrol, then tend its certificates and its trust.\n\n\
    An agent makes its keys on the host and keeps them there. It installs a certificate or a trust \
    package as one change: write, check, reload, prove by a handshake, acknowledge, or roll back \
    and say so. It takes no commands but \"fetch the package\" and \"renew now\", and while the \
    server is away everything it tends goes on working.\n\n\
    Its configuration says where it keeps its own files, where those of each endpoint go, and how \
    their software is told:\n\n\
    \x20 dir = \"/var/lib/skink-agent\"\n\n\
    \x20 [endpoints.web-1]\n\
    \x20 dir = \"/etc/nginx/skink\"\n\n\
    \x20 [endpoints.web-1.commands]\n\
    \x20 check = [\"nginx\", \"-t\"]\n\
    \x20 reload = [\"nginx\", \"-s\", \"reload\"]\n\
    \x20 settle_ms = 200\n\n\
    In the endpoint's folder it writes cert.pem (with the authority's certificate), key.pem (mode \
    0600), anchors.pem, and, as the endpoint's mechanism needs them, crls.pem or denied.json.";

const ENROLL_LONG: &str = "Enrol this host with a token from `skink token create`.\n\n\
    The token names what this agent may become and carries the root's fingerprint: nothing else \
    needs to be known or trusted beforehand. It works once, and for minutes.";

const ENROLL_EXAMPLES: &str = "Examples:\n  \
    skink agent enroll --config agent.toml --token-file token\n  \
    ssh admin skink token create web-1 --endpoint web-1 --dns web-1.corp.example |\n    \
      skink agent enroll --config agent.toml --token-file -";

const DISABLE_LONG: &str = "Shut a host's agent out, from an operator's place.\n\n\
    For a host that was stolen or taken: every key that its agent ever had under control is refused \
    from now on. What the host's endpoints hold is another matter: revoke their certificates. The \
    agent comes back by enrolling with a new token.";

const DISABLE_EXAMPLES: &str = "Examples:\n  \
    skink agent disable web-1";

/// What an agent can be told.
#[derive(Clone, Debug, Subcommand)]
pub enum AgentCommand {
    /// Enrol this host with a token
    #[command(long_about = ENROLL_LONG, after_long_help = ENROLL_EXAMPLES)]
    Enroll(EnrollArgs),
    /// Tend this host's endpoints until stopped
    Run(RunArgs),
    /// Shut a host's agent out, from an operator's place
    #[command(long_about = DISABLE_LONG, after_long_help = DISABLE_EXAMPLES)]
    Disable(DisableArgs),
}

/// Arguments of `agent disable`.
#[derive(Clone, Debug, Args)]
pub struct DisableArgs {
    /// The agent.
    name: AgentName,
}

/// Shuts an agent out.
pub async fn disable(args: &DisableArgs, global: &Global) -> Result<()> {
    let session = Session::open(global)?;
    let path = format!("/api/v1/agents/{}", segment(args.name.as_str())?);
    session.api.delete_quietly(&path).await?;
    session.out.show(&json!({ "agent": args.name, "disabled": true }), || {
        format!("{} is shut out until it enrols again with a new token", args.name)
    })
}

/// Arguments of `agent enroll`.
#[derive(Clone, Debug, Args)]
pub struct EnrollArgs {
    /// The agent's configuration.
    #[arg(long, default_value = "agent.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// The token; better in a file, where no process list shows it.
    #[arg(long, value_name = "TOKEN", required_unless_present = "token_file")]
    pub token: Option<String>,
    /// File that holds the token; - is standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub token_file: Option<PathBuf>,
}

impl EnrollArgs {
    /// The token, wherever it is.
    pub fn read_token(&self) -> Result<String> {
        let text = match (&self.token, &self.token_file) {
            (Some(token), _) => token.clone(),
            (None, Some(file)) if file.as_os_str() == "-" => {
                std::io::read_to_string(std::io::stdin())?
            }
            (None, Some(file)) => fs_err::read_to_string(file)?,
            (None, None) => String::new(),
        };
        let token = text.trim();
        if token.is_empty() {
            bail!(Failure::Usage {
                what: "there is no token".into(),
                hint: "`skink token create` makes one".into(),
            });
        }
        Ok(token.to_owned())
    }
}

/// Arguments of `agent run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The agent's configuration.
    #[arg(long, default_value = "agent.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// Write the log as JSON, a line per event.
    #[arg(long)]
    pub log_json: bool,
}
