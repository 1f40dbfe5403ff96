//! Step 3: a copy of what an investigation will need, with a manifest of digests.
//!
//! The manifest is signed with the control authority's key, and its own digest goes into the journal,
//! whose head goes out with every trust package: the agents are its witnesses. What was recorded once
//! is never written over: after a crash it is taken as it is, or, where the files are not what was
//! recorded, left as it is beside a new copy.

use std::path::Path;

use serde_json::json;
use skink_incident::{EvidencePass, Outcome, SnapshotFile};
use skink_model::Evidence;
use skink_signer::KeyProvider as _;
use skink_store::{journal, records};
use skink_x509::Fingerprint;

use super::{Came, Scene};
use crate::failure::{Failure, Result};
use crate::files;

const MANIFEST: &str = "manifest.json";

const SIGNATURE: &str = "manifest.json.sig";

pub(super) async fn snapshot(scene: Scene<'_>, pass: EvidencePass) -> Result<Came> {
    let folder = match folder(scene, pass).await? {
        Folder::Whole(kept) => return Ok(came(kept)),
        Folder::Free(folder) => folder,
    };
    let dir = scene.dir().join("evidence").join(&folder);
    files::private_dir(&dir).map_err(Failure::Io)?;
    database(scene, &dir).await?;
    write(&dir, "journal.jsonl", &journal_lines(scene).await?)?;
    write(&dir, "configuration.toml", &configuration(scene)?)?;
    write(&dir, "keys.json", &provider_state(scene).await?)?;
    let names = ["skink.db", "journal.jsonl", "configuration.toml", "keys.json"];
    let mut kept = names.iter().map(|name| digest(&dir, name)).collect::<Result<Vec<_>>>()?;
    let signer = crate::ceremonies::control(scene.app).await?;
    let manifest = serde_json::to_vec_pretty(&json!({
        "incident": scene.incident(), "pass": pass.as_str(), "signed_by": signer.id, "files": kept,
    }));
    let manifest = manifest.map_err(Failure::Encode)?;
    let subject = format!("{}/evidence:{folder}", scene.incident());
    let signature = crate::ceremonies::control_signature(scene.app, &signer, subject, &manifest);
    write(&dir, SIGNATURE, &signature.await?)?;
    write(&dir, MANIFEST, &manifest)?;
    kept.push(digest(&dir, SIGNATURE)?);
    kept.push(digest(&dir, MANIFEST)?);
    preserve(scene, &folder, &kept).await?;
    for file in &mut kept {
        file.name = format!("{folder}/{}", file.name);
    }
    Ok(came(kept))
}

/// The manifest comes last, and its digest stands for the rest.
fn came(files: Vec<SnapshotFile>) -> Came {
    let evidence = files.last().map(|file| file.digest.clone()).unwrap_or_default();
    Came::Done(Outcome::Snapshot { files }, evidence)
}

/// Where a pass is written.
enum Folder {
    /// It is there, as it was recorded before a crash.
    Whole(Vec<SnapshotFile>),
    /// Nothing was recorded of this folder.
    Free(String),
}

async fn folder(scene: Scene<'_>, pass: EvidencePass) -> Result<Folder> {
    let mut snapshot = scene.app.store().read().await.map_err(Failure::Store)?;
    let rows = records::evidence(&mut snapshot, scene.incident()).await?;
    drop(snapshot);
    let all = scene.dir().join("evidence");
    let mut folder = pass.to_string();
    for number in 2_u32.. {
        let mut recorded: Vec<SnapshotFile> =
            rows.iter().filter_map(|row| of_folder(row, &folder)).collect();
        if recorded.is_empty() {
            break;
        }
        if recorded.iter().all(|file| digest(&all, &file.name).is_ok_and(|found| found == *file)) {
            recorded.sort_by_key(|file| file.name.ends_with(MANIFEST));
            return Ok(Folder::Whole(recorded));
        }
        tracing::error!(
            incident.id = %scene.incident(),
            evidence.folder = folder,
            "evidence is not what was recorded: it is left as it is, and taken once more"
        );
        folder = format!("{pass}-{number}");
    }
    Ok(Folder::Free(folder))
}

fn of_folder(row: &Evidence, folder: &str) -> Option<SnapshotFile> {
    row.name.strip_prefix(folder)?.strip_prefix('/')?;
    let digest = row.digest.to_string();
    Some(SnapshotFile { name: row.name.clone(), digest, bytes: row.size })
}

/// The database has no keys in it; shares of kits that wait for their second person are left out.
async fn database(scene: Scene<'_>, dir: &Path) -> Result<()> {
    let path = dir.join("skink.db");
    // A copy that a crash cut off is made anew.
    if path.exists() {
        fs_err::remove_file(&path).map_err(Failure::Io)?;
    }
    scene.app.store().snapshot(&path).await.map_err(Failure::Store)
}

async fn journal_lines(scene: Scene<'_>) -> Result<Vec<u8>> {
    let mut snapshot = scene.app.store().read().await.map_err(Failure::Store)?;
    let mut lines = Vec::new();
    for stream in journal::heads(&mut snapshot).await?.keys() {
        for event in journal::all(&mut snapshot, stream).await? {
            serde_json::to_writer(&mut lines, &event).map_err(Failure::Encode)?;
            lines.push(b'\n');
        }
    }
    Ok(lines)
}

fn configuration(scene: Scene<'_>) -> Result<Vec<u8>> {
    let path = scene.app.settings().dir().join(crate::config::FILE);
    fs_err::read(path).map_err(Failure::Io)
}

/// Names and states of the keys: no material, no credential. Of a service that is not reached the
/// reason stands there, and the evidence is preserved all the same.
async fn provider_state(scene: Scene<'_>) -> Result<Vec<u8>> {
    let held = scene.app.keys();
    let mut uris = held.software().list().await.map_err(Failure::Provider)?;
    for row in crate::db::keys(scene.app).await? {
        uris.push(row.uri.parse().map_err(|_| Failure::Bug("a key's URI"))?);
    }
    uris.sort();
    uris.dedup();
    let mut keys = Vec::new();
    for key in uris {
        keys.push(match held.state(&key).await {
            Ok(state) => json!({"key": key, "state": state.as_str()}),
            Err(error) => {
                json!({"key": key, "state": null, "why": skink_model::with_causes(&error)})
            }
        });
    }
    serde_json::to_vec_pretty(&keys).map_err(Failure::Encode)
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    files::write_atomic(&dir.join(name), 0o600, bytes).map_err(Failure::Io)
}

fn digest(dir: &Path, name: &str) -> Result<SnapshotFile> {
    let bytes = fs_err::read(dir.join(name)).map_err(Failure::Io)?;
    Ok(SnapshotFile {
        name: name.to_owned(),
        digest: Fingerprint::of(&bytes).to_string(),
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
    })
}

async fn preserve(scene: Scene<'_>, folder: &str, kept: &[SnapshotFile]) -> Result<()> {
    let at = scene.app.now();
    let row = |file: &SnapshotFile| {
        let digest = file.digest.parse().map_err(|_| Failure::Bug("a digest of our own"))?;
        Ok(Evidence {
            incident: scene.incident().clone(),
            name: format!("{folder}/{}", file.name),
            file: format!("{}/evidence/{folder}/{}", scene.incident(), file.name),
            size: file.bytes,
            digest,
            at,
        })
    };
    let rows = kept.iter().map(row).collect::<Result<Vec<Evidence>>>()?;
    let (rows, stamp) = (rows.as_slice(), scene.stamp());
    let stamp = &stamp;
    scene
        .app
        .store()
        .run_tx("incident_evidence", move |tx| {
            Box::pin(async move {
                for row in rows {
                    records::preserve(tx, stamp, row).await?;
                }
                Ok::<_, Failure>(())
            })
        })
        .await
}
