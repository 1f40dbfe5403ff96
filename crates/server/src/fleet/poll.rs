//! "Fetch the package", "renew now": all that an agent is ever told.

use std::time::Duration;

use skink_api::agent::{PackageRef, PollAnswer, PollQuery, RenewNow};
use skink_model::RenewOrder;

use crate::app::App;
use crate::db;
use crate::failure::{Failure, Result};
use crate::http::authorise::CallingAgent;

/// The longest wait.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// When an agent that says it holds a later package than is out is to ask again.
const AHEAD_RETRY_MS: u64 = 5_000;

/// Answers at once when there is news for the agent, else when some comes or the wait is over.
///
/// News that everybody waits for goes out in turn. An agent that does not wait is told when to come
/// again.
pub(crate) async fn poll(app: &App, agent: &CallingAgent, query: &PollQuery) -> Result<PollAnswer> {
    app.waiting().heard(&agent.0, app.now());
    let mut news = app.news().for_agents();
    // Heard from here on: what is ordered while we look wakes us.
    let call = app.waiting().call(&agent.0);
    let wait = Duration::from_millis(query.wait_ms).min(WAIT_MAX);
    let until = tokio::time::Instant::now() + wait;
    let mut waited = false;
    loop {
        news.borrow_and_update();
        let (out, orders) = look(app, agent).await?;
        let (version, held) = ((out.epoch, out.version), (query.epoch, query.version));
        let order = orders.iter().map(|order| order.number).max().unwrap_or(0);
        let is_news = held != version || order > query.order;
        if is_news || app.is_stopping() || wait.is_zero() {
            if waited && !app.is_stopping() {
                // Who would be held longer than he asked for takes us for gone, and comes again.
                let _ = tokio::time::timeout_at(until, app.turnstile().pass()).await;
            }
            let mut answer = answer(app, agent, out, &orders);
            answer.retry_after_ms = if held > version {
                // Who really holds it shows it in a report; a number is nothing to wake others for.
                AHEAD_RETRY_MS
            } else if wait.is_zero() && !is_news {
                next_visit_ms(app)
            } else {
                0
            };
            return Ok(answer);
        }
        waited = true;
        tokio::select! {
            changed = news.changed() => {
                if changed.is_err() {
                    return Ok(answer(app, agent, out, &orders));
                }
            }
            () = call.ordered() => {}
            () = tokio::time::sleep_until(until) => return Ok(answer(app, agent, out, &orders)),
        }
    }
}

/// The package that is out, and the agent's open orders: from memory where it has none.
async fn look(app: &App, agent: &CallingAgent) -> Result<(PackageRef, Vec<RenewOrder>)> {
    let out = app.published().package_reference();
    let out = out.ok_or_else(|| Failure::not_found("trust package", "yet"))?;
    if app.waiting().is_settled(&agent.0) {
        return Ok((out, Vec::new()));
    }
    let given = app.waiting().orders();
    let orders = db::renew_orders(app, &agent.0).await?;
    if orders.is_empty() {
        app.waiting().settle(&agent.0, given);
    }
    Ok((out, orders))
}

fn answer(
    app: &App,
    agent: &CallingAgent,
    package: PackageRef,
    orders: &[RenewOrder],
) -> PollAnswer {
    let order = orders.iter().map(|order| order.number).max().unwrap_or(0);
    let renew = orders
        .iter()
        .map(|order| RenewNow {
            endpoint: order.endpoint.to_string(),
            authority: order.authority.to_string(),
            number: order.number,
            at_ms: order.at.as_millis(),
            anew: !order.wants_generation(),
        })
        .collect();
    let now = app.now();
    PollAnswer {
        package,
        renew,
        order,
        nonce: app.nonces().make(&agent.0, now),
        server_time_ms: now.as_millis(),
        retry_after_ms: 0,
    }
}

fn next_visit_ms(app: &App) -> u64 {
    let random = u32::from_be_bytes(app.random());
    let next = app.turnstile().next_visit(app.waiting().agents(), random);
    u64::try_from(next.as_millis()).unwrap_or(u64::MAX)
}
