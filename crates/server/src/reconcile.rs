//! What a key service itself recorded, held against the ledger as its log grows.
//!
//! A signature that no attempt stands for was made by somebody else: the first sign of a stolen key.
//! It becomes an event of the journal, an error in the log, a metric and an alarm of `status`. What
//! was read is held for one look before it is judged, and as long as an attempt that was asked for
//! before it is open, since an attempt has its id only once it is settled.

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skink_model::with_causes;
use skink_model::{SigningKey, Time};
use skink_signer::record::{Use, vault};
use skink_store::{Reader, attempts, journal, settings};
use tokio::sync::watch;

use crate::app::App;
use crate::failure::{Failure, Result};
use crate::http::listen::stopped;

/// How often the log is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How much is read at a time; far more than one line.
const PART: u64 = 8 << 20;
/// What is older than this needs no further look.
const OLD: Duration = Duration::from_mins(2);
/// How far the service's clock and ours may be apart.
const APART: Duration = Duration::from_secs(5);
/// The event's kind in the journal.
const EVENT: &str = "key.signed_unasked";
/// The name under which the reading's progress is stored.
const PROGRESS: &str = "audit_log";

/// How far the log was read, over restarts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    file: PathBuf,
    offset: u64,
    /// By key, without its version, signatures that no attempt stands for.
    pub(crate) unasked: BTreeMap<String, u64>,
    /// When the first of those was made that attempts of unknown end do not explain.
    pub(crate) since_ms: Option<i64>,
}

/// A part of the log that was read and not judged yet.
struct Part {
    uses: Vec<Use>,
    end: u64,
}

/// A call that signed more than was asked for.
struct Unasked<'a> {
    made: &'a Use,
    /// How many more.
    signatures: u64,
    /// A crash left attempts whose end nobody knows; this may be one of theirs.
    may_be_ours: bool,
}

/// The event's body.
#[derive(Serialize)]
struct Body<'a> {
    key: &'a str,
    request_id: &'a str,
    signatures: u64,
    signed_at_ms: i64,
    from: Option<&'a str>,
    may_be_ours: bool,
}

/// Looks at the configured log until the server stops.
pub(crate) async fn watch(app: App, mut stop: watch::Receiver<bool>) {
    let Some(log) = app.settings().audit_log().map(Path::to_owned) else { return };
    let mut held = None;
    loop {
        if let Err(error) = look(&app, &log, &mut held).await {
            let (file, error) = (log.display(), with_causes(&error));
            tracing::error!(audit_log.file = %file, error, "the audit log was not read; again soon");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

/// Where the reading stands.
pub(crate) async fn progress(app: &App) -> Result<Progress> {
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    let text = settings::find(&mut snapshot, PROGRESS).await?;
    text.map_or_else(
        || Ok(Progress::default()),
        |text| serde_json::from_str(&text).map_err(Failure::Encode),
    )
}

async fn look(app: &App, log: &Path, held: &mut Option<Part>) -> Result<()> {
    let mut progress = progress(app).await?;
    if progress.file != log {
        progress = Progress { file: log.to_owned(), ..Progress::default() };
    }
    if let Some(part) = held.take()
        && !judge(app, &mut progress, &part).await?
    {
        *held = Some(part);
        return Ok(());
    }
    loop {
        let (file, from) = (log.to_owned(), progress.offset);
        let read = tokio::task::spawn_blocking(move || next_part(&file, from));
        let read = read.await.map_err(|_| Failure::Stopping)?.map_err(Failure::Io)?;
        let Some(part) = read else { return Ok(()) };
        let newest = part.uses.iter().map(|made| made.at).max();
        let old = newest.is_none_or(|newest| app.now().since(newest) > OLD);
        if !old || !judge(app, &mut progress, &part).await? {
            *held = Some(part);
            return Ok(());
        }
    }
}

/// The whole lines after `from`. A log that is shorter than it was is another one.
fn next_part(log: &Path, from: u64) -> std::io::Result<Option<Part>> {
    let mut file = fs_err::File::open(log)?;
    let from = if file.metadata()?.len() < from { 0 } else { from };
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(PART).read_to_end(&mut bytes)?;
    let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') else { return Ok(None) };
    bytes.truncate(last + 1);
    let uses = vault::uses(bytes.as_slice()).collect::<std::result::Result<_, _>>();
    let uses = uses.map_err(std::io::Error::other)?;
    Ok(Some(Part { uses, end: from + u64::try_from(bytes.len()).unwrap_or_default() }))
}

/// Records what nobody asked for, and that the part was read; unless it is too early to say.
async fn judge(app: &App, progress: &mut Progress, part: &Part) -> Result<bool> {
    let keys = crate::db::keys(app).await?;
    let ours = Ours::of(&keys);
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    let (mut unasked, mut next) = (Vec::new(), progress.clone());
    for made in &part.uses {
        let Some(uris) = ours.made(made) else { continue };
        let before = made.at.plus(APART);
        let signatures = match standing(&mut snapshot, uris, made, before).await? {
            Standing::Asked => continue,
            Standing::TooEarly(_) if app.now().since(made.at) < OLD => return Ok(false),
            Standing::TooEarly(unasked) | Standing::Unasked(unasked) => unasked,
        };
        let count = next.unasked.entry(made.key.to_string()).or_default();
        *count += signatures;
        let may_be_ours = *count <= unknown(&mut snapshot, uris).await?;
        if !may_be_ours {
            let at = made.at.as_millis();
            next.since_ms = Some(next.since_ms.map_or(at, |since| since.min(at)));
        }
        unasked.push(Unasked { made, signatures, may_be_ours });
    }
    drop(snapshot);
    next.offset = part.end;
    record(app, &next, &unasked).await?;
    for one in &unasked {
        tell(one);
    }
    *progress = next;
    Ok(true)
}

/// The server's keys by what the log calls them, and since when they are the server's: what was
/// tried with them before that is nobody's business.
struct Ours<'a>(BTreeMap<&'a str, (Vec<&'a str>, Time)>);

impl<'a> Ours<'a> {
    fn of(keys: &'a [SigningKey]) -> Self {
        let mut ours: BTreeMap<&str, (Vec<&str>, Time)> = BTreeMap::new();
        for key in keys {
            let (uris, since) =
                ours.entry(unpinned(&key.uri)).or_insert_with(|| (Vec::new(), key.created_at));
            uris.push(&key.uri);
            *since = key.created_at.min(*since);
        }
        Self(ours)
    }

    /// Under which URIs the server knows the key of a use, if it was the server's by then.
    fn made(&self, made: &Use) -> Option<&[&'a str]> {
        let (uris, since) = self.0.get(made.key.as_str())?;
        (made.at >= *since).then_some(uris)
    }
}

/// How the ledger knows a call.
enum Standing {
    /// By its id, as often as it signed.
    Asked,
    /// So many signatures less, and an attempt that may be one of them is still open.
    TooEarly(u64),
    /// So many signatures less.
    Unasked(u64),
}

async fn standing(
    from: &mut impl Reader,
    uris: &[&str],
    made: &Use,
    before: Time,
) -> Result<Standing> {
    let (mut asked, mut open) = (0, false);
    for uri in uris {
        asked += attempts::recorded(from, uri, &made.request_id).await?;
        open |= attempts::is_open(from, uri, before).await?;
    }
    Ok(match made.signatures.saturating_sub(asked) {
        0 => Standing::Asked,
        unasked if open => Standing::TooEarly(unasked),
        unasked => Standing::Unasked(unasked),
    })
}

/// Attempts of a key that a crash left without an end and without an id.
async fn unknown(from: &mut impl Reader, uris: &[&str]) -> Result<u64> {
    let mut unknown = 0;
    for uri in uris {
        unknown += attempts::unknown_without_id(from, uri).await?;
    }
    Ok(unknown)
}

async fn record(app: &App, progress: &Progress, unasked: &[Unasked<'_>]) -> Result<()> {
    let text = serde_json::to_string(progress).map_err(Failure::Encode)?;
    let (text, now) = (text.as_str(), app.now());
    app.store()
        .run_tx("reconcile", move |tx| {
            Box::pin(async move {
                for Unasked { made, signatures, may_be_ours } in unasked {
                    let body = Body {
                        key: made.key.as_str(),
                        request_id: &made.request_id,
                        signatures: *signatures,
                        signed_at_ms: made.at.as_millis(),
                        from: made.from.as_deref(),
                        may_be_ours: *may_be_ours,
                    };
                    journal::append(tx, journal::SERVER, now, EVENT, &body).await?;
                }
                settings::set(tx, PROGRESS, text).await?;
                Ok::<_, Failure>(())
            })
        })
        .await
}

fn tell(unasked: &Unasked<'_>) {
    let Unasked { made, signatures, may_be_ours } = *unasked;
    let (key, id, at) = (&made.key, &made.request_id, made.at);
    let from = made.from.as_deref().unwrap_or_default();
    if may_be_ours {
        tracing::warn!(
            key.uri = %key, request.id = id, signed_at = %at, from, signatures,
            "a signature may be that of an attempt whose end nobody knows"
        );
        return;
    }
    metrics::counter!(crate::metrics::SIGNATURES_UNASKED).increment(signatures);
    tracing::error!(
        key.uri = %key, request.id = id, signed_at = %at, from, signatures,
        "a key signed what nobody asked for: somebody else has its use"
    );
}

/// A key's name without its version: the service's log does not tell that.
fn unpinned(uri: &str) -> &str {
    uri.split('?').next().unwrap_or(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str) -> String {
        format!(
            "{{\"type\":\"response\",\"time\":\"2026-11-23T08:02:44Z\",\"request\":{{\"id\":\
             \"{id}\",\"operation\":\"update\",\"path\":\"transit/sign/ca\"}}}}\n"
        )
    }

    #[test]
    fn a_growing_log_is_read_by_whole_lines_and_a_new_one_from_its_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("audit.log");
        let whole = line("r-1") + &line("r-2");
        std::fs::write(&log, format!("{whole}{{\"type\":\"resp")).unwrap();
        let part = next_part(&log, 0).unwrap().unwrap();
        let ids =
            |part: &Part| part.uses.iter().map(|made| made.request_id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&part), ["r-1", "r-2"]);
        assert_eq!(part.end, u64::try_from(whole.len()).unwrap());
        assert!(next_part(&log, part.end).unwrap().is_none());
        std::fs::write(&log, format!("{whole}{}", line("r-3"))).unwrap();
        assert_eq!(ids(&next_part(&log, part.end).unwrap().unwrap()), ["r-3"]);
        std::fs::write(&log, line("r-4")).unwrap();
        assert_eq!(ids(&next_part(&log, part.end).unwrap().unwrap()), ["r-4"]);
    }
}
