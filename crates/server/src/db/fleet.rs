//! Tokens, agents and endpoints, and what they proved.

use skink_model::{
    Ack, Agent, AgentKey, AgentName, AuthorityId, BarrierProof, CrlRead, DistrustProof, Endpoint,
    EndpointName, Installed, PeerSeen, RenewOrder, Stamp, Time, Token, TokenId,
};
use skink_store::agents::Heard;
use skink_store::endpoints::OrderedBy;
use skink_store::sightings::RootListSeen;
use skink_store::tokens::NewToken;
use skink_store::{
    Reader, Refusal, Store, StoreError, agents, certificates, endpoints as table, proofs,
    sightings, tokens as token_table,
};
use skink_x509::{Fingerprint, KeyDigest};

use super::{glance, view};
use crate::app::App;
use crate::failure::{Failure, Result};
use crate::fleet::records::Record;

/// What is known of an endpoint beside its row.
pub(crate) struct EndpointFacts {
    pub(crate) not_after: Option<Time>,
    pub(crate) ack: Option<Ack>,
    pub(crate) past: Vec<AuthorityId>,
    pub(crate) refuses: Vec<AuthorityId>,
    pub(crate) last_seen: Option<Time>,
}

pub(crate) async fn tokens(app: &App) -> Result<Vec<Token>> {
    Ok(token_table::all(&mut view(app).await?).await?)
}

/// The token and, in the same transaction, the endpoints it names: registered if they are not. Who
/// tends them changes when it is used.
pub(crate) async fn insert_token(
    app: &App,
    token: &NewToken,
    endpoints: &[Endpoint],
    by: &Stamp,
) -> Result<()> {
    app.store()
        .run_tx("create_token", move |tx| {
            Box::pin(async move {
                for endpoint in endpoints {
                    if table::find(tx, &endpoint.name).await?.is_none() {
                        table::create(tx, by, endpoint).await?;
                    }
                }
                Ok(token_table::create(tx, by, token).await?)
            })
        })
        .await
}

/// The token, if it can be used. One that is for another agent is as good as unknown.
pub(crate) async fn usable_token(
    app: &App,
    id: &TokenId,
    secret: &Fingerprint,
    agent: &AgentName,
) -> Result<Token> {
    let token = token_table::usable(&mut view(app).await?, id, secret, app.now()).await?;
    if token.agent != *agent {
        return Err(Failure::Store(StoreError::Refused(Refusal::TokenUnknown)));
    }
    Ok(token)
}

pub(crate) async fn agents(app: &App) -> Result<Vec<Agent>> {
    Ok(agents::all(&mut view(app).await?).await?)
}

/// Uses a token up: in the same transaction the agent is in and its endpoints are its own, or
/// nothing has happened.
pub(crate) async fn enroll(
    app: &App,
    secret: &Fingerprint,
    agent: &Agent,
    key: &AgentKey,
    by: &Stamp,
) -> Result<()> {
    app.store()
        .run_tx("enroll", move |tx| {
            Box::pin(async move {
                let token = token_table::consume(tx, by, &agent.token, secret).await?;
                token_table::hand_over(tx, by, &token).await?;
                Ok(agents::enroll(tx, by, agent, key).await?)
            })
        })
        .await
}

pub(crate) async fn insert_agent_key(app: &App, key: &AgentKey) -> Result<()> {
    app.store()
        .run_tx("agent_key", move |tx| Box::pin(async move { Ok(agents::add_key(tx, key).await?) }))
        .await
}

pub(crate) async fn disable_agent(app: &App, agent: &AgentName, by: &Stamp) -> Result<()> {
    app.store()
        .run_tx("disable_agent", move |tx| {
            Box::pin(async move { Ok(agents::disable(tx, by, agent).await?) })
        })
        .await
}

/// The agent with this very certificate and key.
pub(crate) async fn agent_by_certificate(
    app: &App,
    fingerprint: &Fingerprint,
    key: &KeyDigest,
) -> Result<Option<AgentName>> {
    let found = agents::authenticate(&mut glance(app).await?, fingerprint, key, app.now()).await?;
    Ok(found.map(|key| key.agent))
}

pub(crate) async fn agent_keys(app: &App, agent: &AgentName) -> Result<Vec<AgentKey>> {
    Ok(agents::keys(&mut glance(app).await?, agent).await?)
}

/// Writes down when agents were heard of.
pub(crate) async fn agents_heard(app: &App, heard: &[(AgentName, Time)]) -> Result<()> {
    app.store()
        .run_tx("agents_heard", move |tx| {
            Box::pin(async move {
                let heard: Vec<Heard<'_>> = heard
                    .iter()
                    .map(|(agent, at)| Heard { agent, at: *at, clock_offset_ms: None })
                    .collect();
                Ok(agents::heard(tx, &heard).await?)
            })
        })
        .await
}

pub(crate) async fn endpoints(app: &App, after: Option<&str>, limit: u32) -> Result<Vec<Endpoint>> {
    let all = table::all(&mut view(app).await?).await?;
    let behind = |one: &Endpoint| after.is_none_or(|after| one.name.as_str() > after);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(all.into_iter().filter(behind).take(limit).collect())
}

pub(crate) async fn endpoints_of(app: &App, agent: &AgentName) -> Result<Vec<Endpoint>> {
    Ok(table::of_agent(&mut glance(app).await?, agent).await?)
}

pub(crate) async fn endpoint(app: &App, name: &EndpointName) -> Result<Endpoint> {
    let found = table::find(&mut glance(app).await?, name).await?;
    found.ok_or_else(|| Failure::not_found("endpoint", name))
}

pub(crate) async fn endpoint_facts(app: &App, row: &Endpoint) -> Result<EndpointFacts> {
    let mut reading = view(app).await?;
    let installed = row.installed.as_ref().and_then(|installed| installed.certificate.as_ref());
    let not_after = match installed {
        Some(id) => certificates::find(&mut reading, id).await?.map(|row| row.not_after),
        None => None,
    };
    let last_seen = match &row.agent {
        Some(agent) => agents::find(&mut reading, agent).await?.and_then(|agent| agent.last_seen),
        None => None,
    };
    let past = proofs::barrier_of_endpoint(&mut reading, &row.name).await?;
    let refuses = proofs::distrust_of_endpoint(&mut reading, &row.name).await?;
    Ok(EndpointFacts {
        not_after,
        ack: proofs::latest_ack(&mut reading, &row.name).await?,
        past: past.into_iter().map(|proof| proof.authority).collect(),
        refuses: refuses.into_iter().map(|proof| proof.authority).collect(),
        last_seen,
    })
}

pub(crate) async fn insert_endpoint(app: &App, row: &Endpoint, by: &Stamp) -> Result<()> {
    app.store()
        .run_tx("create_endpoint", move |tx| {
            Box::pin(async move { Ok(table::create(tx, by, row).await?) })
        })
        .await
}

/// The newest order to each of an agent's endpoints that is not fulfilled.
pub(crate) async fn renew_orders(app: &App, agent: &AgentName) -> Result<Vec<RenewOrder>> {
    let mut reading = view(app).await?;
    let mut open = Vec::new();
    for order in table::orders_of_agent(&mut reading, agent).await? {
        let endpoint = table::find(&mut reading, &order.endpoint).await?;
        let installed = endpoint.and_then(|endpoint| endpoint.installed);
        let fulfilled = match &installed {
            Some(installed) => is_fulfilled(&mut reading, &order, installed).await?,
            None => false,
        };
        if !fulfilled {
            open.push(order);
        }
    }
    Ok(open)
}

/// An incident's order wants a certificate of its generation; a person's, one that was asked for
/// after the order. Both times are this server's.
async fn is_fulfilled(
    from: &mut impl Reader,
    order: &RenewOrder,
    installed: &Installed,
) -> Result<bool> {
    if order.wants_generation() {
        return Ok(installed.authority.as_ref() == Some(&order.authority));
    }
    let Some(id) = &installed.certificate else { return Ok(false) };
    let certificate = certificates::find(from, id).await?;
    Ok(certificate.is_some_and(|row| row.created_at >= order.at))
}

/// Tells an endpoint to renew, on behalf of a person.
pub(crate) async fn order_renewal(
    app: &App,
    endpoint: &EndpointName,
    to: &AuthorityId,
) -> Result<()> {
    let (now, endpoint) = (app.now(), std::slice::from_ref(endpoint));
    app.store()
        .run_tx("order_renewal", move |tx| {
            Box::pin(async move {
                table::order_renewal(tx, now, to, OrderedBy::Person, endpoint).await?;
                Ok(())
            })
        })
        .await
}

/// Reports, in one transaction and with few statements, however many they are.
pub(crate) async fn record(store: &Store, records: &[Record]) -> Result<()> {
    let all = &All::of(records);
    store
        .run_tx("report", move |tx| {
            Box::pin(async move {
                agents::heard(tx, &all.heard).await?;
                table::set_errors(tx, &all.errors).await?;
                table::set_installed(tx, &all.installed).await?;
                proofs::acks(tx, &all.acks).await?;
                proofs::barriers(tx, &all.barriers).await?;
                proofs::distrusts(tx, &all.distrusts).await?;
                for (endpoint, at, seen) in &all.peers {
                    sightings::peers(tx, endpoint, *at, seen).await?;
                }
                sightings::measured(tx, &all.measured).await?;
                sightings::crls(tx, &all.crls).await?;
                for seen in &all.root_lists {
                    sightings::root_list(tx, seen).await?;
                }
                Ok(())
            })
        })
        .await
}

/// What several reports say, by kind.
#[derive(Default)]
struct All<'a> {
    heard: Vec<Heard<'a>>,
    errors: Vec<(&'a EndpointName, Option<&'a str>)>,
    installed: Vec<(&'a EndpointName, &'a Installed)>,
    acks: Vec<&'a Ack>,
    barriers: Vec<&'a BarrierProof>,
    distrusts: Vec<&'a DistrustProof>,
    /// Endpoints that have peers to tell of; most have none.
    peers: Vec<(&'a EndpointName, Time, &'a [PeerSeen])>,
    measured: Vec<(&'a EndpointName, Time)>,
    crls: Vec<&'a CrlRead>,
    root_lists: Vec<&'a RootListSeen>,
}

impl<'a> All<'a> {
    fn of(records: &'a [Record]) -> Self {
        let mut all = Self::default();
        for Record { agent, at, findings } in records {
            let clock_offset_ms = Some(findings.clock_offset_ms);
            all.heard.push(Heard { agent, at: *at, clock_offset_ms });
            let errors = findings.errors.iter();
            all.errors.extend(errors.map(|(name, error)| (name, error.as_deref())));
            all.installed.extend(findings.installed.iter().map(|(name, one)| (name, one)));
            all.acks.extend(&findings.acks);
            all.barriers.extend(&findings.barriers);
            all.distrusts.extend(&findings.distrusts);
            for (endpoint, seen) in &findings.peers {
                if seen.is_empty() {
                    all.measured.push((endpoint, *at));
                } else {
                    all.peers.push((endpoint, *at, seen));
                }
            }
            all.crls.extend(&findings.crls);
            all.root_lists.extend(&findings.root_lists);
        }
        all
    }
}
