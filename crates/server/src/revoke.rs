//! *Revoke*: scope → set-based insert and journal row in one transaction → CRL from the cursor →
//! published.

use std::collections::{BTreeMap, BTreeSet};

use skink_api::{
    Code, KeyFound, KeyRevoked, Problem, RevokeOutcome, RevokeRequest, RevokeSerials, RevokeSet,
    SerialsRevoked,
};
use skink_model::{AuthorityId, BlockedKey, CertificateId, CertificateState, Time};
use skink_store::revocations::{Grounds, RevocationSet};
use skink_x509::crl::Reason;
use skink_x509::{PublicKey, Serial};

use crate::app::App;
use crate::crl;
use crate::failure::{Failure, Result};
use crate::http::authorise::Person;
use crate::operators::parsed;

/// Revokes one certificate and publishes the list that says so.
pub(crate) async fn one(
    app: &App,
    by: &Person,
    id: &CertificateId,
    request: &RevokeRequest,
) -> Result<RevokeOutcome> {
    let reason = reason(&request.reason)?;
    let row = crate::db::certificate(app, id).await?;
    if row.state != CertificateState::Issued {
        return Err(Failure::conflict(format!("certificate {id} is {}", row.state)));
    }
    if request.dry_run {
        return Ok(RevokeOutcome { revoked: 1, crl_number: None, dry_run: true });
    }
    let now = app.now();
    let grounds = grounds(now, reason, request.invalidity_date_ms);
    let revoked = crate::db::revoke(app, id, &grounds, &by.stamp(now)).await?;
    finish(app, by, &row.authority, Some([row.partition].into()), u64::from(revoked)).await
}

/// Revokes a set in one statement.
pub(crate) async fn set(app: &App, by: &Person, request: &RevokeSet) -> Result<RevokeOutcome> {
    let reason = reason(&request.reason)?;
    let authority: AuthorityId = parsed(&request.authority)?;
    app.authority(&authority).await?;
    let set = RevocationSet {
        authority: authority.clone(),
        profile: request.profile.as_deref().map(parsed).transpose()?,
        endpoint: request.endpoint.as_deref().map(parsed).transpose()?,
        prefix: request.prefix.clone(),
        owner: request.owner.clone(),
        incident: None,
    };
    if request.dry_run {
        let revoked = crate::db::count_set(app, &set).await?;
        return Ok(RevokeOutcome { revoked, crl_number: None, dry_run: true });
    }
    let now = app.now();
    let grounds = grounds(now, reason, request.invalidity_date_ms);
    let revoked = crate::db::revoke_set(app, &set, &grounds, &by.stamp(now)).await?;
    finish(app, by, &authority, None, revoked).await
}

/// Revokes the serials of a list in one statement.
pub(crate) async fn serials(
    app: &App,
    by: &Person,
    authority: &AuthorityId,
    request: &RevokeSerials,
    list: &[u8],
) -> Result<SerialsRevoked> {
    let reason = reason(&request.reason)?;
    let row = app.authority(authority).await?;
    let serials = parsed_list(list)?;
    let now = app.now();
    let grounds = grounds(now, reason, request.invalidity_date_ms);
    let came = crate::db::revoke_serials(
        app,
        authority,
        &serials,
        &grounds,
        &by.stamp(now),
        request.dry_run,
    )
    .await?;
    let crl_number = if request.dry_run || came.revoked == 0 {
        None
    } else {
        let partitions = serials.iter().map(|serial| crl::partition_of(&row, serial)).collect();
        finish(app, by, authority, Some(partitions), came.revoked).await?.crl_number
    };
    Ok(SerialsRevoked {
        revoked: came.revoked,
        revoked_before: came.before,
        unknown: came.unknown,
        crl_number,
        dry_run: request.dry_run,
    })
}

/// How many serials one list may have: each takes some fifty bytes of memory while it is read.
const SERIALS_MAX: usize = 1 << 20;

/// The serials of a list, each once: hexadecimal, one in a line, with or without colons. Empty lines
/// and what follows a `#` say nothing.
fn parsed_list(list: &[u8]) -> Result<Vec<Serial>> {
    let text = std::str::from_utf8(list).map_err(|_| Failure::malformed("the list is no text"))?;
    let mut serials = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let plain = line.trim_start_matches("0x").replace(':', "");
        let serial = plain.parse::<Serial>().map_err(|error| {
            let shown: String = line.chars().take(64).collect();
            let why = skink_model::with_causes(&error);
            Failure::malformed(format!("line {number}, {shown:?}, is no serial: {why}"))
        })?;
        if serials.len() == SERIALS_MAX {
            let detail = format!("line {number}: a list has {SERIALS_MAX} serials at most");
            return Err(Problem::new(Code::TooLarge, detail).hint("send it in parts").into());
        }
        serials.push(serial);
    }
    if serials.is_empty() {
        return Err(Failure::malformed("the list has no serial"));
    }
    serials.sort_unstable();
    serials.dedup();
    Ok(serials)
}

/// Revokes everything that was ever certified for a key that was found, and blocks the key for good.
pub(crate) async fn key(app: &App, by: &Person, request: &KeyFound) -> Result<KeyRevoked> {
    let found = request.found.trim();
    if found.is_empty() {
        return Err(Failure::malformed("say where the key was found"));
    }
    let public = PublicKey::from_pem(&request.public_key_pem)
        .map_err(|error| Failure::malformed(skink_model::with_causes(&error)))?;
    let digest = public.digest();
    if let Some(own) = crate::db::authority_of_key(app, &digest).await? {
        let hint = format!("declare an incident: skink incident declare {}", own.id);
        let detail = format!("this is the key of {}, with which it signs", own.id);
        return Err(Problem::new(Code::Conflict, detail).hint(hint).into());
    }
    let rows = crate::db::certificates_of_key(app, &digest).await?;
    let mut certificates = Vec::with_capacity(rows.len());
    for row in &rows {
        certificates.push(crate::certificates::show(app, &row.id).await?);
    }
    let key_digest = digest.to_string();
    if request.dry_run {
        // What may have been signed is revoked as well.
        let open = |one: &&skink_api::Certificate| {
            matches!(one.state.as_str(), "issued" | "unknown") && one.revocation.is_none()
        };
        let revoked = u64::try_from(certificates.iter().filter(open).count()).unwrap_or(u64::MAX);
        return Ok(KeyRevoked { key_digest, certificates, revoked, dry_run: true });
    }
    let now = app.now();
    let blocked = BlockedKey { digest, reason: found.to_owned(), incident: None, at: now };
    let grounds = grounds(now, Reason::KeyCompromise, request.invalidity_date_ms);
    let revoked = crate::db::revoke_key(app, &blocked, &grounds, &by.stamp(now)).await?;
    // Read once more: one may have been issued since the first look.
    let mut touched: BTreeMap<AuthorityId, BTreeSet<u32>> = BTreeMap::new();
    for row in crate::db::certificates_of_key(app, &digest).await? {
        touched.entry(row.authority).or_default().insert(row.partition);
    }
    if revoked > 0 {
        metrics::counter!(crate::metrics::CERTIFICATES_REVOKED).increment(revoked);
        for (authority, partitions) in touched {
            listed(app, by, &authority, Some(partitions)).await;
        }
    }
    Ok(KeyRevoked { key_digest, certificates, revoked, dry_run: false })
}

/// The revocation stands whether or not the lists of these partitions, or of all, can be signed now;
/// the next ones have it.
async fn finish(
    app: &App,
    by: &Person,
    authority: &AuthorityId,
    partitions: Option<BTreeSet<u32>>,
    revoked: u64,
) -> Result<RevokeOutcome> {
    metrics::counter!(crate::metrics::CERTIFICATES_REVOKED).increment(revoked);
    let crl_number = listed(app, by, authority, partitions).await;
    Ok(RevokeOutcome { revoked, crl_number, dry_run: false })
}

/// The highest number of the lists that now say what is revoked.
async fn listed(
    app: &App,
    by: &Person,
    authority: &AuthorityId,
    partitions: Option<BTreeSet<u32>>,
) -> Option<u64> {
    match crl::publish(app, authority, partitions, by.stamp(app.now())).await {
        Ok(rows) => rows.iter().map(|row| row.number).max(),
        Err(error) => {
            let error = skink_model::with_causes(&error);
            tracing::warn!(authority = %authority, error, "revoked, but no list says so yet");
            None
        }
    }
}

fn grounds(revoked_at: Time, reason: Reason, invalidity_date_ms: Option<i64>) -> Grounds {
    let invalidity_date = invalidity_date_ms.map(Time::from_millis);
    Grounds { revoked_at, reason, invalidity_date }
}

fn reason(text: &str) -> Result<Reason> {
    let reason: Reason = text
        .parse()
        .map_err(|error: skink_x509::crl::UnknownReason| Failure::malformed(error.to_string()))?;
    // A hold could be lifted, and a list that takes a serial back is none of ours.
    match reason {
        Reason::CertificateHold | Reason::RemoveFromCrl => {
            Err(Failure::malformed(format!("{text} is not for a revocation that stays")))
        }
        _ => Ok(reason),
    }
}
