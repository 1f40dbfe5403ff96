//! `skink root sign`

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use console::Term;
use skink_authority::ceremony::{AnchorsInput, CeremonyPlan, SignOptions};
use skink_trust::Anchors;
use skink_x509::KeyDigest;

use super::{Place, open, read_request};
use crate::commands::write_new;
use crate::custodian::{ask_custodians, check_custodians};
use crate::{Failure, Output, PassphraseArgs, Passphrases};

pub(crate) const LONG: &str = "Sign a request, after a person has looked at it.\n\n\
    Shows what `inspect` shows and asks. A server that asks for the first time, or with a new key, \
    is signed for only if --confirm-requester repeats the key digest that you compared. The \
    response goes back to the server; the kits go to the custodians and not to the server.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink root sign request.json --out response.json --kits kits \\\n    \
      --custodian alice --custodian bob --custodian carol\n\n\
    Any two of the custodians can release a kit together; none can alone.";

#[derive(Debug, Args)]
pub struct Sign {
    /// The request file.
    request: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Response file to write; must not exist.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Folder for the recovery kits; made if it is not there.
    #[arg(long, value_name = "DIR")]
    kits: PathBuf,
    /// A custodian of the kits; two or more people.
    #[arg(long = "custodian", value_name = "NAME", required = true)]
    custodians: Vec<String>,
    /// Key digest of a requester that was not seen before.
    #[arg(long, value_name = "DIGEST")]
    confirm_requester: Option<KeyDigest>,
    /// Do not ask: somebody has looked at it with `inspect`.
    #[arg(long)]
    yes: bool,
    /// Show what would be signed, sign nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

pub(super) async fn run(sign: Sign, out: Output) -> Result<()> {
    check_custodians(&sign.custodians)?;
    let request = read_request(&sign.request)?;
    let passphrases = Passphrases::open(&sign.passphrase)?;
    let mut root = open(&sign.place, &passphrases).await?;
    let plan = root.plan(&request)?;
    if sign.dry_run {
        let text = plan.to_string();
        return out.show(&serde_json::json!({ "plan": text }), || text.clone());
    }
    if sign.out.exists() {
        bail!(Failure::Refused {
            what: format!("{} exists already", sign.out.display()),
            hint: "name another file; responses are never overwritten".into(),
        });
    }
    confirm(&plan, sign.yes)?;
    let custodians = ask_custodians(&sign.custodians, &passphrases)?;
    fs_err::create_dir_all(&sign.kits)?;
    let options = SignOptions {
        custodians: &custodians,
        confirmed_requester: sign.confirm_requester,
        anchors: Some(&anchors),
    };
    let ceremony = root.sign(&request, &options).await?;
    write_new(&sign.out, ceremony.response.to_json()?.as_bytes())?;
    let mut kits = Vec::new();
    for kit in &ceremony.kits {
        let path = kit_path(&sign.kits, kit.facts().authority.as_str(), plan.number);
        write_new(&path, kit.to_json()?.as_bytes())?;
        kits.push(path.display().to_string());
    }
    let response = sign.out.display().to_string();
    out.show(&serde_json::json!({ "response": response, "kits": kits }), || {
        format!(
            "{response} goes back: skink authority ceremony import {response}\n\
             These go to the custodians, not to the server:\n  {}",
            kits.join("\n  ")
        )
    })
}

fn kit_path(folder: &Path, authority: &str, ceremony: u64) -> PathBuf {
    folder.join(format!("{authority}-{ceremony}.kit.json"))
}

fn confirm(plan: &CeremonyPlan, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    let terminal = Term::stderr();
    if !terminal.is_term() {
        bail!(Failure::Usage {
            what: "nobody is there to look at what would be signed".into(),
            hint: "look at it with `skink root inspect`, then give --yes".into(),
        });
    }
    terminal.write_str(&format!("{plan}\nSign all of this? Type yes: "))?;
    if terminal.read_line()?.trim() != "yes" {
        bail!(Failure::Refused {
            what: "nothing was signed".into(),
            hint: "the request stays good; look at it again with `skink root inspect`".into(),
        });
    }
    Ok(())
}

/// The text of the anchors part, in the format of trust packages.
fn anchors(input: &AnchorsInput) -> String {
    let anchors = Anchors {
        domain: input.domain.clone(),
        ceremony: input.ceremony,
        roots: vec![input.root.to_pem()],
        successors: Vec::new(),
        reinstated: Vec::new(),
    };
    anchors.to_body().unwrap_or_default()
}
