//! Operators.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use skink_api::{self as api, Operator, OperatorCreated};
use skink_model::{OperatorName, Stamp};
use skink_store::operators::NewOperator;
use skink_x509::{Fingerprint, KeyDigest, PublicKey};

use crate::app::App;
use crate::failure::{Failure, Result};
use crate::http::authorise::Person;
use crate::words::Unwire as _;
use crate::{secrets, views};

/// Bearer tokens begin so, to be recognised where they should not be.
const TOKEN_PREFIX: &str = "skop_";

pub(crate) async fn list(app: &App) -> Result<Vec<Operator>> {
    Ok(crate::db::operators(app).await?.iter().map(views::operator).collect())
}

/// Registers an operator: by client key, or by a bearer token that is said once.
pub(crate) async fn create(
    app: &App,
    by: &Stamp,
    new: &api::NewOperator,
) -> Result<OperatorCreated> {
    let name: OperatorName = parsed(&new.name)?;
    let key = new.client_key_pem.as_deref().map(key_digest).transpose()?;
    let token = key.is_none().then(|| format!("{TOKEN_PREFIX}{}", secrets::secret(app.rng())));
    let row = NewOperator {
        name: name.clone(),
        role: new.role.unwire(),
        key_digest: key,
        token_digest: token.as_deref().map(secrets::hash).map(Fingerprint::from_bytes),
    };
    crate::db::insert_operator(app, &row, by).await?;
    Ok(OperatorCreated { operator: show(app, &name).await?, token })
}

async fn show(app: &App, name: &OperatorName) -> Result<Operator> {
    let rows = crate::db::operators(app).await?;
    let row = rows.iter().find(|row| row.name == *name);
    row.map(views::operator).ok_or_else(|| Failure::not_found("operator", name))
}

/// Removes an operator's access. Nobody removes himself, so that somebody is left.
pub(crate) async fn disable(app: &App, by: &Person, name: &OperatorName) -> Result<Operator> {
    if by.name == *name {
        return Err(Failure::conflict("nobody removes himself: ask another"));
    }
    crate::db::disable_operator(app, name, &by.stamp(app.now())).await?;
    show(app, name).await
}

fn key_digest(pem: &str) -> Result<KeyDigest> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD
        .decode(body.trim())
        .map_err(|_| Failure::malformed("client_key_pem is no SubjectPublicKeyInfo in PEM"))?;
    let key = PublicKey::from_spki_der(&der)
        .map_err(|error| Failure::malformed(format!("client_key_pem: {error}")))?;
    Ok(key.digest())
}

/// A typed id out of what was sent.
pub(crate) fn parsed<T: std::str::FromStr<Err = skink_model::BadId>>(text: &str) -> Result<T> {
    text.parse().map_err(|error: skink_model::BadId| Failure::malformed(error.to_string()))
}
