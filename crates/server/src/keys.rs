//! Keys at their provider, made before their rows: what a crash leaves between the two is found.

use skink_signer::{KeyProvider as _, KeyState, KeyUri, ProviderError};
use skink_x509::KeyAlgorithm;

use crate::app::App;
use crate::failure::{Failure, Result};

/// Makes the key `name`, whose row comes next, or finds the one that a crash left without its row.
pub(crate) async fn make(app: &App, name: &str, algorithm: KeyAlgorithm) -> Result<KeyUri> {
    let Some(left) = left_behind(app, name).await? else {
        return app.provider().create(name, algorithm).await.map_err(Failure::Provider);
    };
    let state = app.provider().state(&left).await.map_err(Failure::Provider)?;
    let public_key = app.provider().public_key(&left).await.map_err(Failure::Provider)?;
    if state == KeyState::Enabled && public_key.algorithm() == algorithm {
        return Ok(left);
    }
    Err(Failure::Provider(ProviderError::NameTaken { key: left }))
}

/// The key `name`, if its provider has it and no row does.
pub(crate) async fn left_behind(app: &App, name: &str) -> Result<Option<KeyUri>> {
    let provider = app.provider();
    let uri = KeyUri::new(provider.scheme(), name).map_err(|_| Failure::Bug("a key's URI"))?;
    match provider.public_key(&uri).await {
        Ok(_) => {}
        Err(ProviderError::UnknownKey { .. }) => return Ok(None),
        Err(error) => return Err(Failure::Provider(error)),
    }
    let known = crate::db::keys(app).await?;
    Ok((!known.iter().any(|key| key.uri == uri.as_str())).then_some(uri))
}
