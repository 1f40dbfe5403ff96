//! `skink drill`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use skink_signer::KeyUri;

pub(crate) const LONG: &str = "Steal a key on purpose and watch everything survive it.\n\n\
    Starts a server as a process of its own, an offline root, endpoints that serve and clients \
    that call them without pause over mutual TLS, each tended by an agent. Then a thief takes the \
    issuing key and attacks, before, during and after, while two operators drive the incident \
    through the API. Everything runs on loopback in a temporary folder.\n\n\
    The drill passes only if no handshake failed, every attack was refused afterwards by every \
    relying party while a legitimate certificate was accepted beside it, and every gate was \
    measured.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink drill                                20 servers, 20 clients: some 12 s on two cores\n  \
    skink drill --json > figures.json          one object; exit code 0 only if everything holds\n  \
    skink drill --crash --endpoints 8 --clients 8 --seed 7\n  \
    skink drill --plan rotation                the same path without a thief\n  \
    skink drill --create-keys --issuer-key vault:transit/drill-1   a thief with the use of a key
  \
    skink drill --keep /tmp/drill              leave every file to be looked at\n  \
    skink drill --endpoints 200 --clients 200  ten times as many: about a minute";

/// The incident that is drilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DrillPlan {
    /// An issuing authority's key is stolen.
    Authority,
    /// The same path without a theft.
    Rotation,
}

/// Arguments of `drill`.
#[derive(Clone, Debug, Args)]
pub struct DrillArgs {
    /// Servers.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub endpoints: u16,
    /// Clients.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub clients: u16,
    /// Fixes choices and schedule (not bytes); random unless said.
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Work in this folder and keep it.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// What to drill.
    #[arg(long, value_enum, default_value = "authority")]
    pub plan: DrillPlan,
    /// Kill the server at random moments of the incident, at least three times.
    #[arg(long)]
    pub crash: bool,
    /// Keep the issuer's key at a key service, by this name there: vault:transit/NAME or
    /// pkcs11:token=LABEL;object=NAME
    #[arg(long, value_name = "URI", requires = "create_keys")]
    pub issuer_key: Option<KeyUri>,
    /// The same for the standby's key; best at another service
    #[arg(long, value_name = "URI", requires = "create_keys")]
    pub standby_key: Option<KeyUri>,
    /// Make these keys, which must not exist, with the credential in the environment; the server
    /// gets another one that only signs
    #[arg(long)]
    pub create_keys: bool,
    /// Take one protection out, to see the drill fail.
    #[arg(long, value_name = "PROTECTION", hide = true)]
    pub without: Option<String>,
}
