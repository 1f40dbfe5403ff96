//! Enrolment tokens: what an agent may become, once, for minutes.

use std::time::Duration;

use skink_api::token::EnrolmentToken;
use skink_api::{NewToken, Token, TokenCreated};
use skink_model::{AgentName, Endpoint, TokenId};
use skink_x509::Fingerprint;

use crate::app::App;
use crate::failure::{Failure, Result};
use crate::http::authorise::Person;
use crate::operators::parsed;
use crate::{endpoints, secrets, views};

const LIFETIME_S: u64 = 900;
const LIFETIME_MAX_S: u64 = 86_400;

pub(crate) async fn list(app: &App) -> Result<Vec<Token>> {
    Ok(crate::db::tokens(app).await?.iter().map(views::token).collect())
}

/// Makes a token, and registers the endpoints it names where they are not registered yet.
pub(crate) async fn create(app: &App, by: &Person, new: &NewToken) -> Result<TokenCreated> {
    let agent: AgentName = parsed(&new.agent)?;
    let lifetime = new.lifetime_s.unwrap_or(LIFETIME_S);
    if lifetime == 0 || lifetime > LIFETIME_MAX_S {
        return Err(Failure::malformed(format!("lifetime_s is 1 to {LIFETIME_MAX_S}")));
    }
    if new.endpoints.is_empty() {
        return Err(Failure::malformed("a token names at least one endpoint"));
    }
    let mut rows: Vec<Endpoint> = Vec::with_capacity(new.endpoints.len());
    for spec in &new.endpoints {
        // Nobody tends it before the token is used.
        rows.push(Endpoint { agent: None, ..endpoints::checked(app, spec).await? });
    }
    let (now, secret) = (app.now(), secrets::secret(app.rng()));
    let id: TokenId = parsed(&hex::encode(app.random::<8>()))?;
    let row = skink_store::tokens::NewToken {
        id: id.clone(),
        secret_digest: Fingerprint::from_bytes(secrets::hash(&secret)),
        agent: agent.clone(),
        endpoints: rows.iter().map(|row| row.name.clone()).collect(),
        expires_at: now.plus(Duration::from_secs(lifetime)),
    };
    crate::db::insert_token(app, &row, &rows, &by.stamp(now)).await?;
    let (package, _) =
        app.published().package().ok_or_else(|| Failure::not_found("trust package", "yet"))?;
    let token = EnrolmentToken {
        id: id.to_string(),
        secret,
        domain: app.settings().domain().to_owned(),
        root: app.root_fingerprint().await?.to_string(),
        epoch: package.epoch,
        version: package.version,
        url: app.agent_url(),
        server_name: app.settings().server_name(),
        agent: agent.to_string(),
    };
    Ok(TokenCreated {
        id: id.to_string(),
        token: token.encode().map_err(Failure::Encode)?,
        expires_at_ms: row.expires_at.as_millis(),
    })
}
