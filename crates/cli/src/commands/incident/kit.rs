//! `skink incident release-kit`

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use skink_api::{Incident, KitRelease};
use skink_authority::ceremony::KitFile;

use super::{path, show};
use crate::commands::Session;
use crate::{PassphraseArgs, Passphrases};

pub(crate) const LONG: &str = "Release your share of the recovery kit.\n\n\
    The kit holds the sealed credential of a standby authority and a sealed CRL by which the root \
    revokes the stolen one. Two custodians open it together, each on a machine of his own: your \
    passphrase stays here, only your opened share travels. Releasing it is a weapon; it takes the \
    two approvals of step `kit` as well.";

#[derive(Debug, Args)]
pub struct ReleaseKit {
    /// The incident's id.
    id: String,
    /// The kit file, as the ceremony left it.
    #[arg(long, value_name = "FILE")]
    kit: PathBuf,
    /// Whose share it is.
    #[arg(long, value_name = "NAME")]
    custodian: String,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

pub(super) async fn run(session: &Session, release: ReleaseKit) -> Result<()> {
    let kit = fs_err::read_to_string(&release.kit)?;
    let file = KitFile::from_json(&kit)
        .with_context(|| format!("{} is no recovery kit", release.kit.display()))?;
    let passphrase = Passphrases::open(&release.passphrase)?.ask(&release.custodian)?;
    let share = file.sealed().open_share(&release.custodian, &passphrase)?;
    let body =
        KitRelease { kit, custodian: release.custodian, share: serde_json::to_string(&share)? };
    let incident: Incident = session.api.post(&path(&release.id, "kit")?, &body).await?;
    show::incident(session, &incident)
}
