//! "Fetch the package", "renew now": all that an agent is ever told.

use std::time::Duration;

use skink_api::agent::{PollAnswer, PollQuery, RenewNow};

use crate::app::App;
use crate::db;
use crate::failure::{Failure, Result};
use crate::http::authorise::CallingAgent;

/// The longest wait.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// When an agent that says it holds a later package than is out is to ask again.
const AHEAD_RETRY_MS: u64 = 5_000;

/// Answers at once when there is news for the agent, else when some comes or the wait is over.
pub(crate) async fn poll(app: &App, agent: &CallingAgent, query: &PollQuery) -> Result<PollAnswer> {
    db::agent_seen(app, &agent.0).await?;
    let mut news = app.news().for_agents();
    let wait = Duration::from_millis(query.wait_ms).min(WAIT_MAX);
    let until = tokio::time::Instant::now() + wait;
    loop {
        news.borrow_and_update();
        let mut answer = look(app, agent).await?;
        let (out, held) =
            ((answer.package.epoch, answer.package.version), (query.epoch, query.version));
        if held > out {
            // Who really holds it shows it in a report; a number is nothing to wake others for.
            answer.retry_after_ms = AHEAD_RETRY_MS;
        }
        if held != out || answer.order > query.order || app.is_stopping() {
            return Ok(answer);
        }
        tokio::select! {
            changed = news.changed() => if changed.is_err() { return Ok(answer) },
            () = tokio::time::sleep_until(until) => {
                let mut answer = answer;
                answer.server_time_ms = app.now().as_millis();
                return Ok(answer);
            }
        }
    }
}

async fn look(app: &App, agent: &CallingAgent) -> Result<PollAnswer> {
    let (package, _) =
        app.published().package().ok_or_else(|| Failure::not_found("trust package", "yet"))?;
    let orders = db::renew_orders(app, &agent.0).await?;
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
    Ok(PollAnswer {
        package,
        renew,
        order,
        nonce: app.nonces().make(&agent.0, now),
        server_time_ms: now.as_millis(),
        retry_after_ms: 0,
    })
}
