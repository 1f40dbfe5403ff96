//! `skink operator`

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use skink_api::{NewOperator, Operator, OperatorCreated, Role};
use skink_model::OperatorName;

use super::Session;
use crate::api::segment;
use crate::table::{Table, yes};
use crate::when;

pub(crate) const LONG: &str = "Operators: the people who run this, and their roles.\n\n\
    \x20 viewer    reads everything that is not secret\n\
    \x20 operator  issues, revokes, enrols, declares incidents\n\
    \x20 pki-lead  leads the PKI: ceremonies, activation, taint, kit, close\n\
    \x20 ciso      answers for the company: taint, kit, close\n\
    \x20 auditor   reads everything, the audit trail included; changes nothing\n\n\
    One operator is one person. What destroys takes two of them.";

const CREATE_EXAMPLES: &str = "Examples:\n  \
    skink operator create alice --role pki-lead                    prints a token, once\n  \
    skink operator create bob --role operator --client-key bob.pub mutual TLS instead";

#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// All operators
    List,
    /// Register an operator
    #[command(after_long_help = CREATE_EXAMPLES)]
    Create(Create),
    /// Remove an operator's access
    Disable {
        /// His name.
        name: OperatorName,
    },
}

#[derive(Debug, Args)]
pub struct Create {
    /// His name; one per person.
    name: OperatorName,
    /// What he may do: viewer, operator, pki-lead, ciso or auditor.
    #[arg(long)]
    role: Role,
    /// Public key (`SubjectPublicKeyInfo`, PEM) of his client certificate; without one a bearer
    /// token is made.
    #[arg(long, value_name = "FILE")]
    client_key: Option<PathBuf>,
}

pub(crate) async fn run(command: OperatorCommand, session: &Session) -> Result<()> {
    match command {
        OperatorCommand::List => {
            let operators: Vec<Operator> = session.api.get("/api/v1/operators", &[]).await?;
            session.out.table(&operators, || table(&operators))
        }
        OperatorCommand::Create(create) => {
            let wanted = NewOperator {
                name: create.name.as_str().to_owned(),
                role: create.role,
                client_key_pem: create.client_key.map(fs_err::read_to_string).transpose()?,
            };
            let made: OperatorCreated = session.api.post("/api/v1/operators", &wanted).await?;
            if made.token.is_some() {
                session.out.say("the token for his operator file; it is not shown again");
            }
            session.out.show(&made, || {
                let known = || table(std::slice::from_ref(&made.operator)).to_string();
                made.token.clone().unwrap_or_else(known)
            })
        }
        OperatorCommand::Disable { name } => {
            let path = format!("/api/v1/operators/{}", segment(name.as_str())?);
            let gone: Operator = session.api.delete(&path).await?;
            session.out.table(&gone, || table(std::slice::from_ref(&gone)))
        }
    }
}

fn table(operators: &[Operator]) -> Table {
    let head = ["operator", "role", "token", "client key", "since", "disabled"];
    let mut table = Table::new(head, "no operators");
    for operator in operators {
        table.row([
            operator.name.clone(),
            operator.role.to_string(),
            yes(operator.has_token),
            yes(operator.key_digest.is_some()),
            when::show(operator.created_at_ms),
            yes(operator.disabled),
        ]);
    }
    table
}
