//! *Revoke*: scope → set-based insert and journal row in one transaction → CRL from the cursor →
//! published.

use std::collections::BTreeSet;

use skink_api::{RevokeOutcome, RevokeRequest, RevokeSet};
use skink_model::{AuthorityId, CertificateId, CertificateState, Time};
use skink_store::revocations::{Grounds, RevocationSet};
use skink_x509::crl::Reason;

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
    let published = crl::publish(app, authority, partitions, by.stamp(app.now())).await;
    let crl_number = match published {
        Ok(rows) => rows.iter().map(|row| row.number).max(),
        Err(error) => {
            let error = skink_model::with_causes(&error);
            tracing::warn!(authority = %authority, error, "revoked, but no list says so yet");
            None
        }
    };
    Ok(RevokeOutcome { revoked, crl_number, dry_run: false })
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
