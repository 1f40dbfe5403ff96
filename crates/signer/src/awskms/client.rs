//! One call is one HTTP request: the vendor's client with its own repetitions off.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::StalledStreamProtectionConfig;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use tokio::sync::OnceCell;

use super::{KmsSettings, failure};
use crate::provider::ProviderError;
use crate::uri::KeyUri;

/// A client for each region, made when it is first used: finding credentials may take calls.
#[derive(Debug)]
pub(super) struct Clients {
    settings: KmsSettings,
    config: OnceCell<SdkConfig>,
    by_region: Mutex<HashMap<Option<String>, Client>>,
}

impl Clients {
    pub(super) fn new(settings: &KmsSettings) -> Self {
        Self { settings: settings.clone(), config: OnceCell::new(), by_region: Mutex::default() }
    }

    /// The client for a region; without one, for the configured.
    pub(super) async fn of(&self, region: Option<&str>) -> Client {
        let config = self.config.get_or_init(|| load(&self.settings)).await;
        let mut by_region = self.by_region.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let mut builder = aws_sdk_kms::config::Builder::from(config);
            if let Some(region) = region {
                builder.set_region(Some(Region::new(region.to_owned())));
            }
            Client::from_conf(builder.build())
        };
        by_region.entry(region.map(ToOwned::to_owned)).or_insert_with(make).clone()
    }

    /// What gives out credentials, for the same region.
    pub(super) async fn sts(&self, region: Option<&str>) -> aws_sdk_sts::Client {
        let config = self.config.get_or_init(|| load(&self.settings)).await;
        let mut builder = aws_sdk_sts::config::Builder::from(config);
        if let Some(region) = region {
            builder.set_region(Some(Region::new(region.to_owned())));
        }
        aws_sdk_sts::Client::from_conf(builder.build())
    }

    /// What a failed call about a key means.
    pub(super) fn refusal<E>(&self, key: &KeyUri, error: SdkError<E>) -> ProviderError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        failure::refusal(key, self.settings.patience, error)
    }
}

async fn load(settings: &KmsSettings) -> SdkConfig {
    let patience = settings.patience;
    let timeouts =
        TimeoutConfig::builder().connect_timeout(patience).operation_timeout(patience).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        // An answer that trickles ends with the operation's time, and no other way.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(credentials) = settings.credentials() {
        loader = loader.credentials_provider(credentials);
    }
    loader.load().await
}
