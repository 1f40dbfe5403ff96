//! Endpoints: where certificates are used, what is installed there, and orders to renew.

use std::collections::BTreeMap;

use serde_json::json;
use skink_model::{
    AgentName, AuthorityId, Endpoint, EndpointName, IncidentId, Installed, IssuerName, RenewOrder,
    Stamp, Time,
};

use crate::error::SqlError;
use crate::row::{self, Columns};
use crate::sql::{DbRow, for_each, query, query_scalar};
use crate::tx::Connected;
use crate::{Reader, StoreError, Tx, audit, proofs, settings};

const INSERT: &str = "INSERT INTO endpoint
    (name, role, mechanism, service, issuer, profile, names, address, owner, criticality, agent)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const BY_NAME: &str = "SELECT * FROM endpoint WHERE name = $1";
const OF_AGENT: &str = "SELECT * FROM endpoint WHERE agent = $1 ORDER BY name";
const OF_ISSUER: &str = "SELECT * FROM endpoint WHERE issuer = $1 ORDER BY name";
const AGENTS_OF_ISSUER: &str =
    "SELECT count(DISTINCT agent) FROM endpoint WHERE issuer = $1 AND agent IS NOT NULL";
const ALL: &str = "SELECT * FROM endpoint ORDER BY name";
const SET_INSTALLED: &str = "WITH said (name, installed, id, authority, at, back) AS
        (VALUES ($1, $2, $3, $4, $5, $6))
    UPDATE endpoint
    SET installed = said.installed, installed_id = said.id, installed_by = said.authority,
        proven_at = said.at, rolled_back = said.back, error = NULL
    FROM said
    WHERE endpoint.name = said.name
      AND (endpoint.proven_at IS NULL OR endpoint.proven_at <= said.at)";
const SET_ERRORS: &str = "WITH said (name, error) AS (VALUES ($1, $2))
    UPDATE endpoint SET error = said.error FROM said WHERE endpoint.name = said.name";
const HAND_OVER: &str = "UPDATE endpoint SET agent = $2, installed = NULL, installed_id = NULL,
        installed_by = NULL, proven_at = NULL, rolled_back = NULL, error = NULL,
        peers_measured_at = NULL
    WHERE name = $1";
const INSERT_ORDER: &str = "INSERT INTO renew_order
    (number, endpoint, authority, incident, effect, at)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (endpoint, effect) DO NOTHING";
const ORDERED: &str = "SELECT count(*) FROM renew_order WHERE endpoint = $1 AND effect = $2";
const NEWEST_ASKED: &str = "SELECT max(created_at) FROM certificate WHERE endpoint = $1";
const ORDERS_OF_AGENT: &str = "SELECT o.* FROM endpoint e
    JOIN renew_order o ON o.endpoint = e.name
    WHERE e.agent = $1
      AND o.number = (SELECT max(number) FROM renew_order WHERE endpoint = e.name)
    ORDER BY o.number";
const ORDERS_TO: &str = "SELECT * FROM renew_order WHERE authority = $1 ORDER BY number";

/// Who orders an endpoint to renew.
#[derive(Clone, Copy, Debug)]
pub enum OrderedBy<'a> {
    /// A person, as often as there is reason to: the certificate is to be newer than the order.
    Person,
    /// An effect of an incident, once: the certificate is to be of the generation.
    Effect {
        /// The incident.
        incident: &'a IncidentId,
        /// The effect's id, unique over all incidents.
        id: &'a str,
    },
}

/// Registers an endpoint. What its agent said (`installed`, `error`) is not taken from here.
pub async fn create(tx: &mut Tx<'_>, stamp: &Stamp, endpoint: &Endpoint) -> Result<(), StoreError> {
    insert(tx, endpoint)
        .await
        .map_err(|error| StoreError::insert("endpoint", &endpoint.name, error))?;
    let detail = json!({"service": endpoint.service, "mechanism": endpoint.mechanism});
    audit::record(tx, stamp, "endpoint.create", endpoint.name.as_str(), &detail).await
}

/// The endpoint is another host's from now on, or a new host's of the same name: what the one before
/// proved says nothing of this one.
pub(crate) async fn hand_over(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    endpoint: &Endpoint,
    to: &AgentName,
) -> Result<(), StoreError> {
    let query = query(HAND_OVER).bind(endpoint.name.as_str()).bind(to.as_str());
    query.execute(tx.conn()).await.map_err(StoreError::query)?;
    proofs::forget(tx, &endpoint.name).await?;
    let detail = json!({"from": endpoint.agent, "to": to});
    audit::record(tx, stamp, "endpoint.hand-over", endpoint.name.as_str(), &detail).await
}

async fn insert(tx: &mut Tx<'_>, endpoint: &Endpoint) -> Result<(), SqlError> {
    query(INSERT)
        .bind(endpoint.name.as_str())
        .bind(endpoint.role.as_str())
        .bind(endpoint.mechanism.as_str())
        .bind(endpoint.service.as_str())
        .bind(endpoint.issuer.as_str())
        .bind(endpoint.profile.as_str())
        .bind(row::json(&endpoint.names))
        .bind(endpoint.address.as_deref())
        .bind(endpoint.owner.as_str())
        .bind(endpoint.criticality.as_str())
        .bind(endpoint.agent.as_ref().map(|name| name.as_str().to_owned()))
        .execute(tx.conn())
        .await
        .map(drop)
}

/// Endpoints present these certificates now: handshakes showed them. Older news changes nothing.
pub async fn set_installed(
    tx: &mut Tx<'_>,
    said: &[(&EndpointName, &Installed)],
) -> Result<(), StoreError> {
    let mut latest: BTreeMap<&EndpointName, &Installed> = BTreeMap::new();
    for &(name, installed) in said {
        let known = latest.entry(name).or_insert(installed);
        if known.proven_at <= installed.proven_at {
            *known = installed;
        }
    }
    let row = |(name, installed): (&EndpointName, &Installed)| {
        vec![
            name.as_str().to_owned().into(),
            installed.fingerprint.as_bytes().to_vec().into(),
            installed.certificate.as_ref().map(|id| id.as_str().to_owned()).into(),
            installed.authority.as_ref().map(|id| id.as_str().to_owned()).into(),
            installed.proven_at.as_millis().into(),
            row::bit(installed.rolled_back).into(),
        ]
    };
    let rows = latest.into_iter().map(row).collect();
    let done = for_each(tx.conn(), SET_INSTALLED, rows).await;
    done.map(drop).map_err(StoreError::query)
}

/// What agents could not do for their endpoints, the latest word last; `None` when they can again.
pub async fn set_errors(
    tx: &mut Tx<'_>,
    said: &[(&EndpointName, Option<&str>)],
) -> Result<(), StoreError> {
    let latest: BTreeMap<&EndpointName, Option<&str>> = said.iter().copied().collect();
    let rows = latest.into_iter();
    let rows = rows.map(|(name, error)| {
        vec![name.as_str().to_owned().into(), error.map(ToOwned::to_owned).into()]
    });
    let done = for_each(tx.conn(), SET_ERRORS, rows.collect()).await;
    done.map(drop).map_err(StoreError::query)
}

/// The endpoint of this name.
pub async fn find(
    r: &mut impl Reader,
    name: &EndpointName,
) -> Result<Option<Endpoint>, StoreError> {
    let row = query(BY_NAME).bind(name.as_str()).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// The endpoints that an agent tends.
pub async fn of_agent(r: &mut impl Reader, agent: &AgentName) -> Result<Vec<Endpoint>, StoreError> {
    let rows = query(OF_AGENT).bind(agent.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read)
}

/// The endpoints whose certificates come from an issuer.
pub async fn of_issuer(
    r: &mut impl Reader,
    issuer: &IssuerName,
) -> Result<Vec<Endpoint>, StoreError> {
    let rows = query(OF_ISSUER).bind(issuer.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read)
}

/// How many agents tend endpoints whose certificates come from an issuer.
pub async fn agents_of_issuer(r: &mut impl Reader, issuer: &IssuerName) -> Result<u64, StoreError> {
    let query = query_scalar::<i64>(AGENTS_OF_ISSUER).bind(issuer.as_str());
    let count = query.fetch_one(r.conn()).await.map_err(StoreError::query)?;
    u64::try_from(count).map_err(|error| row::corrupt("agents", error))
}

/// Every endpoint, by name.
pub async fn all(r: &mut impl Reader) -> Result<Vec<Endpoint>, StoreError> {
    let rows = query(ALL).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read)
}

/// Tells endpoints to renew under `authority` now; one effect tells none of them twice. An order of
/// a person is newer than every certificate that was asked for before it. Returns how many are new.
pub async fn order_renewal(
    tx: &mut Tx<'_>,
    at: Time,
    authority: &AuthorityId,
    by: OrderedBy<'_>,
    endpoints: &[EndpointName],
) -> Result<u64, StoreError> {
    let mut new = 0;
    for endpoint in endpoints {
        let (incident, effect, at) = match by {
            OrderedBy::Person => (None, None, at.max(after_asking(tx, endpoint).await?)),
            OrderedBy::Effect { incident, id } => {
                if was_ordered(tx, endpoint, id).await? {
                    continue;
                }
                (Some(incident.as_str().to_owned()), Some(id.to_owned()), at)
            }
        };
        let number = settings::next(tx, "renew_order", 0).await?;
        let done = query(INSERT_ORDER)
            .bind(row::int(number))
            .bind(endpoint.as_str())
            .bind(authority.as_str())
            .bind(incident)
            .bind(effect)
            .bind(at.as_millis())
            .execute(tx.conn())
            .await
            .map_err(StoreError::query)?;
        new += done.rows_affected();
    }
    Ok(new)
}

async fn was_ordered(
    tx: &mut Tx<'_>,
    endpoint: &EndpointName,
    effect: &str,
) -> Result<bool, StoreError> {
    let query = query_scalar::<i64>(ORDERED).bind(endpoint.as_str()).bind(effect);
    Ok(query.fetch_one(tx.conn()).await.map_err(StoreError::query)? > 0)
}

/// Just after the newest certificate that was asked for an endpoint, whatever the clock did since.
async fn after_asking(tx: &mut Tx<'_>, endpoint: &EndpointName) -> Result<Time, StoreError> {
    let query = query_scalar::<Option<i64>>(NEWEST_ASKED).bind(endpoint.as_str());
    let asked = query.fetch_one(tx.conn()).await.map_err(StoreError::query)?;
    Ok(Time::from_millis(asked.map_or(i64::MIN, |asked| asked.saturating_add(1))))
}

/// The newest order to each of an agent's endpoints.
pub async fn orders_of_agent(
    r: &mut impl Reader,
    agent: &AgentName,
) -> Result<Vec<RenewOrder>, StoreError> {
    let rows = query(ORDERS_OF_AGENT).bind(agent.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read_order)
}

/// Every order to move to `authority`.
pub async fn orders_to(
    r: &mut impl Reader,
    authority: &AuthorityId,
) -> Result<Vec<RenewOrder>, StoreError> {
    let rows = query(ORDERS_TO).bind(authority.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read_order)
}

fn read(row: &DbRow) -> Result<Endpoint, StoreError> {
    Ok(Endpoint {
        name: row.parsed("name")?,
        role: row.parsed("role")?,
        mechanism: row.parsed("mechanism")?,
        service: row.string("service")?,
        issuer: row.parsed("issuer")?,
        profile: row.parsed("profile")?,
        names: row.json("names")?,
        address: row.raw("address")?,
        owner: row.string("owner")?,
        criticality: row.parsed("criticality")?,
        agent: row.parsed_option("agent")?,
        installed: read_installed(row)?,
        error: row.raw("error")?,
    })
}

fn read_installed(row: &DbRow) -> Result<Option<Installed>, StoreError> {
    let Some(fingerprint) = row.digest_option("installed")? else { return Ok(None) };
    Ok(Some(Installed {
        fingerprint,
        certificate: row.parsed_option("installed_id")?,
        authority: row.parsed_option("installed_by")?,
        proven_at: row.time("proven_at")?,
        rolled_back: row.raw::<Option<i64>>("rolled_back")?.is_some_and(|flag| flag != 0),
    }))
}

fn read_order(row: &DbRow) -> Result<RenewOrder, StoreError> {
    Ok(RenewOrder {
        number: row.number("number")?,
        endpoint: row.parsed("endpoint")?,
        authority: row.parsed("authority")?,
        incident: row.parsed_option("incident")?,
        at: row.time("at")?,
    })
}
