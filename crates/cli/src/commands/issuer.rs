//! `skink issuer`

use anyhow::Result;
use clap::{Args, Subcommand};
use skink_api::{Issuer, NewIssuer};
use skink_model::IssuerName;

use super::Session;
use crate::table::{Table, or_dash};

pub(crate) const LONG: &str = "Issuers: the names that profiles, agents and people refer to.\n\n\
    An issuer has one active authority at a time. Replacing that authority never changes the \
    issuer's name. Give each purpose an issuer of its own, so that one compromise stays one \
    compromise.";

const CREATE_LONG: &str = "Make a further issuer.\n\n\
    It can issue once a ceremony with the offline root has signed its first authority: \
    `skink authority ceremony request`, then `skink root sign`, then `skink authority ceremony \
    import`.";

#[derive(Debug, Subcommand)]
pub enum IssuerCommand {
    /// All issuers
    List,
    /// Make a further issuer
    #[command(long_about = CREATE_LONG)]
    Create(Create),
}

#[derive(Debug, Args)]
pub struct Create {
    /// The new issuer's name.
    name: IssuerName,
    /// A profile that it serves; may be given several times.
    #[arg(long = "profile", value_name = "PROFILE", required = true)]
    profiles: Vec<String>,
}

pub(crate) async fn run(command: IssuerCommand, session: &Session) -> Result<()> {
    match command {
        IssuerCommand::List => {
            let issuers: Vec<Issuer> = session.api.get("/api/v1/issuers", &[]).await?;
            session.out.table(&issuers, || table(&issuers))
        }
        IssuerCommand::Create(create) => {
            let wanted =
                NewIssuer { name: create.name.as_str().to_owned(), profiles: create.profiles };
            let made: Issuer = session.api.post("/api/v1/issuers", &wanted).await?;
            session.out.table(&made, || table(std::slice::from_ref(&made)))
        }
    }
}

fn table(issuers: &[Issuer]) -> Table {
    let mut table = Table::new(["issuer", "active", "standby", "profiles"], "no issuers");
    for issuer in issuers {
        table.row([
            issuer.name.clone(),
            or_dash(issuer.active.as_ref()),
            or_dash(issuer.standby.as_ref()),
            issuer.profiles.join(", "),
        ]);
    }
    table
}
