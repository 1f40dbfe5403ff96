//! Calls at the pace that a service allows, repeated where that helps.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use super::{Context, Encrypted, EncryptionProvider, Plaintext, Shape};
use crate::provider::ProviderError;
use crate::quota::{PAUSE, Quotas};
use crate::uri::KeyUri;

/// How often a call is made before its failure is believed.
const TRIES: u32 = 6;

/// A provider whose calls wait for their turn under a quota, and are made again where the service
/// was throttling or away: encryption may be repeated, as a signature may not.
pub struct Patient {
    inner: Arc<dyn EncryptionProvider>,
    quotas: Arc<Quotas>,
}

impl Patient {
    /// `inner` at the pace of `quotas`.
    pub fn new(inner: Arc<dyn EncryptionProvider>, quotas: Arc<Quotas>) -> Self {
        Self { inner, quotas }
    }

    async fn again<'a, T>(
        &self,
        key: &KeyUri,
        call: impl Fn() -> BoxFuture<'a, Result<T, ProviderError>> + Send,
    ) -> Result<T, ProviderError> {
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            self.quotas.turn(key).await;
            match call().await {
                Err(ProviderError::Throttled { retry_after, .. }) => {
                    let pause = retry_after.unwrap_or(pause);
                    self.quotas.throttled(key, pause);
                    tokio::time::sleep(pause.min(LONGEST)).await;
                }
                Err(error) if error.may_pass() => tokio::time::sleep(pause).await,
                answer => return answer,
            }
            pause *= 2;
        }
        self.quotas.turn(key).await;
        call().await
    }
}

/// The longest that a service is believed.
const LONGEST: Duration = Duration::from_mins(1);

#[async_trait]
impl EncryptionProvider for Patient {
    fn scheme(&self) -> &'static str {
        self.inner.scheme()
    }

    fn longest_plaintext(&self) -> usize {
        self.inner.longest_plaintext()
    }

    async fn create(&self, name: &str) -> Result<KeyUri, ProviderError> {
        self.inner.create(name).await
    }

    async fn find(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        self.again(key, || self.inner.find(key)).await
    }

    async fn encrypt_checked(
        &self,
        key: &KeyUri,
        plaintext: &Plaintext,
        context: &Context,
    ) -> Result<Encrypted, ProviderError> {
        self.again(key, || self.inner.encrypt_checked(key, plaintext, context)).await
    }

    async fn decrypt(
        &self,
        key: &KeyUri,
        ciphertext: &[u8],
        context: &Context,
    ) -> Result<Plaintext, ProviderError> {
        self.again(key, || self.inner.decrypt(key, ciphertext, context)).await
    }

    async fn data_key(
        &self,
        key: &KeyUri,
        context: &Context,
    ) -> Result<(Plaintext, Encrypted), ProviderError> {
        self.again(key, || self.inner.data_key(key, context)).await
    }

    fn shape(&self, ciphertext: &[u8]) -> Shape {
        self.inner.shape(ciphertext)
    }

    fn turns(&self, from: &KeyUri, to: &KeyUri, context: &Context) -> bool {
        self.inner.turns(from, to, context)
    }

    async fn reencrypt(
        &self,
        ciphertexts: &[&[u8]],
        from: &KeyUri,
        to: &KeyUri,
        context: &Context,
    ) -> Result<Vec<Result<Encrypted, ProviderError>>, ProviderError> {
        self.again(to, || self.inner.reencrypt(ciphertexts, from, to, context)).await
    }

    fn renews_in_place(&self) -> bool {
        self.inner.renews_in_place()
    }

    fn batch(&self) -> usize {
        self.inner.batch()
    }

    async fn rotate(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        self.inner.rotate(key).await
    }

    async fn retire(&self, key: &KeyUri) -> Result<(), ProviderError> {
        self.inner.retire(key).await
    }
}
