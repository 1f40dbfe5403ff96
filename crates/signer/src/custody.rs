//! The other credential: what stops a key, and alone can start it again.

use async_trait::async_trait;

use crate::provider::ProviderError;
use crate::uri::KeyUri;

/// Disables and enables keys with a credential that does not sign. It is sealed in a kit, or held
/// by an approver; the credential that signs can never take a disabling back.
#[async_trait]
pub trait Custody: Send + Sync + 'static {
    /// The provider whose keys these are.
    fn scheme(&self) -> &'static str;

    /// Disables the key: the service refuses to sign with it, whoever asks. Idempotent.
    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError>;

    /// Lets a disabled key sign again. Idempotent; a destroyed key stays destroyed.
    async fn enable(&self, key: &KeyUri) -> Result<(), ProviderError>;
}
