//! Access tokens that we have, and where to look for one.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::time::{Duration, OffsetDateTime};
use azure_core::{Error, Result};

use crate::credential::Credential;

/// A token that somebody gave us. When it ends the service says.
#[derive(Debug)]
pub(super) struct Given(pub(super) Credential);

#[async_trait]
impl TokenCredential for Given {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> Result<AccessToken> {
        let ends = OffsetDateTime::now_utc() + Duration::days(1);
        Ok(AccessToken::new(self.0.expose().to_owned(), ends))
    }
}

/// Of several the first that has a token, from then on.
#[derive(Debug)]
pub(super) struct Chain {
    links: Vec<Arc<dyn TokenCredential>>,
    chosen: OnceLock<Arc<dyn TokenCredential>>,
}

impl Chain {
    pub(super) fn new<const N: usize>(links: [Arc<dyn TokenCredential>; N]) -> Self {
        Self { links: links.into(), chosen: OnceLock::new() }
    }
}

#[async_trait]
impl TokenCredential for Chain {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> Result<AccessToken> {
        if let Some(chosen) = self.chosen.get() {
            return chosen.get_token(scopes, options).await;
        }
        let mut why = Vec::new();
        for link in &self.links {
            match link.get_token(scopes, options.clone()).await {
                Ok(token) => {
                    let _ = self.chosen.set(Arc::clone(link));
                    return Ok(token);
                }
                Err(error) => why.push(error.to_string()),
            }
        }
        let none = format!("no credential was found: {}", why.join("; "));
        Err(Error::with_message(ErrorKind::Credential, none))
    }
}
