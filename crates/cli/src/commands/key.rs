//! `skink key`

mod attempt;
mod direct;
mod encryption;
mod life;
mod look;
mod place;
mod reconcile;
mod rewrap;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use skink_api::Key;

use self::reconcile::{Source, known_to, reconcile};
use super::Session;
use crate::table::Table;
use crate::{Global, Output};

pub(crate) const LONG: &str = "Keys: where they are, and who used them.\n\n\
    Every signature has a row in the server's ledger before it is made. A key service that keeps a \
    record of its own can be held against it: what it signed and nobody asked for was signed by \
    somebody else.";

const RECONCILE: &str = "Hold a key service's own record against the ledger.\n\n\
    Reads an audit log of OpenBao or Vault (a file device, one JSON object a line), or what AWS \
    recorded (unpacked files of a trail, or what `aws cloudtrail lookup-events` printed), Google (what \
    `gcloud logging read --format=json` printed, or an entry a line) or Azure (audit events of a key \
    vault, archived, streamed or looked up), and pairs every signature with an attempt by the \
    service's id of the call. What is left was signed behind Skink's back: the first of it bounds the \
    time since which the key is in somebody else's use.\n\n\
    Google and Azure write down an id that the caller chose. Skink's are random; one that comes a \
    second time counts as one that nobody asked for.\n\n\
    The clouds tell of a call some minutes after it, CloudTrail as a rule within a quarter of an hour: \
    wait, or what came last is missing. Google and Azure record signatures only where they were told \
    to: nothing paired of a key that signed means that nothing was recorded.\n\n\
    Exit codes: 0 everything was asked for, 6 something was not.";

const EXAMPLES: &str = "Examples:\n  \
    skink key list\n  \
    skink key reconcile --audit-log /var/log/openbao/audit.log\n  \
    aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=Sign \
    > sign.json\n  \
    skink key reconcile --cloudtrail sign.json\n  \
    gcloud logging read 'protoPayload.methodName:AsymmetricSign' --format=json > sign.json\n  \
    skink key reconcile --cloud-audit-log sign.json";

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// At the provider itself, without a server.
    #[command(flatten)]
    Direct(direct::DirectCommand),
    /// With symmetric keys, without a server.
    #[command(flatten)]
    Encryption(encryption::EncryptionCommand),
    /// All keys, where they are, and how often they signed
    List,
    /// Hold a key service's own record of signatures against the ledger
    #[command(long_about = RECONCILE, after_long_help = EXAMPLES)]
    Reconcile(Records),
}

/// The records to hold against the ledger.
#[derive(Debug, Args)]
pub struct Records {
    /// An audit log of OpenBao or Vault; may be given several times.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present_any = ["azure_monitor", "cloud_audit_log", "cloudtrail"]
    )]
    audit_log: Vec<PathBuf>,
    /// What Azure Monitor has of a key vault's audit events, as JSON; may be given several times.
    #[arg(long, value_name = "FILE")]
    azure_monitor: Vec<PathBuf>,
    /// Entries of Google's Cloud Audit Logs, as JSON; may be given several times.
    #[arg(long, value_name = "FILE")]
    cloud_audit_log: Vec<PathBuf>,
    /// What AWS recorded, as JSON; may be given several times.
    #[arg(long, value_name = "FILE")]
    cloudtrail: Vec<PathBuf>,
    /// A ledger file of `skink key test` or `skink key disable`, whose signatures were asked for
    /// too; may be given several times.
    #[arg(long, value_name = "FILE")]
    ledger: Vec<PathBuf>,
}

impl Records {
    fn sources(self) -> impl Iterator<Item = Source> {
        let logs = self.audit_log.into_iter().map(Source::Vault);
        let azure = self.azure_monitor.into_iter().map(Source::AzureMonitor);
        let google = self.cloud_audit_log.into_iter().map(Source::CloudAudit);
        logs.chain(azure).chain(google).chain(self.cloudtrail.into_iter().map(Source::CloudTrail))
    }
}

pub(crate) async fn run(command: KeyCommand, global: &Global) -> Result<()> {
    if let KeyCommand::Direct(command) = command {
        return direct::run(command, Output::new(global.json)).await;
    }
    if let KeyCommand::Encryption(command) = command {
        return encryption::run(command, Output::new(global.json)).await;
    }
    let session = &Session::open(global)?;
    match command {
        KeyCommand::Direct(_) | KeyCommand::Encryption(_) => Ok(()),
        KeyCommand::List => {
            let keys: Vec<Key> = session.api.get("/api/v1/keys", &[]).await?;
            session.out.table(&keys, || table(&keys))
        }
        KeyCommand::Reconcile(records) => {
            let mut known = known_to(session).await?;
            for file in &records.ledger {
                known.add_file(file)?;
            }
            let found = reconcile(records.sources(), known)?;
            session.out.table(&found, || found.table())?;
            found.judge()
        }
    }
}

/// Keys as a table.
pub(crate) fn table(keys: &[Key]) -> Table {
    let mut table = Table::new(["key", "of", "algorithm", "state", "signatures"], "no keys");
    for key in keys {
        table.row([
            key.uri.clone(),
            key.owner.clone(),
            key.algorithm.clone(),
            key.state.clone(),
            key.signatures.to_string(),
        ]);
    }
    table
}
