//! Many certificates in a database without a server: what a row needs before it begins.
//!
//! They go through the store's own functions, in large transactions: intended, asked for, signed and
//! released like any other. Only the signature is none: each DER is that of a certificate which was
//! really issued, with another serial.

use std::fmt::Display;
use std::str::FromStr;

use aws_lc_rs::rand;
use skink_model::{
    AttemptPurpose, AuthorityId, CertificateKind, CertificateRow, CertificateState, Channel, Stamp,
    Time,
};
use skink_store::attempts::Ask;
use skink_store::issuance::{Begun, Finished};
use skink_store::{Place, Store, Tx, authorities, issuance};
use skink_x509::{Certificate, KeyDigest, Serial};

use crate::error::BenchError;
use crate::material::DOMAIN;
use crate::skink::PROFILE;

/// How many certificates one transaction has.
const AT_ONCE: usize = 8_192;

/// Puts `count` certificates like `template` into the database at `place`, which no server may be
/// using. Gives back their serials.
pub(crate) async fn seed(
    place: &Place,
    template: &Certificate,
    authority: &AuthorityId,
    count: usize,
) -> Result<Vec<Serial>, BenchError> {
    let store = Store::at(place).await?;
    let seeded = fill(&store, template, authority, count).await;
    store.close().await;
    seeded
}

async fn fill(
    store: &Store,
    template: &Certificate,
    authority: &AuthorityId,
    count: usize,
) -> Result<Vec<Serial>, BenchError> {
    let partitions = partitions(store, authority).await?;
    let (now, mut serials) = (template.not_before(), Vec::with_capacity(count));
    while serials.len() < count {
        let numbers = serials.len()..count.min(serials.len() + AT_ONCE);
        let rows = numbers.map(|number| row(template, (authority, partitions), number, now));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        serials.extend(rows.iter().map(|row| row.serial.clone()));
        let rows = &rows;
        let done = store.run_ledger_tx("seed", move |tx| {
            Box::pin(async move { issue(tx, template, authority, rows, now).await })
        });
        done.await?;
    }
    Ok(serials)
}

async fn issue(
    tx: &mut Tx<'_>,
    template: &Certificate,
    authority: &AuthorityId,
    rows: &[CertificateRow],
    now: Time,
) -> Result<(), BenchError> {
    let key = authorities::require(tx, authority).await?.key;
    let begun = rows.iter().map(|row| {
        let ask = Ask {
            id: parsed(&hex(random::<16>()?))?,
            authority: authority.clone(),
            key: key.uri.clone().unwrap_or_default(),
            purpose: AttemptPurpose::Certificate,
            subject: row.id.to_string(),
            algorithm: key.algorithm.signature_algorithm(),
            incident: None,
        };
        Ok(Begun { row: row.clone(), ask })
    });
    let begun = begun.collect::<Result<Vec<_>, BenchError>>()?;
    for answer in issuance::begin(tx, now, &begun).await? {
        answer.map_err(|refusal| BenchError::Material(refusal.to_string()))?;
    }
    let finished = begun.into_iter().map(|Begun { row, ask }| Finished {
        attempt: ask.id,
        request_id: None,
        der: with_serial(template, &row.serial),
        id: row.id,
        replaces: None,
        by: Stamp::server(now),
    });
    issuance::finish(tx, now, &finished.collect::<Vec<_>>()).await?;
    Ok(())
}

async fn partitions(store: &Store, authority: &AuthorityId) -> Result<u32, BenchError> {
    let mut reading = store.read().await?;
    Ok(authorities::require(&mut reading, authority).await?.crl_partitions)
}

fn row(
    template: &Certificate,
    (authority, partitions): (&AuthorityId, u32),
    number: usize,
    now: Time,
) -> Result<CertificateRow, BenchError> {
    let name = format!("seed-{number:08}.{DOMAIN}");
    // A thousand each millisecond; the last bytes say the partition, as the server has it.
    let after = u64::try_from(number / 1_000).unwrap_or(u64::MAX);
    let at = u64::try_from(now.as_millis()).unwrap_or_default().saturating_add(after);
    let serial = Serial::in_order(at, random()?);
    let last = serial.as_be_bytes().last_chunk().copied().unwrap_or_default();
    Ok(CertificateRow {
        id: parsed(&hex(random::<16>()?))?,
        authority: authority.clone(),
        serial,
        kind: CertificateKind::Leaf,
        state: CertificateState::Linted,
        profile: parsed(PROFILE)?,
        names: vec![name.clone()],
        name,
        key_digest: KeyDigest::from_bytes(random()?),
        partition: u32::from_be_bytes(last) % partitions,
        not_before: template.not_before(),
        not_after: template.not_after(),
        channel: Channel::Api,
        requested_by: "operator:lead".to_owned(),
        endpoint: None,
        agent: None,
        replaces: None,
        replaced_by: None,
        created_at: now,
        issued_at: None,
        fingerprint: None,
    })
}

/// The DER of `template` with another serial. Serials of ours are equally long.
fn with_serial(template: &Certificate, serial: &Serial) -> Vec<u8> {
    let (mut der, own) = (template.der().to_vec(), template.serial().as_be_bytes().to_vec());
    let at = der.windows(own.len()).position(|bytes| bytes == own);
    if let Some(place) = at.and_then(|at| der.get_mut(at..at + own.len())) {
        place.copy_from_slice(serial.as_be_bytes());
    }
    der
}

fn random<const N: usize>() -> Result<[u8; N], BenchError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|error| BenchError::Material(error.to_string()))?;
    Ok(bytes)
}

fn hex(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, BenchError> {
    text.parse().map_err(|error: T::Err| BenchError::Material(error.to_string()))
}
