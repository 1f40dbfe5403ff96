//! Operators and enrolment tokens.

use axum::extract::State;
use skink_api::{NewOperator, NewToken, Operator, OperatorCreated, Token, TokenCreated};
use skink_model::{AgentName, OperatorName};

use crate::app::App;
use crate::failure::Result;
use crate::http::authorise::Person;
use crate::http::extract::{Json, Path};
use crate::{operators, tokens};

pub(crate) async fn tokens(State(app): State<App>) -> Result<Json<Vec<Token>>> {
    tokens::list(&app).await.map(Json)
}

pub(crate) async fn create_token(
    State(app): State<App>,
    by: Person,
    Json(new): Json<NewToken>,
) -> Result<Json<TokenCreated>> {
    tokens::create(&app, &by, &new).await.map(Json)
}

pub(crate) async fn operators(State(app): State<App>) -> Result<Json<Vec<Operator>>> {
    operators::list(&app).await.map(Json)
}

pub(crate) async fn create_operator(
    State(app): State<App>,
    by: Person,
    Json(new): Json<NewOperator>,
) -> Result<Json<OperatorCreated>> {
    operators::create(&app, &by.stamp(app.now()), &new).await.map(Json)
}

pub(crate) async fn disable_operator(
    State(app): State<App>,
    by: Person,
    Path(name): Path<OperatorName>,
) -> Result<Json<Operator>> {
    operators::disable(&app, &by, &name).await.map(Json)
}

pub(crate) async fn disable_agent(
    State(app): State<App>,
    by: Person,
    Path(name): Path<AgentName>,
) -> Result<()> {
    crate::db::disable_agent(&app, &name, &by.stamp(app.now())).await?;
    tracing::warn!(agent.name = %name, "an agent was shut out");
    Ok(())
}
