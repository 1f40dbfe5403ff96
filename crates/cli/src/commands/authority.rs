//! `skink authority`

mod ceremony;

use anyhow::Result;
use clap::{Args, Subcommand};
use skink_api::{Activation, Authority, Freeze, HeldList, HeldListWaiver, Key};

use super::{Session, key};
use crate::api::segment;
use crate::table::{Facts, Table, or_dash, yes};
use crate::when;

pub(crate) const LONG: &str = "Authorities: the generations of issuers, and ceremonies with the \
    root.\n\n\
    Life of an authority: pending, prepared (a standby), active, retiring, retired; and for a \
    stolen one tainted, revoked, distrusted. Freezing stops issuance and is reversible; taint is \
    not, and belongs to an incident: `skink incident declare`.";

const FREEZE_LONG: &str = "Stop an authority from issuing, reversibly.\n\n\
    Use it while you find out. What is certain already is declared: `skink incident declare` \
    freezes too, and starts the clock.";

const ACTIVATE_LONG: &str = "Make a prepared generation the active one.\n\n\
    For the first generation of a new issuer. To move an issuer that is in use to its next \
    generation without a failed handshake, use `skink incident declare --plan rotation`.";

const WAIVE_LONG: &str = "Go on without the newest list that was out, as one of two people.\n\n\
    For a server that was put back from a backup, where the newest list is nowhere to be found. \
    What was revoked since the backup and is not known here is good again: look through what \
    people remember, tickets and logs, and revoke it again first; revocations are taken while the \
    lists wait. Numbers go on far above the backup's.";

#[derive(Debug, Subcommand)]
pub enum AuthorityCommand {
    /// All authorities
    List,
    /// One authority
    Show {
        /// Its id, as `workloads-g1`.
        id: String,
    },
    /// Stop an authority from issuing, reversibly
    #[command(long_about = FREEZE_LONG)]
    Freeze(Target),
    /// Let a frozen authority issue again
    Unfreeze(Target),
    /// Make a prepared generation the active one
    #[command(long_about = ACTIVATE_LONG)]
    Activate(Activate),
    /// Lists that wait because the database was put back from a backup
    HeldLists,
    /// Go on without the newest list that was out, as one of two people
    #[command(long_about = WAIVE_LONG)]
    WaiveList {
        /// The list's scope, as `workloads-g1/p0`.
        scope: String,
        /// Why, for the journal.
        #[arg(long)]
        reason: String,
    },
    /// All keys behind providers
    Keys,
    /// The file exchange with the offline root
    #[command(subcommand, long_about = ceremony::LONG)]
    Ceremony(ceremony::CeremonyCommand),
}

#[derive(Debug, Args)]
pub struct Target {
    /// The authority's id, as `workloads-g1`.
    id: String,
    /// Why, for the journal.
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(Debug, Args)]
pub struct Activate {
    #[command(flatten)]
    target: Target,
    /// Say what would happen, change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(command: AuthorityCommand, session: &Session) -> Result<()> {
    match command {
        AuthorityCommand::List => {
            let authorities: Vec<Authority> = session.api.get("/api/v1/authorities", &[]).await?;
            session.out.table(&authorities, || table(&authorities))
        }
        AuthorityCommand::Show { id } => {
            let path = format!("/api/v1/authorities/{}", segment(&id)?);
            show(session, &session.api.get(&path, &[]).await?)
        }
        AuthorityCommand::Freeze(target) => frost(session, target, "freeze").await,
        AuthorityCommand::Unfreeze(target) => frost(session, target, "unfreeze").await,
        AuthorityCommand::Activate(Activate { target, dry_run }) => {
            let path = format!("/api/v1/authorities/{}/activate", segment(&target.id)?);
            let body = Activation { reason: target.reason, dry_run };
            show(session, &session.api.post(&path, &body).await?)
        }
        AuthorityCommand::HeldLists => {
            let held: Vec<HeldList> = session.api.get("/api/v1/held-lists", &[]).await?;
            session.out.table(&held, || held_table(&held))
        }
        AuthorityCommand::WaiveList { scope, reason } => {
            let body = HeldListWaiver { scope, reason };
            let held: Vec<HeldList> = session.api.post("/api/v1/held-lists/waive", &body).await?;
            session.out.table(&held, || held_table(&held))
        }
        AuthorityCommand::Keys => {
            let keys: Vec<Key> = session.api.get("/api/v1/keys", &[]).await?;
            session.out.table(&keys, || key::table(&keys))
        }
        AuthorityCommand::Ceremony(command) => ceremony::run(command, session).await,
    }
}

async fn frost(session: &Session, target: Target, verb: &str) -> Result<()> {
    let path = format!("/api/v1/authorities/{}/{verb}", segment(&target.id)?);
    show(session, &session.api.post(&path, &Freeze { reason: target.reason }).await?)
}

fn show(session: &Session, authority: &Authority) -> Result<()> {
    session.out.show(authority, || facts(authority).to_string())
}

fn state(authority: &Authority) -> String {
    let frozen = if authority.frozen { ", frozen" } else { "" };
    format!("{}{frozen}", authority.state)
}

fn table(authorities: &[Authority]) -> Table {
    let head = ["authority", "issuer", "state", "certificates", "crl", "until"];
    let mut table = Table::new(head, "no authorities");
    for authority in authorities {
        table.row([
            authority.id.clone(),
            authority.issuer.clone(),
            state(authority),
            authority.certificates_valid.to_string(),
            or_dash(authority.crl_number),
            or_dash(authority.not_after_ms.map(when::show)),
        ]);
    }
    table
}

fn held_table(held: &[HeldList]) -> Table {
    let mut table = Table::new(["list", "backup of", "waived by"], "no list waits");
    for one in held {
        let waived = or_dash(one.waived_by.as_ref());
        table.row([one.scope.clone(), when::show(one.taken_at_ms), waived]);
    }
    table
}

fn facts(authority: &Authority) -> Facts {
    Facts::default()
        .fact("authority", &authority.id)
        .fact("issuer", format!("{}, generation {}", authority.issuer, authority.generation))
        .maybe("parent", authority.parent.as_ref())
        .fact("state", state(authority))
        .maybe("reason", authority.reason.as_ref())
        .fact("barrier open", yes(authority.barrier_open))
        .maybe("valid until", authority.not_after_ms.map(when::show))
        .fact("certificates", authority.certificates_valid)
        .maybe("CRL number", authority.crl_number)
        .maybe("CRL due", authority.crl_next_update_ms.map(when::show))
        .maybe("key", authority.key_uri.as_ref())
        .maybe("key digest", authority.key_digest.as_ref())
        .maybe("fingerprint", authority.fingerprint.as_ref())
}
