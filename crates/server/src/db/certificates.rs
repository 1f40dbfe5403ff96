//! Certificates, revocations, attempts.

use skink_model::{
    Authority, AuthorityId, BlockedKey, CertificateId, CertificateKind, CertificateRow, CrlRow,
    EndpointName, Revocation, SigningKey, Stamp, Time,
};
use skink_store::certificates::{self as table, CertificateQuery};
use skink_store::revocations::{self, Grounds, RevocationSet, SerialStatus, SerialsRevoked};
use skink_store::{StoreError, attempts, crls, keys};
use skink_x509::crl::Reason;
use skink_x509::{Fingerprint, KeyDigest, Serial};

use super::{glance, view};
use crate::app::App;
use crate::crl::own_scopes;
use crate::failure::{Failure, Result};

/// What a list of authorities tells beside their rows.
pub(crate) struct AuthorityFacts {
    /// The list that is due first.
    pub(crate) crl: Option<CrlRow>,
    pub(crate) certificates_valid: u64,
}

/// Calls what a crash left open unknown; says how many attempts that were.
pub(crate) async fn sweep(app: &App) -> Result<u64> {
    let now = app.now();
    let swept = app.store().run_tx("sweep_unknown", move |tx| {
        Box::pin(async move { Ok::<_, Failure>(attempts::sweep_unknown(tx, now).await?) })
    });
    Ok(swept.await?.attempts)
}

/// Calls what servers left open that are gone unknown; says how many attempts that were.
pub(crate) async fn sweep_gone(app: &App) -> Result<u64> {
    let now = app.now();
    let swept = app.store().run_tx("sweep_gone", move |tx| {
        Box::pin(async move { Ok::<_, Failure>(attempts::sweep_gone(tx, now).await?) })
    });
    Ok(swept.await?.attempts)
}

pub(crate) async fn authority_facts(app: &App, row: &Authority) -> Result<AuthorityFacts> {
    let (mut reading, mut lists) = (view(app).await?, Vec::new());
    for scope in own_scopes(row) {
        lists.extend(crls::published(&mut reading, &scope).await?);
    }
    let until = |list: &CrlRow| list.signed.as_ref().map(|facts| facts.next_update);
    let id = &row.id;
    Ok(AuthorityFacts {
        crl: lists.into_iter().min_by_key(until),
        certificates_valid: table::count_valid(&mut reading, id, app.now()).await?,
    })
}

pub(crate) async fn certificates_valid(app: &App, now: Time) -> Result<u64> {
    let mut reading = view(app).await?;
    let mut sum = 0;
    for authority in skink_store::authorities::all(&mut reading).await? {
        sum += table::count_valid(&mut reading, &authority.id, now).await?;
    }
    Ok(sum)
}

pub(crate) async fn certificate(app: &App, id: &CertificateId) -> Result<CertificateRow> {
    let found = table::find(&mut glance(app).await?, id).await?;
    found.ok_or_else(|| Failure::not_found("certificate", id))
}

pub(crate) async fn certificates_of_key(app: &App, key: &KeyDigest) -> Result<Vec<CertificateRow>> {
    Ok(table::by_key(&mut glance(app).await?, key).await?)
}

pub(crate) async fn certificate_der(app: &App, id: &CertificateId) -> Result<Option<Vec<u8>>> {
    Ok(table::der(&mut glance(app).await?, id).await?)
}

pub(crate) async fn certificates(
    app: &App,
    query: &CertificateQuery,
) -> Result<Vec<CertificateRow>> {
    Ok(table::list(&mut view(app).await?, query).await?)
}

/// The certificate that an endpoint got last.
pub(crate) async fn newest_leaf(
    app: &App,
    endpoint: &EndpointName,
) -> Result<Option<CertificateRow>> {
    let mut reading = view(app).await?;
    Ok(table::newest(&mut reading, endpoint, None, CertificateKind::Leaf).await?)
}

pub(crate) async fn certificate_by_fingerprint(
    app: &App,
    fingerprint: &Fingerprint,
) -> Result<Option<CertificateRow>> {
    Ok(table::by_fingerprint(&mut glance(app).await?, fingerprint).await?)
}

pub(crate) async fn revocation(app: &App, id: &CertificateId) -> Result<Option<Revocation>> {
    Ok(revocations::of_certificate(&mut view(app).await?, id).await?)
}

pub(crate) async fn serial_statuses(
    app: &App,
    authority: &AuthorityId,
    serials: &[Serial],
) -> Result<Vec<SerialStatus>> {
    let mut reading = view(app).await?;
    let mut statuses = Vec::with_capacity(serials.len());
    for serial in serials {
        statuses.push(revocations::status(&mut reading, authority, serial).await?);
    }
    Ok(statuses)
}

/// Says whether this revoked it; an earlier revocation stands. A key that others may have is
/// blocked with it, for good.
pub(crate) async fn revoke(
    app: &App,
    id: &CertificateId,
    grounds: &Grounds,
    by: &Stamp,
) -> Result<bool> {
    app.store()
        .run_tx("revoke", move |tx| {
            Box::pin(async move {
                let revoked = revocations::revoke(tx, by, id, grounds).await?;
                let row = table::find(tx, id).await?;
                if let Some(row) = row.filter(|_| grounds.reason == Reason::KeyCompromise) {
                    let blocked = BlockedKey {
                        digest: row.key_digest,
                        reason: format!("the key of certificate {id} is compromised"),
                        incident: None,
                        at: by.at,
                    };
                    keys::block(tx, by, &blocked).await?;
                }
                Ok(revoked)
            })
        })
        .await
}

pub(crate) async fn count_set(app: &App, set: &RevocationSet) -> Result<u64> {
    Ok(revocations::count_set(&mut view(app).await?, set).await?)
}

pub(crate) async fn revoke_set(
    app: &App,
    set: &RevocationSet,
    grounds: &Grounds,
    by: &Stamp,
) -> Result<u64> {
    app.store()
        .run_tx("revoke_set", move |tx| {
            Box::pin(async move { Ok(revocations::revoke_set(tx, by, set, grounds).await?) })
        })
        .await
}

/// Everything that was ever certified for a key; and the key is blocked.
pub(crate) async fn revoke_key(
    app: &App,
    found: &BlockedKey,
    grounds: &Grounds,
    by: &Stamp,
) -> Result<u64> {
    app.store()
        .run_tx("revoke_key", move |tx| {
            Box::pin(async move { Ok(revocations::revoke_key(tx, by, found, grounds).await?) })
        })
        .await
}

/// The authority that signs with a key.
pub(crate) async fn authority_of_key(app: &App, key: &KeyDigest) -> Result<Option<Authority>> {
    Ok(skink_store::authorities::by_key(&mut view(app).await?, key).await?)
}

/// What a list of serials would come to, or has come to.
enum Counted {
    Only(SerialsRevoked),
    Failed(StoreError),
}

impl From<StoreError> for Counted {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// All of these serials in one statement; to count them only, the same is rolled back.
pub(crate) async fn revoke_serials(
    app: &App,
    authority: &AuthorityId,
    serials: &[Serial],
    grounds: &Grounds,
    by: &Stamp,
    count_only: bool,
) -> Result<SerialsRevoked> {
    let done = app.store().run_tx("revoke_serials", move |tx| {
        Box::pin(async move {
            let came = revocations::revoke_serials(tx, by, authority, serials, grounds).await?;
            if count_only { Err(Counted::Only(came)) } else { Ok(came) }
        })
    });
    match done.await {
        Ok(came) | Err(Counted::Only(came)) => Ok(came),
        Err(Counted::Failed(error)) => Err(error.into()),
    }
}

/// The newest certificate that an authority issued for its responder's key.
pub(crate) async fn responder_der(
    app: &App,
    id: &AuthorityId,
    key: &KeyDigest,
) -> Result<Option<Vec<u8>>> {
    let mut reading = view(app).await?;
    let rows = table::by_key(&mut reading, key).await?;
    let own = rows.into_iter().filter(|row| row.authority == *id && row.issued_at.is_some());
    match own.max_by_key(|row| row.not_after) {
        Some(row) => Ok(table::der(&mut reading, &row.id).await?),
        None => Ok(None),
    }
}

/// Signatures that the ledger has settled as made.
pub(crate) async fn signatures(app: &App, key: &SigningKey) -> Result<u64> {
    Ok(attempts::counts(&mut view(app).await?, &key.uri).await?.signed)
}
