//! Finding and counting certificates.

use serde::Serialize;
use skink_model::{
    AuthorityId, CertificateId, CertificateKind, CertificateRow, Channel, EndpointName,
    ProfileName, Time,
};

use super::read;
use crate::row::{self, Columns};
use crate::sql::{query, query_scalar};
use crate::{Reader, StoreError};

const ALL: &str = "SELECT * FROM certificate WHERE id > $1 ORDER BY id LIMIT $2";
const OF_AUTHORITY: &str = "SELECT * FROM certificate
    WHERE authority = $3 AND id > $1 ORDER BY id LIMIT $2";
const OF_ENDPOINT: &str = "SELECT * FROM certificate
    WHERE endpoint = $4 AND id > $1 AND (CAST($3 AS TEXT) IS NULL OR authority = $3)
    ORDER BY id LIMIT $2";
const BY_PREFIX: &str = "SELECT * FROM certificate
    WHERE id IN (SELECT id FROM certificate WHERE id >= $5 AND id < $6
                 UNION SELECT id FROM certificate WHERE name >= $5 AND name < $6
                 UNION SELECT id FROM certificate WHERE serial >= $7 AND serial <= $8)
      AND id > $1
      AND (CAST($3 AS TEXT) IS NULL OR authority = $3)
      AND (CAST($4 AS TEXT) IS NULL OR endpoint = $4)
    ORDER BY id LIMIT $2";
const EXPIRING: &str = "SELECT * FROM certificate
    WHERE not_after > $1 AND not_after <= $2 AND state = 'issued' AND replaced_by IS NULL
    ORDER BY not_after, id LIMIT $3";
const COUNT_VALID: &str = "SELECT
    (SELECT count(*) FROM certificate
     WHERE authority = $1 AND state = 'issued' AND not_after > $2)
  - (SELECT count(*) FROM revocation r
     JOIN certificate c
       ON c.authority = r.authority AND c.crl_part = r.crl_part AND c.serial = r.serial
     WHERE r.authority = $1 AND c.state = 'issued' AND c.not_after > $2)";
const SCOPE: &str = "SELECT profile, kind, channel, count(*) AS total,
        sum(CASE WHEN endpoint IS NULL THEN 1 ELSE 0 END) AS unplaced,
        max(not_after) AS last_end
    FROM certificate WHERE authority = $1 AND state = 'issued' AND not_after > $2
    GROUP BY profile, kind, channel ORDER BY profile, kind, channel";

/// Which certificates, by pages in the order of ids.
#[derive(Clone, Debug, Default)]
pub struct CertificateQuery {
    /// Begin of the name, of the serial (hexadecimal), or of the id.
    pub prefix: Option<String>,
    /// Only of this generation.
    pub authority: Option<AuthorityId>,
    /// Only for this endpoint.
    pub endpoint: Option<EndpointName>,
    /// The last id of the page before.
    pub after: Option<CertificateId>,
    /// At most so many.
    pub limit: u32,
}

/// One page of the certificates that `wanted` describes.
pub async fn list(
    r: &mut impl Reader,
    wanted: &CertificateQuery,
) -> Result<Vec<CertificateRow>, StoreError> {
    let sql = match (&wanted.prefix, &wanted.endpoint, &wanted.authority) {
        (Some(_), _, _) => BY_PREFIX,
        (None, Some(_), _) => OF_ENDPOINT,
        (None, None, Some(_)) => OF_AUTHORITY,
        (None, None, None) => ALL,
    };
    let mut query = query(sql)
        .bind(wanted.after.as_ref().map_or("", CertificateId::as_str).to_owned())
        .bind(i64::from(wanted.limit));
    if sql != ALL {
        query = query.bind(wanted.authority.as_ref().map(|id| id.as_str().to_owned()));
    }
    if sql == OF_ENDPOINT || sql == BY_PREFIX {
        query = query.bind(wanted.endpoint.as_ref().map(|name| name.as_str().to_owned()));
    }
    if let Some(prefix) = &wanted.prefix {
        let (low, high) = serial_range(prefix);
        query = query.bind(prefix.clone()).bind(format!("{prefix}\u{10ffff}"));
        query = query.bind(low).bind(high);
    }
    let rows = query.fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read)
}

/// Our own serials that begin with these hexadecimal digits, as the lowest and highest stored value.
/// What is no begin of a serial gives an empty range.
fn serial_range(prefix: &str) -> (Vec<u8>, Vec<u8>) {
    const LENGTH: usize = 17;
    let digits: Option<Vec<u8>> =
        prefix.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let Some(digits) = digits.filter(|d| !d.is_empty() && d.len() <= 2 * LENGTH) else {
        return (vec![1], vec![0]);
    };
    let fill = |filler: u8| {
        let nibble = |n: usize| digits.get(n).copied().unwrap_or(filler);
        let length = u8::try_from(LENGTH).unwrap_or_default();
        let bytes = (0..LENGTH).map(|n| (nibble(2 * n) << 4) | nibble(2 * n + 1));
        std::iter::once(length).chain(bytes).collect()
    };
    (fill(0), fill(0xf))
}

/// Issued certificates without a successor whose validity ends in `(from, to]`, soonest first.
pub async fn expiring(
    r: &mut impl Reader,
    from: Time,
    to: Time,
    limit: u32,
) -> Result<Vec<CertificateRow>, StoreError> {
    let rows = query(EXPIRING)
        .bind(from.as_millis())
        .bind(to.as_millis())
        .bind(i64::from(limit))
        .fetch_all(r.conn())
        .await
        .map_err(StoreError::query)?;
    row::all(&rows, read)
}

/// Certificates of an authority that run at `now` and are not revoked.
pub async fn count_valid(
    r: &mut impl Reader,
    authority: &AuthorityId,
    now: Time,
) -> Result<u64, StoreError> {
    let count: i64 = query_scalar(COUNT_VALID)
        .bind(authority.as_str())
        .bind(now.as_millis())
        .fetch_one(r.conn())
        .await
        .map_err(StoreError::query)?;
    u64::try_from(count).map_err(|error| row::corrupt("count", error))
}

/// How many running certificates of one kind an authority has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScopeCount {
    /// By profile,
    pub profile: ProfileName,
    /// by kind,
    pub kind: CertificateKind,
    /// by channel.
    pub channel: Channel,
    /// All of them.
    pub total: u64,
    /// Those of which nobody said where they run.
    pub unplaced: u64,
    /// When the last of them ends.
    #[serde(with = "skink_model::wire::millis")]
    pub last_end: Time,
}

/// What runs on an authority at `now`, in numbers: the scope of an incident.
pub async fn scope(
    r: &mut impl Reader,
    authority: &AuthorityId,
    now: Time,
) -> Result<Vec<ScopeCount>, StoreError> {
    let rows = query(SCOPE)
        .bind(authority.as_str())
        .bind(now.as_millis())
        .fetch_all(r.conn())
        .await
        .map_err(StoreError::query)?;
    row::all(&rows, |row| {
        Ok(ScopeCount {
            profile: row.parsed("profile")?,
            kind: row.parsed("kind")?,
            channel: row.parsed("channel")?,
            total: row.number("total")?,
            unplaced: row.number("unplaced")?,
            last_end: row.time("last_end")?,
        })
    })
}
