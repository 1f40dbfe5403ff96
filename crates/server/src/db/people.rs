//! Operators and tokens.

use skink_model::{Operator, OperatorName, Stamp};
use skink_store::operators::{self as table, NewOperator};
use skink_x509::{Fingerprint, KeyDigest};

use super::view;
use crate::app::App;
use crate::failure::Result;
use crate::incident;

pub(crate) async fn operators(app: &App) -> Result<Vec<Operator>> {
    Ok(table::all(&mut view(app).await?).await?)
}

pub(crate) async fn operator_by_token(app: &App, hash: &[u8; 32]) -> Result<Option<Operator>> {
    let digest = Fingerprint::from_bytes(*hash);
    Ok(table::by_token(&mut view(app).await?, &digest).await?)
}

pub(crate) async fn operator_by_key(app: &App, key: &KeyDigest) -> Result<Option<Operator>> {
    Ok(table::by_key(&mut view(app).await?, key).await?)
}

pub(crate) async fn insert_operator(app: &App, new: &NewOperator, by: &Stamp) -> Result<()> {
    app.store()
        .run_tx("create_operator", move |tx| {
            Box::pin(async move { Ok(table::create(tx, by, new).await?) })
        })
        .await
}

/// What he approved and is not done yet counts without him, from the same transaction on.
pub(crate) async fn disable_operator(app: &App, name: &OperatorName, by: &Stamp) -> Result<()> {
    app.store()
        .run_tx("disable_operator", move |tx| {
            Box::pin(async move {
                table::disable(tx, by, name).await?;
                incident::withdraw(tx, name, by.at).await
            })
        })
        .await
}
