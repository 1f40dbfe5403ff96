//! From the database to a signed list: pages of one moment, encoded as they come.

use futures_util::stream::{FuturesUnordered, TryStreamExt as _};
use skink_authority::{ListPlan, ListToSign, ListWriter, SigningIdentity};
use skink_model::{CrlFacts, CrlRow, Time};
use skink_signer::Signed;
use skink_store::Snapshot;
use skink_store::revocations::{Cursor, Grounds, Page};
use skink_x509::crl::{CrlNumber, EntryGrounds, Reason};
use tempfile::SpooledTempFile;
use tokio::task::spawn_blocking;

use super::body::{Body, BodyWriter, spool};
use super::{Entries, Listing};
use crate::app::App;
use crate::failure::{Failure, Result};

/// How many entries are read from the cursor at a time.
const CHUNK: u32 = 10_000;
const STOPPED: Failure = Failure::Bug("the writing of a list stopped");
/// How many lists wait for their signatures while the next ones are written.
const SIGNING_AT_ONCE: usize = 32;

/// A signed list that is not out yet.
#[derive(Clone, Debug)]
pub(crate) struct SignedList {
    pub(crate) row: CrlRow,
    pub(crate) body: Body,
}

/// One list to write: its reserved row, its partition, and when it speaks.
pub(super) struct Reserved {
    pub(super) row: CrlRow,
    pub(super) partition: u32,
    pub(super) times: (Time, Time),
}

/// Writes and signs all of them, at one moment of the database.
pub(super) async fn lists(
    app: &App,
    listing: &Listing,
    identity: &SigningIdentity,
    reserved: Vec<Reserved>,
) -> Result<Vec<SignedList>> {
    let mut reading = crate::db::moment(app).await?;
    let (mut signing, mut done) = (FuturesUnordered::new(), Vec::with_capacity(reserved.len()));
    for one in reserved {
        let unsigned = write(app, &mut reading, listing, identity, &one).await?;
        signing.push(sign(app, listing, one, unsigned));
        while signing.len() >= SIGNING_AT_ONCE {
            done.extend(signing.try_next().await?);
        }
    }
    drop(reading);
    done.extend(signing.try_collect::<Vec<_>>().await?);
    done.sort_by(|one: &SignedList, other| one.row.scope.cmp(&other.row.scope));
    Ok(done)
}

async fn write(
    app: &App,
    reading: &mut Snapshot,
    listing: &Listing,
    identity: &SigningIdentity,
    one: &Reserved,
) -> Result<ListToSign<SpooledTempFile>> {
    let (this_update, next_update) = one.times;
    let plan = ListPlan {
        uri: app.locations().crl(&listing.authority, one.partition),
        number: CrlNumber::from_u64(one.row.number),
        this_update,
        next_update,
    };
    let spool = spool(app.settings().dir());
    let mut writer = ListWriter::new(identity, plan, spool).map_err(Failure::X509)?;
    let mut page = page(reading, listing, one.partition, &Cursor::default()).await?;
    while let Some(after) = page.cursor() {
        // The database looks for the next page while this one is encoded.
        let (next, encoded) =
            tokio::join!(self::page(reading, listing, one.partition, &after), async {
                encode(&mut writer, listing, &page)
            },);
        encoded?;
        page = next?;
    }
    spawn_blocking(move || writer.finish().map_err(Failure::X509)).await.map_err(|_| STOPPED)?
}

async fn page(
    reading: &mut Snapshot,
    listing: &Listing,
    partition: u32,
    after: &Cursor,
) -> Result<Page> {
    match &listing.entries {
        Entries::Revoked => {
            crate::db::revoked(reading, &listing.authority, partition, after, CHUNK).await
        }
        Entries::Everything { .. } => {
            crate::db::everything(reading, &listing.authority, partition, after, CHUNK).await
        }
    }
}

/// What was revoked before keeps its own date and reason.
fn encode(writer: &mut ListWriter<SpooledTempFile>, listing: &Listing, page: &Page) -> Result<()> {
    for (serial, grounds) in page.entries() {
        let grounds = match (grounds, &listing.entries) {
            (Some(before), _) => of(&before),
            (None, Entries::Everything { revoked_at, suspected_since }) => EntryGrounds {
                revoked_at: *revoked_at,
                reason: Some(Reason::CaCompromise),
                invalidity_date: *suspected_since,
            },
            (None, Entries::Revoked) => return Err(Failure::Bug("a revocation without grounds")),
        };
        writer.push_value(serial, grounds).map_err(Failure::X509)?;
    }
    Ok(())
}

fn of(grounds: &Grounds) -> EntryGrounds {
    EntryGrounds {
        revoked_at: grounds.revoked_at,
        reason: (grounds.reason != Reason::Unspecified).then_some(grounds.reason),
        invalidity_date: grounds.invalidity_date,
    }
}

async fn sign(
    app: &App,
    listing: &Listing,
    one: Reserved,
    unsigned: ListToSign<SpooledTempFile>,
) -> Result<SignedList> {
    let signed = unsigned.sign(app.signer(), listing.purpose, listing.incident.clone()).await;
    let (signed, app) = (signed.map_err(Failure::Sign)?, app.clone());
    let written = spawn_blocking(move || whole(&app, one, unsigned, &signed)).await;
    written.map_err(|_| STOPPED)?
}

fn whole(
    app: &App,
    one: Reserved,
    mut unsigned: ListToSign<SpooledTempFile>,
    signed: &Signed,
) -> Result<SignedList> {
    let entries = unsigned.entries();
    let mut out = BodyWriter::new(app.settings().dir());
    unsigned.write(signed, &mut out).map_err(Failure::Finish)?;
    let (body, digest) = out.finish().map_err(Failure::Io)?;
    let (this_update, next_update) = one.times;
    let facts = CrlFacts { this_update, next_update, entries, size: body.size(), digest };
    Ok(SignedList { row: CrlRow { signed: Some(facts), ..one.row }, body })
}
