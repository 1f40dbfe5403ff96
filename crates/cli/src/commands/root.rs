//! `skink root`

mod package;
mod sign;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use skink_authority::ceremony::{OfflineRoot, Request, RootConfig};
use skink_signer::{Credential, KeyUri};

use crate::ambient::{MachineClock, MachineRng};
use crate::commands::write_new;
use crate::table::Facts;
use crate::{Output, PassphraseArgs, Passphrases};

pub(crate) const LONG: &str = "The offline root, in a folder of its own.\n\n\
    Needs neither database nor network, and refuses to run where a server's database is. Files \
    cross the gap: a request comes from the server, a person looks at it, the root signs it, the \
    response goes back. Every ceremony renews the root's CRLs and leaves a recovery kit for each \
    authority, sealed for two people, that does not belong on the server.";

const INIT_EXAMPLES: &str = "Examples:\n  \
    skink root init --dir /media/usb/skink-root --domain corp.example \\\n    \
      --public-url http://pki.corp.example";

const CSR_LONG: &str = "Ask a parent elsewhere to certify the root's key too.\n\n\
    Writes a request (PKCS #10) with the root's name, signed with its key, wherever that is kept. \
    A certificate that another authority makes of it lets those who trust only that authority \
    come to the root: hand it to them, or to servers as a further intermediate, and see with \
    `skink chain verify` that the way holds. Skink distributes its own root alone, and distrust of \
    an issuer below it does not need the parent.";

const INSPECT_LONG: &str = "Show exactly what signing a request would sign.\n\n\
    Certificates with their subjects, keys and lifetimes; authorities to revoke, for good; the \
    numbers and times of every CRL; what goes into the kits. Compare the requester's key with what \
    the server shows. Nothing is signed.";

#[derive(Debug, Subcommand)]
pub enum RootCommand {
    /// Begin a root
    #[command(after_long_help = INIT_EXAMPLES)]
    Init(Init),
    /// What may be known of the root: its certificate and how it was begun
    Show {
        #[command(flatten)]
        place: Place,
    },
    /// Ask a parent elsewhere to certify the root's key too
    #[command(long_about = CSR_LONG)]
    Csr {
        /// Request file to write; must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Show exactly what signing a request would sign
    #[command(long_about = INSPECT_LONG)]
    Inspect {
        /// The request file.
        request: PathBuf,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Sign a request, after a person has looked at it
    #[command(long_about = sign::LONG, after_long_help = sign::EXAMPLES)]
    Sign(sign::Sign),
    /// Sign a trust package here, when the server is lost
    #[command(long_about = package::LONG, after_long_help = package::EXAMPLES)]
    Package(package::Package),
}

/// Where the root is.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// The root's folder.
    #[arg(long, default_value = "skink-root", value_name = "DIR")]
    dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct Init {
    #[command(flatten)]
    place: Place,
    /// The trust domain's name.
    #[arg(long, value_name = "NAME")]
    domain: String,
    /// URL under which everybody will reach the server's plain listener; it is written into
    /// certificates.
    #[arg(long, value_name = "URL")]
    public_url: String,
    /// Algorithm of the root's key [default: ec-p384]
    #[arg(long, value_name = "ALGORITHM")]
    key_algorithm: Option<String>,
    /// The root's key, where it is not to be a file in the folder: one that `skink key create` made
    /// in a hardware module or at a key service. Every ceremony needs it, by the credential in the
    /// environment.
    #[arg(long, value_name = "URI", conflicts_with = "key_algorithm")]
    key: Option<KeyUri>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

pub(crate) async fn run(command: RootCommand, out: Output) -> Result<()> {
    match command {
        RootCommand::Init(init) => begin(init, out).await,
        RootCommand::Show { place } => {
            let info = OfflineRoot::info_of(&place.dir)?;
            out.show(&info, || {
                Facts::default()
                    .fact("domain", &info.config.domain)
                    .fact("public URL", &info.config.public_url)
                    .fact("key", &info.config.key_algorithm)
                    .maybe("kept at", info.key.as_ref())
                    .to_string()
                    + &info.certificate
            })
        }
        RootCommand::Csr { out: path, place, passphrase } => {
            let root = open(&place, &Passphrases::open(&passphrase)?).await?;
            write_new(&path, root.csr().await?.as_bytes())?;
            let path = path.display().to_string();
            out.show(&serde_json::json!({ "request": path }), || {
                format!("{path} goes to the parent elsewhere")
            })
        }
        RootCommand::Inspect { request, place, passphrase } => {
            let request = read_request(&request)?;
            let root = open(&place, &Passphrases::open(&passphrase)?).await?;
            let text = root.plan(&request)?.to_string();
            out.show(&serde_json::json!({ "plan": text, "request": request.body() }), || {
                text.clone()
            })
        }
        RootCommand::Sign(sign) => sign::run(sign, out).await,
        RootCommand::Package(package) => package::run(package, out).await,
    }
}

async fn begin(init: Init, out: Output) -> Result<()> {
    let mut config = RootConfig::new(&init.domain, &init.public_url);
    if let Some(algorithm) = init.key_algorithm {
        config.key_algorithm = algorithm;
    }
    let passphrases = Passphrases::open(&init.passphrase)?;
    let credential: Credential = passphrases.choose_alone("root", "the root's key")?.into();
    let (clock, rng) = (Arc::new(MachineClock), Arc::new(MachineRng));
    let key = init.key.as_ref();
    let root = OfflineRoot::init_with(&init.place.dir, credential, config, key, clock, rng).await?;
    let fingerprint = root.certificate().fingerprint().to_string();
    let dir = init.place.dir.display().to_string();
    out.show(&serde_json::json!({ "dir": dir, "fingerprint": fingerprint }), || {
        Facts::default()
            .fact("root", root.certificate().subject())
            .fact("fingerprint", &fingerprint)
            .fact("folder", &dir)
            .to_string()
    })
}

async fn open(place: &Place, passphrases: &Passphrases) -> Result<OfflineRoot> {
    // Said before anybody types a passphrase.
    OfflineRoot::info_of(&place.dir)?;
    let credential: Credential = passphrases.ask("root")?.into();
    let (clock, rng) = (Arc::new(MachineClock), Arc::new(MachineRng));
    Ok(OfflineRoot::open(&place.dir, credential, clock, rng).await?)
}

fn read_request(path: &Path) -> Result<Request> {
    Request::from_json(&fs_err::read_to_string(path)?)
        .with_context(|| format!("{} cannot be taken", path.display()))
}
