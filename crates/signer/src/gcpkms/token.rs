//! An access token as a credential of the vendor's client.

use std::path::PathBuf;

use google_cloud_auth::credentials::{CacheableResource, CredentialsProvider, EntityTag};
use google_cloud_auth::errors::CredentialsError;
use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap, HeaderValue};

use crate::credential::Credential;

/// A token that somebody else renews, if anybody does.
#[derive(Clone, Debug)]
pub(super) enum Token {
    Given(Credential),
    /// Read anew for each call: tokens live for an hour.
    InFile(PathBuf),
}

impl CredentialsProvider for Token {
    async fn headers(
        &self,
        _: Extensions,
    ) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        let token = match self {
            Self::Given(token) => token.clone(),
            Self::InFile(file) => {
                let text = fs_err::read_to_string(file)
                    .map_err(|error| CredentialsError::from_source(false, error))?;
                Credential::from_text(&text)
            }
        };
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .map_err(|_| CredentialsError::from_msg(false, "the access token is none"))?;
        bearer.set_sensitive(true);
        let data = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        Ok(CacheableResource::New { entity_tag: EntityTag::new(), data })
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}
