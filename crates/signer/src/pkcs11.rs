//! Tokens and hardware modules behind PKCS#11 libraries.
//!
//! A key is named by an RFC 7512 URI: `pkcs11:token=LABEL;object=NAME;id=…`. A session belongs to
//! one thread: each has a worker of its own, and calls reach it by a channel.
//!
//! PKCS#11 has one user per token, who may change what he may use. Disabling therefore replaces the
//! key by a copy that does not sign and cannot be changed: it is for good, and nobody enables it, by
//! any credential. Who held the PIN before may have left a copy of the key
//! under another name inside the token: look at the list of its objects.

use std::sync::Arc;

use async_trait::async_trait;
use cryptoki::session::Session;
use skink_x509::{KeyAlgorithm, PublicKey, SignatureAlgorithm};

mod errors;
mod guard;
mod library;
mod objects;
mod settings;
mod uri;
mod worker;

use self::objects::Pair;
use self::uri::{Pkcs11Uri, name_fits};
use self::worker::{Failure, Workers};
use crate::custody::Custody;
use crate::provider::{
    Guard, KeyAttributes, KeyOrigin, KeyPage, KeyProvider, KeyState, PageToken, Protection,
    ProviderError, ProviderSignature, ToSign,
};
use crate::uri::KeyUri;
use crate::verify::{digest_of, hash};

pub use settings::Pkcs11Settings;

/// The name of a key within its token.
pub(crate) fn object_of(key: &KeyUri) -> Result<String, ProviderError> {
    let reason = "it names no object";
    let bad = || ProviderError::BadUri { key: key.clone(), reason };
    Pkcs11Uri::parse(key)?.object.ok_or_else(bad)
}

const SCHEME: &str = "pkcs11";

/// The keys of one token.
#[derive(Debug)]
pub struct Pkcs11Provider {
    label: String,
    workers: Workers,
}

impl Pkcs11Provider {
    /// A provider for the token in `settings`. Loads the library; looks for the token when it is
    /// first called.
    pub fn new(settings: &Pkcs11Settings) -> Result<Self, ProviderError> {
        let workers = Workers::start(settings)?;
        Ok(Self { label: settings.token.clone(), workers })
    }

    /// The token's key of a URI, given to `work` in a session.
    async fn on_pair<T: Send + 'static>(
        &self,
        key: &KeyUri,
        work: impl Fn(&Session, &Pair) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, ProviderError> {
        let wanted = self.own(key)?;
        let found = key.clone();
        let work = move |session: &Session| work(session, &Pair::find(session, &found, &wanted)?);
        self.workers.run(key, work).await
    }

    fn own(&self, key: &KeyUri) -> Result<Pkcs11Uri, ProviderError> {
        let wanted = Pkcs11Uri::parse(key)?;
        if wanted.token.as_deref().is_some_and(|token| token != self.label) {
            return Err(ProviderError::UnknownKey { key: key.clone() });
        }
        Ok(wanted)
    }
}

#[async_trait]
impl KeyProvider for Pkcs11Provider {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    async fn create(&self, name: &str, algorithm: KeyAlgorithm) -> Result<KeyUri, ProviderError> {
        if !name_fits(name) {
            return Err(ProviderError::BadName { name: name.to_owned() });
        }
        let mut id = [0; 16];
        aws_lc_rs::rand::fill(&mut id).map_err(|_| ProviderError::Crypto("a key's id"))?;
        let uri = uri::pinned(&self.label, name, &id)?;
        let (key, name) = (uri.clone(), name.to_owned());
        self.workers
            .make(&uri, move |session| objects::create(session, &key, &name, &id, algorithm))
            .await?;
        Ok(uri)
    }

    async fn find(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let label = self.label.clone();
        self.on_pair(key, move |_, pair| Ok(uri::pinned(&label, &pair.label, &pair.id)?)).await
    }

    async fn public_key(&self, key: &KeyUri) -> Result<PublicKey, ProviderError> {
        self.on_pair(key, |session, pair| pair.public_key(session)).await
    }

    async fn sign_checked(
        &self,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        to_sign: ToSign<'_>,
    ) -> Result<ProviderSignature, ProviderError> {
        let input = input(algorithm, to_sign);
        let uri = key.clone();
        let bytes = self
            .on_pair(key, move |session, pair| pair.sign(session, &uri, algorithm, &input))
            .await?;
        Ok(ProviderSignature { bytes, request_id: None })
    }

    async fn verify(
        &self,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        signed: ToSign<'_>,
        signature: &[u8],
    ) -> Result<bool, ProviderError> {
        signed.check(algorithm)?;
        let (input, uri, signature) = (input(algorithm, signed), key.clone(), signature.to_vec());
        self.on_pair(key, move |session, pair| {
            pair.verify(session, &uri, algorithm, &input, &signature)
        })
        .await
    }

    async fn state(&self, key: &KeyUri) -> Result<KeyState, ProviderError> {
        self.on_pair(key, |session, pair| pair.state(session)).await
    }

    async fn attributes(&self, key: &KeyUri) -> Result<KeyAttributes, ProviderError> {
        let hardware = self.workers.is_hardware(key).await?;
        self.on_pair(key, move |session, pair| {
            let algorithm = pair.public_key(session)?.algorithm();
            let facts = pair.facts(session)?;
            Ok(KeyAttributes {
                protection: Some(if hardware {
                    Protection::Hardware
                } else {
                    Protection::Software
                }),
                origin: facts
                    .made_here
                    .map(|here| if here { KeyOrigin::Generated } else { KeyOrigin::Imported }),
                exportable: facts.exportable,
                ..KeyAttributes::new(algorithm, pair.state(session)?)
            })
        })
        .await
    }

    async fn guard(&self, key: &KeyUri) -> Guard {
        guard::of(self, key).await
    }

    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        let uri = key.clone();
        self.on_pair(key, move |session, pair| pair.disable(session, &uri)).await
    }

    /// The private half goes; the public half stays, so that the name stays taken.
    async fn destroy(&self, key: &KeyUri) -> Result<(), ProviderError> {
        self.on_pair(key, |session, pair| pair.destroy(session)).await
    }

    async fn list_page(
        &self,
        after: Option<&PageToken>,
        limit: u16,
    ) -> Result<KeyPage, ProviderError> {
        let label = self.label.clone();
        let token = uri::of_token(&label)?;
        let keys = self.workers.run(&token, move |session| objects::list(session, &label)).await?;
        Ok(KeyPage::of(keys, after, limit))
    }
}

/// Disables a token's keys. Enabling is refused, whoever asks: a token has no second user who could.
#[derive(Debug)]
pub struct Pkcs11Custody(Arc<Pkcs11Provider>);

impl Pkcs11Custody {
    /// Custody over the keys of `provider`.
    pub const fn new(provider: Arc<Pkcs11Provider>) -> Self {
        Self(provider)
    }
}

#[async_trait]
impl Custody for Pkcs11Custody {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        self.0.disable(key).await
    }

    async fn enable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        match self.0.state(key).await? {
            KeyState::Enabled => Ok(()),
            KeyState::Destroyed => Err(ProviderError::Destroyed { key: key.clone() }),
            _ => Err(ProviderError::EnablingRefused { key: key.clone() }),
        }
    }
}

/// What the token is given: a digest, or for Ed25519 the message.
fn input(algorithm: SignatureAlgorithm, to_sign: ToSign<'_>) -> Vec<u8> {
    let (ToSign::Message(bytes) | ToSign::Digest(bytes)) = to_sign;
    hash(algorithm).map_or_else(|| bytes.to_vec(), |hash| digest_of(hash, to_sign).into_owned())
}
