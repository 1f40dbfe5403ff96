//! `skink token`

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde::Deserialize;
use skink_api::{EndpointSpec, NewToken, Token, TokenCreated};
use skink_model::{AgentName, EndpointName};

use super::Session;
use super::endpoint::SpecArgs;
use crate::table::{Table, or_dash};
use crate::when::{self, Span};

pub(crate) const LONG: &str = "Enrolment tokens for agents.\n\n\
    A token names what one agent may become (its endpoints, their names, profiles and issuer), \
    once, for minutes. It carries the root's fingerprint and the least version of the trust \
    package, so that a fresh host cannot be fooled. A stolen host is one host's problem.";

const CREATE_LONG: &str = "Make an enrolment token.\n\n\
    For one endpoint, describe it by flags. For several, write a file:\n\n\
    \x20 [[endpoint]]\n\
    \x20 name = \"web-1\"\n\
    \x20 role = \"server\"\n\
    \x20 mechanism = \"parent-crl\"\n\
    \x20 service = \"shop\"\n\
    \x20 issuer = \"workloads\"\n\
    \x20 profile = \"server\"\n\
    \x20 names = [\"web-1.corp.example\"]\n\
    \x20 address = \"web-1.corp.example:443\"";

const CREATE_EXAMPLES: &str = "Examples:\n  \
    skink token create web-1 --endpoint web-1 --dns web-1.corp.example \\\n    \
      --address web-1.corp.example:443 > token\n  \
    skink token create app-host --endpoints endpoints.toml --lifetime 30m";

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make an enrolment token; it is said once
    #[command(long_about = CREATE_LONG, after_long_help = CREATE_EXAMPLES)]
    Create(Box<Create>),
    /// All tokens, without their secrets
    List,
}

#[derive(Debug, Args)]
pub struct Create {
    /// The agent's name.
    agent: AgentName,
    /// The one endpoint that it tends, described by the options below.
    #[arg(long, value_name = "NAME", required_unless_present = "endpoints")]
    endpoint: Option<EndpointName>,
    /// File that describes its endpoints.
    #[arg(long, value_name = "FILE", conflicts_with = "endpoint")]
    endpoints: Option<PathBuf>,
    /// How long the token is good for [default: 15m]
    #[arg(long, value_name = "SPAN")]
    lifetime: Option<Span>,
    #[command(flatten)]
    spec: SpecArgs,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndpointsFile {
    endpoint: Vec<EndpointSpec>,
}

pub(crate) async fn run(command: TokenCommand, session: &Session) -> Result<()> {
    match command {
        TokenCommand::Create(create) => {
            let wanted = resolve(*create)?;
            let made: TokenCreated = session.api.post("/api/v1/tokens", &wanted).await?;
            let until = when::show(made.expires_at_ms);
            session.out.say(&format!("good once, until {until}; it is not shown again"));
            session.out.show(&made, || made.token.clone())
        }
        TokenCommand::List => {
            let tokens: Vec<Token> = session.api.get("/api/v1/tokens", &[]).await?;
            session.out.table(&tokens, || table(&tokens))
        }
    }
}

fn resolve(create: Create) -> Result<NewToken> {
    let mut endpoints = match &create.endpoints {
        Some(file) => read(file)?,
        None => Vec::new(),
    };
    if let Some(name) = &create.endpoint {
        endpoints.push(create.spec.resolve(name, Some(&create.agent)));
    }
    for endpoint in &mut endpoints {
        endpoint.agent.get_or_insert_with(|| create.agent.as_str().to_owned());
    }
    Ok(NewToken {
        agent: create.agent.as_str().to_owned(),
        endpoints,
        lifetime_s: create.lifetime.map(Span::as_secs),
    })
}

fn read(path: &Path) -> Result<Vec<EndpointSpec>> {
    let file: EndpointsFile = toml::from_str(&fs_err::read_to_string(path)?)
        .with_context(|| format!("{} does not describe endpoints", path.display()))?;
    Ok(file.endpoint)
}

fn table(tokens: &[Token]) -> Table {
    let mut table = Table::new(["token", "agent", "endpoints", "by", "until", "used"], "no tokens");
    for token in tokens {
        table.row([
            token.id.clone(),
            token.agent.clone(),
            token.endpoints.join(", "),
            token.created_by.clone(),
            when::show(token.expires_at_ms),
            or_dash(token.used_at_ms.map(when::show)),
        ]);
    }
    table
}
