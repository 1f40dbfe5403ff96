//! "Fetch the package", "renew now": all that an agent is ever told.

use std::time::Duration;

use skink_api::agent::{PackageRef, PollAnswer, PollQuery, RenewNow};

use skink_trust::Edition;

use crate::app::App;
use crate::failure::{Failure, Result};
use crate::http::authorise::CallingAgent;
use crate::{db, package};

/// The longest wait.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// Answers at once when there is news for the agent, else when some comes or the wait is over.
pub(crate) async fn poll(app: &App, agent: &CallingAgent, query: &PollQuery) -> Result<PollAnswer> {
    db::agent_seen(app, &agent.0).await?;
    package::overtake(app, Edition::new(query.epoch, query.version)).await?;
    let mut news = app.news().for_agents();
    let wait = Duration::from_millis(query.wait_ms).min(WAIT_MAX);
    let until = tokio::time::Instant::now() + wait;
    loop {
        news.borrow_and_update();
        let answer = look(app, agent).await?;
        let known = PackageRef { digest: String::new(), ..answer.package.clone() };
        let newer = (known.epoch, known.version) != (query.epoch, query.version);
        if newer || answer.order > query.order || app.is_stopping() {
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
