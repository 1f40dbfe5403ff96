//! Recovery kits, the shares that people hand in, and the facts of escrowed lists.

use serde_json::json;
use skink_model::{AuthorityId, Escrow, IncidentId, Kit, KitShare, Stamp, Time};

use crate::row::{self, Columns};
use crate::sql::{DbRow, query};
use crate::tx::Connected;
use crate::{Reader, Refusal, StoreError, Tx, approvals, audit, crls, journal};

/// The step whose approvals [`release`] and [`release_escrow`] count.
pub const KIT_STEP: &str = "kit";

const INSERT: &str = "INSERT INTO kit
    (id, standby, ceremony, state, custodians, created_at, expires_at)
    VALUES ($1, $2, $3, 'ready', $4, $5, $6)";
const VOID: &str = "UPDATE kit SET state = 'void' WHERE id = $1 AND state = 'ready'";
const RELEASE: &str =
    "UPDATE kit SET state = 'released', incident = $2 WHERE id = $1 AND state = 'ready'";
const BY_ID: &str = "SELECT * FROM kit WHERE id = $1";
const READY: &str = "SELECT * FROM kit WHERE state = 'ready' ORDER BY created_at DESC, id";
const ALL: &str = "SELECT * FROM kit ORDER BY created_at DESC, id";
const HAND_IN: &str = "INSERT INTO kit_share (kit, custodian, share, at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (kit, custodian) DO UPDATE SET share = excluded.share, at = excluded.at";
const SHARES: &str = "SELECT * FROM kit_share WHERE kit = $1 ORDER BY custodian";
const WIPE: &str = "DELETE FROM kit_share WHERE kit = $1";
const INSERT_ESCROW: &str = "INSERT INTO escrow
    (scope, number, authority, kit, this_update, next_update, digest)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const VOID_ESCROWS: &str = "UPDATE escrow SET voided_at = $3
    WHERE scope = $1 AND number < $2 AND voided_at IS NULL AND released_at IS NULL";
const RELEASE_ESCROW: &str = "UPDATE escrow SET released_at = $3
    WHERE scope = $1 AND number = $2 AND voided_at IS NULL AND released_at IS NULL";
const ESCROW: &str = "SELECT * FROM escrow WHERE scope = $1 AND number = $2";
const ESCROWS_OF: &str = "SELECT * FROM escrow WHERE authority = $1 ORDER BY scope, number";

/// Records a kit that a ceremony left. Its files are elsewhere.
pub async fn create(tx: &mut Tx<'_>, stamp: &Stamp, kit: &Kit) -> Result<(), StoreError> {
    query(INSERT)
        .bind(kit.id.as_str())
        .bind(kit.standby.as_str())
        .bind(kit.ceremony.as_str())
        .bind(row::json(&kit.custodians))
        .bind(kit.created_at.as_millis())
        .bind(kit.expires_at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(|error| StoreError::insert("kit", &kit.id, error))?;
    let detail = json!({"kit": kit.id, "standby": kit.standby, "by": stamp.actor.to_string()});
    journal::append(tx, journal::SERVER, stamp.at, "kit.ready", &detail).await?;
    audit::record(tx, stamp, "kit.create", &kit.id, &detail).await
}

/// Makes a kit worthless: a later ceremony replaced it, or it lay on a stolen host.
pub async fn void(tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), StoreError> {
    let done = query(VOID).bind(id).execute(tx.conn()).await.map_err(StoreError::query)?;
    if done.rows_affected() == 0 {
        return Ok(());
    }
    wipe_shares(tx, id).await?;
    let detail = json!({"kit": id, "by": stamp.actor.to_string()});
    journal::append(tx, journal::SERVER, stamp.at, "kit.void", &detail).await?;
    audit::record(tx, stamp, "kit.void", id, &detail).await
}

/// Releases a kit for an incident that two people approved at [`KIT_STEP`], and wipes the shares.
/// Again for the same incident changes nothing.
pub async fn release(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &str,
    incident: &IncidentId,
) -> Result<(), StoreError> {
    let kit = find(tx, id).await?.ok_or_else(|| StoreError::not_found("kit", id))?;
    if kit.incident.as_ref() == Some(incident) {
        return Ok(());
    }
    approvals::require_two(tx, incident, KIT_STEP).await?;
    let released = query(RELEASE).bind(id).bind(incident.as_str()).execute(tx.conn()).await;
    if released.map_err(StoreError::query)?.rows_affected() == 0 {
        return Err(StoreError::not_found("ready kit", id));
    }
    wipe_shares(tx, id).await?;
    let detail = json!({"kit": id, "incident": incident, "by": stamp.actor.to_string()});
    journal::append(tx, journal::SERVER, stamp.at, "kit.released", &detail).await?;
    audit::record(tx, stamp, "kit.release", id, &detail).await
}

/// Keeps one person's share until the second comes. The share itself is in no audit row.
pub async fn hand_in(tx: &mut Tx<'_>, stamp: &Stamp, share: &KitShare) -> Result<(), StoreError> {
    query(HAND_IN)
        .bind(share.kit.as_str())
        .bind(share.custodian.as_str())
        .bind(share.share.as_str())
        .bind(share.at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    let detail = json!({"custodian": share.custodian});
    audit::record(tx, stamp, "kit.share", &share.kit, &detail).await
}

/// The shares handed in for a kit.
pub async fn shares(r: &mut impl Reader, kit: &str) -> Result<Vec<KitShare>, StoreError> {
    let rows = query(SHARES).bind(kit).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, |row| {
        Ok(KitShare {
            kit: row.string("kit")?,
            custodian: row.parsed("custodian")?,
            share: row.string("share")?,
            at: row.time("at")?,
        })
    })
}

/// Forgets the shares handed in for a kit; their bytes are overwritten.
pub async fn wipe_shares(tx: &mut Tx<'_>, kit: &str) -> Result<(), StoreError> {
    let done = query(WIPE).bind(kit).execute(tx.conn()).await;
    done.map(drop).map_err(StoreError::query)
}

/// The kit of this id.
pub async fn find(r: &mut impl Reader, id: &str) -> Result<Option<Kit>, StoreError> {
    let row = query(BY_ID).bind(id).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// Kits that can be released, newest first.
pub async fn ready(r: &mut impl Reader) -> Result<Vec<Kit>, StoreError> {
    let rows = query(READY).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read)
}

/// Every kit, newest first.
pub async fn all(r: &mut impl Reader) -> Result<Vec<Kit>, StoreError> {
    let rows = query(ALL).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read)
}

/// Records an escrowed list of the latest ceremony: it must outrank every list of its scope, and
/// voids the escrows before it.
pub async fn add_escrow(tx: &mut Tx<'_>, at: Time, escrow: &Escrow) -> Result<(), StoreError> {
    outranks(tx, escrow).await?;
    query(INSERT_ESCROW)
        .bind(escrow.scope.as_str())
        .bind(row::int(escrow.number))
        .bind(escrow.authority.as_str())
        .bind(escrow.kit.as_str())
        .bind(escrow.this_update.as_millis())
        .bind(escrow.next_update.as_millis())
        .bind(escrow.digest.as_bytes().to_vec())
        .execute(tx.conn())
        .await
        .map_err(|error| {
            StoreError::insert("escrow", format!("{} {}", escrow.scope, escrow.number), error)
        })?;
    let void = query(VOID_ESCROWS).bind(escrow.scope.as_str()).bind(row::int(escrow.number));
    void.bind(at.as_millis()).execute(tx.conn()).await.map(drop).map_err(StoreError::query)
}

/// Marks an escrow released for an incident that two people approved at [`KIT_STEP`]: once, not
/// void, and still above every list of its scope. The list is taken over by [`crls::import`] in the
/// same transaction.
pub async fn release_escrow(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    scope: &str,
    number: u64,
    incident: &IncidentId,
) -> Result<Escrow, StoreError> {
    approvals::require_two(tx, incident, KIT_STEP).await?;
    let name = || format!("{scope} {number}");
    let escrow =
        escrow(tx, scope, number).await?.ok_or_else(|| StoreError::not_found("escrow", name()))?;
    let spent = match (escrow.voided_at, escrow.released_at) {
        (Some(_), _) => Some("void"),
        (_, Some(_)) => Some("released"),
        (None, None) => None,
    };
    if let Some(why) = spent {
        return Err(Refusal::EscrowSpent { scope: scope.to_owned(), number, why }.into());
    }
    outranks(tx, &escrow).await?;
    let query = query(RELEASE_ESCROW).bind(scope).bind(row::int(number));
    query.bind(stamp.at.as_millis()).execute(tx.conn()).await.map_err(StoreError::query)?;
    let detail = json!({
        "scope": scope, "number": number, "authority": escrow.authority, "incident": incident,
        "by": stamp.actor.to_string(),
    });
    journal::append(tx, journal::SERVER, stamp.at, "escrow.released", &detail).await?;
    audit::record(tx, stamp, "escrow.release", &name(), &detail).await?;
    Ok(escrow)
}

/// By number and by date: some software goes by the one, some by the other.
async fn outranks(tx: &mut Tx<'_>, escrow: &Escrow) -> Result<(), StoreError> {
    let last = crls::last_number(tx, &escrow.scope).await?.unwrap_or(0);
    let published = crls::published(tx, &escrow.scope).await?;
    let latest = published.and_then(|crl| crl.signed).map(|facts| facts.this_update);
    let by_date = latest.is_none_or(|latest| escrow.this_update > latest);
    if escrow.number > last && by_date {
        return Ok(());
    }
    let (scope, number) = (escrow.scope.clone(), escrow.number);
    Err(Refusal::DoesNotOutrank { scope, number, last }.into())
}

/// One escrow.
pub async fn escrow(
    r: &mut impl Reader,
    scope: &str,
    number: u64,
) -> Result<Option<Escrow>, StoreError> {
    let query = query(ESCROW).bind(scope).bind(row::int(number));
    let row = query.fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read_escrow).transpose()
}

/// The escrows that would revoke an authority, spent ones too.
pub async fn escrows_of(
    r: &mut impl Reader,
    authority: &AuthorityId,
) -> Result<Vec<Escrow>, StoreError> {
    let rows = query(ESCROWS_OF).bind(authority.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read_escrow)
}

fn read(row: &DbRow) -> Result<Kit, StoreError> {
    Ok(Kit {
        id: row.string("id")?,
        standby: row.parsed("standby")?,
        ceremony: row.string("ceremony")?,
        state: row.parsed("state")?,
        custodians: row.json("custodians")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        incident: row.parsed_option("incident")?,
    })
}

fn read_escrow(row: &DbRow) -> Result<Escrow, StoreError> {
    Ok(Escrow {
        scope: row.string("scope")?,
        number: row.number("number")?,
        authority: row.parsed("authority")?,
        kit: row.string("kit")?,
        this_update: row.time("this_update")?,
        next_update: row.time("next_update")?,
        digest: row.digest("digest")?,
        voided_at: row.time_option("voided_at")?,
        released_at: row.time_option("released_at")?,
    })
}
