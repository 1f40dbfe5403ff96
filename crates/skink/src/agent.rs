//! `skink agent`

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::json;
use skink_agent::{Agent, AgentConfig};
use skink_cli::{AgentCommand, EnrollArgs, Global, MachineClock, MachineRng, Output, RunArgs};

use crate::{logging, signals};

/// Enrols a host, tends it until SIGTERM or SIGINT, or shuts one out.
pub(crate) async fn run(command: AgentCommand, global: &Global) -> Result<()> {
    match command {
        AgentCommand::Enroll(args) => enroll(&args, Output::new(global.json)).await,
        AgentCommand::Run(args) => tend(&args).await,
        AgentCommand::Disable(args) => skink_cli::disable_agent(&args, global).await,
    }
}

async fn enroll(args: &EnrollArgs, out: Output) -> Result<()> {
    let config = read(&args.config)?;
    let token = args.read_token()?;
    skink_agent::enroll(&config, &token, &MachineClock, &MachineRng).await?;
    let dir = config.dir.display().to_string();
    out.show(&json!({ "dir": dir }), || {
        format!("enrolled; now: skink agent run --config {}", args.config.display())
    })
}

async fn tend(args: &RunArgs) -> Result<()> {
    logging::init(args.log_json);
    let config = read(&args.config)?;
    let (clock, rng) = (Arc::new(MachineClock), Arc::new(MachineRng));
    let agent = Agent::open(config, HashMap::new(), clock, rng)?;
    agent.run(signals::told_to_stop()).await;
    Ok(())
}

fn read(path: &Path) -> Result<AgentConfig> {
    let text = fs_err::read_to_string(path)?;
    AgentConfig::from_toml(&text).with_context(|| format!("{} is not usable", path.display()))
}
