//! `skink root package`

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use skink_authority::ceremony::{OfflineRoot, PackageKey};
use skink_model::{Clock as _, Time};
use skink_trust::{
    AuthorityEntry, CrlEntry, Digest, Edition, Envelope, Held, Limits, Manifest, Parts, Status,
};

use super::{Place, open};
use crate::ambient::MachineClock;
use crate::commands::write_new;
use crate::table::Facts;
use crate::when::{self, Span};
use crate::{Failure, Output, PassphraseArgs, Passphrases};

pub(crate) const LONG: &str = "Sign a trust package here, when the server is lost.\n\n\
    Takes what an agent holds (trust-state.json in its folder) and says the same again, with nothing \
    added and nothing taken away, signed by a new key that the root certifies with the next epoch: \
    it outranks whatever a stolen trust key signed. A package ends before the first of its CRLs \
    does; that is how long it buys.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink root package --held trust-state.json --out package\n\n\
    The folder has the layout of /trust: `package` and `part/DIGEST`.";

#[derive(Debug, Args)]
pub struct Package {
    /// The trust record of an agent.
    #[arg(long, value_name = "FILE")]
    held: PathBuf,
    /// Folder to write; must not exist.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How long the package is good for, if its CRLs are.
    #[arg(long, default_value = "5d", value_name = "SPAN")]
    lifetime: Span,
    /// Say what would be signed, sign nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

pub(super) async fn run(package: Package, out: Output) -> Result<()> {
    let held = Held::from_record(&fs_err::read(&package.held)?)?;
    let now = MachineClock.now();
    let not_after = end(&held, now, package.lifetime)?;
    if package.out.exists() {
        bail!(Failure::Refused {
            what: format!("{} exists already", package.out.display()),
            hint: "name another folder; packages are never overwritten".into(),
        });
    }
    let mut root = open(&package.place, &Passphrases::open(&package.passphrase)?).await?;
    if root.info().config.domain != held.domain() {
        bail!(Failure::Refused {
            what: format!("the record is of trust domain {}", held.domain()),
            hint: format!("this root's is {}", root.info().config.domain),
        });
    }
    let above = held.edition().epoch;
    if package.dry_run {
        return out.show(&serde_json::json!({ "epoch_above": above }), || {
            Facts::default()
                .fact("would say again", format!("package {}", held.edition()))
                .fact("with an epoch above", above)
                .fact("good until", when::show(not_after.as_millis()))
                .to_string()
        });
    }
    let key = root.new_package_key(above).await?;
    let signed = sign(&root, &key, &held, now, not_after).await?;
    held.accept(&signed.envelope, &signed.parts, now, &Limits::default())
        .context("no agent would take the package")?;
    write(&package.out, &signed)?;
    let (epoch, folder) = (key.epoch(), package.out.display().to_string());
    let shown = serde_json::json!({ "epoch": epoch, "version": 1, "folder": folder });
    out.show(&shown, || {
        Facts::default()
            .fact("package", format!("version 1 in epoch {epoch}"))
            .fact("digest", Digest::of(&signed.envelope))
            .fact("good until", when::show(not_after.as_millis()))
            .fact("folder", &folder)
            .to_string()
    })
}

struct Signed {
    envelope: Vec<u8>,
    parts: Parts,
}

/// Before every CRL in it ends.
fn end(held: &Held, now: Time, lifetime: Span) -> Result<Time> {
    let wanted = now.plus(lifetime.duration());
    let ends = held.crls().iter().filter_map(|crl| Some((crl.crl.next_update()?, &crl.scope)));
    let Some((first, scope)) = ends.min() else { return Ok(wanted) };
    let before = first.minus(Span::SECOND.duration());
    if before <= now {
        bail!(Failure::Refused {
            what: format!("the CRL of {scope} ended at {first}"),
            hint: "take the record of an agent that heard of the server later".into(),
        });
    }
    Ok(wanted.min(before))
}

async fn sign(
    root: &OfflineRoot,
    key: &PackageKey,
    held: &Held,
    now: Time,
    not_after: Time,
) -> Result<Signed> {
    let mut parts = Parts::new();
    let anchors = held.anchors_part().context("the record is of an agent without a package")?;
    let anchors = parts.insert(anchors.to_vec());
    let status = status(key, held, &mut parts)?;
    let status = parts.insert(status.to_part()?);
    let manifest = Manifest {
        domain: held.domain().to_owned(),
        stream: held.stream().to_owned(),
        edition: Edition::new(key.epoch(), 1),
        issued_at_ms: now.as_millis(),
        not_after_ms: not_after.as_millis(),
        anchors,
        status,
    };
    let body = manifest.to_body()?;
    let signature = root.sign_package(key, &body).await?;
    let envelope = Envelope::assemble(body, key.certificate(), &signature)?;
    Ok(Signed { envelope, parts })
}

/// What is held, and the root's list about the new key.
fn status(key: &PackageKey, held: &Held, parts: &mut Parts) -> Result<Status> {
    let authorities = held.authorities().iter().map(|one| AuthorityEntry {
        id: one.id.clone(),
        issuer: one.issuer.clone(),
        generation: one.generation,
        kind: one.kind,
        state: one.state,
        certificate: one.certificate.to_pem(),
    });
    let mut crls = Vec::new();
    for crl in held.crls() {
        crls.push(entry(crl.scope.clone(), crl.crl.der(), parts)?);
    }
    let list = key.list();
    let der = list.der().context("the new key's CRL cannot be read")?;
    let path = list.uri.find("/crl/").map(|at| list.uri[at..].to_owned());
    crls.push(entry(path.context("the new key's CRL has no place")?, &der, parts)?);
    Ok(Status {
        authorities: authorities.collect(),
        crls,
        denied_keys: held.denied_keys().iter().copied().collect(),
        server_keys: held.server_keys().iter().copied().collect(),
        journal_head: held.journal_head().unwrap_or_default().to_owned(),
    })
}

fn entry(scope: String, der: &[u8], parts: &mut Parts) -> Result<CrlEntry> {
    let size = u64::try_from(der.len())?;
    Ok(CrlEntry { scope, digest: parts.insert(der.to_vec()), size })
}

fn write(folder: &Path, signed: &Signed) -> Result<()> {
    fs_err::create_dir_all(folder.join("part"))?;
    for (digest, bytes) in signed.parts.iter() {
        write_new(&folder.join("part").join(digest.to_string()), bytes)?;
    }
    write_new(&folder.join("package"), &signed.envelope)
}
