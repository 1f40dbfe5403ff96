//! `skink trust`

use anyhow::Result;
use clap::{Args, Subcommand};
use skink_api::{Publish, TrustCurrent};

use super::Session;
use crate::table::Facts;
use crate::when;

pub(crate) const LONG: &str = "The trust package that relying parties decide by.\n\n\
    It holds the roots (signed by the root), the authorities with their states, one current CRL \
    for each scope, and the denied keys. The server signs and publishes a new version whenever \
    something changes, and daily. The key it signs with can only take trust away.";

#[derive(Debug, Subcommand)]
pub enum TrustCommand {
    /// The package that is out, and who runs it
    Show,
    /// Publish the next version now
    Publish(PublishArgs),
}

#[derive(Debug, Args)]
pub struct PublishArgs {
    /// Why, for the journal.
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    /// Say what would change, publish nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(command: TrustCommand, session: &Session) -> Result<()> {
    let current: TrustCurrent = match command {
        TrustCommand::Show => session.api.get("/api/v1/trust", &[]).await?,
        TrustCommand::Publish(PublishArgs { reason, dry_run }) => {
            session.api.post("/api/v1/trust", &Publish { reason, dry_run }).await?
        }
    };
    session.out.show(&current, || facts(&current).to_string())
}

fn facts(trust: &TrustCurrent) -> Facts {
    Facts::default()
        .fact("version", format!("{} in epoch {}", trust.version, trust.epoch))
        .fact("digest", &trust.digest)
        .fact("signed", when::show(trust.issued_at_ms))
        .fact("good until", when::show(trust.not_after_ms))
        .fact("run by", format!("{} of {} endpoints", trust.acknowledged, trust.managed))
        .fact("authorities", trust.authorities.join(", "))
        .fact("denied keys", trust.denied_keys.join(", "))
}
