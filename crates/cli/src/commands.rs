//! One module per noun: its arguments and what they do.

pub(crate) mod agent;
pub(crate) mod authority;
pub(crate) mod certificate;
pub(crate) mod chain;
pub(crate) mod drill;
pub(crate) mod endpoint;
pub(crate) mod incident;
pub(crate) mod init;
pub(crate) mod issuer;
pub(crate) mod journal;
pub(crate) mod key;
pub(crate) mod operator;
pub(crate) mod posture;
pub(crate) mod profile;
pub(crate) mod root;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod token;
pub(crate) mod trust;

use std::path::Path;

use anyhow::Result;

use crate::api::Api;
use crate::{ClientCommand, Global, OperatorFile, Output};

/// A command at work: the server it talks to and the way it answers.
pub(crate) struct Session {
    pub(crate) api: Api,
    pub(crate) out: Output,
}

impl Session {
    fn open(global: &Global) -> Result<Self> {
        let operator = OperatorFile::find(global.operator.as_deref())?;
        Ok(Self { api: Api::connect(&operator)?, out: Output::new(global.json) })
    }
}

/// Performs a command.
pub(crate) async fn run(command: ClientCommand, global: &Global) -> Result<()> {
    if let ClientCommand::Root(command) = command {
        return root::run(*command, Output::new(global.json)).await;
    }
    if let ClientCommand::Chain(command) = command {
        return chain::run(*command, Output::new(global.json)).await;
    }
    if let ClientCommand::Key(command) = command {
        return key::run(*command, global).await;
    }
    if let ClientCommand::Posture(command) = command {
        return posture::run(command, global).await;
    }
    let session = Session::open(global)?;
    match command {
        ClientCommand::Root(_)
        | ClientCommand::Chain(_)
        | ClientCommand::Key(_)
        | ClientCommand::Posture(_) => Ok(()),
        ClientCommand::Status => status::run(&session).await,
        ClientCommand::Issuer(command) => issuer::run(command, &session).await,
        ClientCommand::Authority(command) => authority::run(command, &session).await,
        ClientCommand::Profile(command) => profile::run(command, &session).await,
        ClientCommand::Certificate(command) => certificate::run(command, &session).await,
        ClientCommand::Endpoint(command) => endpoint::run(command, &session).await,
        ClientCommand::Token(command) => token::run(command, &session).await,
        ClientCommand::Operator(command) => operator::run(command, &session).await,
        ClientCommand::Trust(command) => trust::run(command, &session).await,
        ClientCommand::Incident(command) => incident::run(*command, &session).await,
        ClientCommand::Journal(command) => journal::run(command, &session).await,
    }
}

/// Writes a new file that everybody may read; an existing one is not overwritten.
pub(crate) fn write_new(path: &Path, contents: &[u8]) -> Result<()> {
    use std::io::Write as _;
    let mut file = fs_err::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(contents)?;
    Ok(())
}
