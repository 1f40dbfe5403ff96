//! From one key to another, by the way that shows the plaintext least.

use std::sync::Arc;

use super::{Context, Encrypted, EncryptionProvider, Shape};
use crate::provider::ProviderError;
use crate::uri::KeyUri;

/// How a new ciphertext was seen to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Opened {
    /// Not: this credential may not have it opened. The service named the key it is under.
    Named,
    /// The service opened it, to encrypt it once more; nobody saw the plaintext.
    InService,
    /// It was decrypted, and gave what the old one gave.
    Compared,
}

impl Opened {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::InService => "opened",
            Self::Compared => "compared",
        }
    }
}

/// What became of one ciphertext.
#[derive(Debug)]
pub enum Turned {
    /// It is under the new key, and was seen to open.
    New(Encrypted, Opened),
    /// It was under the new key already; the service opened it.
    Already,
    /// It is no ciphertext of the old key.
    Foreign,
}

/// One key, another, and the way between them.
pub struct Crossing {
    from: (Arc<dyn EncryptionProvider>, KeyUri),
    to: (Arc<dyn EncryptionProvider>, KeyUri),
    context: Context,
    compare: bool,
    /// Whether one credential may use both keys.
    shared: bool,
}

impl Crossing {
    /// From the ciphertexts of `from` to ones of `to`, which has to be a URI that its provider
    /// found. `compare` decrypts old and new and compares them, which shows both to this process.
    pub fn new(
        from: (Arc<dyn EncryptionProvider>, KeyUri),
        to: (Arc<dyn EncryptionProvider>, KeyUri),
        context: Context,
        compare: bool,
    ) -> Self {
        Self { from, to, context, compare, shared: true }
    }

    /// The same where each key has a credential of its own, and no service is told both.
    pub fn apart(self) -> Self {
        Self { shared: false, ..self }
    }

    /// Whether the plaintext stays in the service.
    pub fn stays_in_service(&self) -> bool {
        let (provider, from) = &self.from;
        let to = &self.to.1;
        self.shared && provider.scheme() == to.scheme() && provider.turns(from, to, &self.context)
    }

    /// How many ciphertexts are turned at once.
    pub fn batch(&self) -> usize {
        if self.stays_in_service() { self.from.0.batch() } else { 1 }
    }

    /// Where the ciphertexts go.
    pub const fn to(&self) -> &KeyUri {
        &self.to.1
    }

    /// Turns ciphertexts, in order; one result for each, unless a call was refused as a whole.
    pub async fn turn(
        &self,
        ciphertexts: &[&[u8]],
    ) -> Result<Vec<Result<Turned, ProviderError>>, ProviderError> {
        let mut results: Vec<Option<Result<Turned, ProviderError>>> = Vec::new();
        let (mut at, mut old) = (Vec::new(), Vec::new());
        for (index, ciphertext) in ciphertexts.iter().enumerate() {
            let foreign = !self.is_candidate(ciphertext);
            results.push(foreign.then_some(Ok(Turned::Foreign)));
            if !foreign {
                at.push(index);
                old.push(*ciphertext);
            }
        }
        let turned = if self.stays_in_service() {
            self.in_service(&old).await?
        } else {
            let mut turned = Vec::with_capacity(old.len());
            for ciphertext in &old {
                turned.push(self.in_memory(ciphertext).await);
            }
            turned
        };
        for (index, one) in at.into_iter().zip(turned) {
            if let Some(place) = results.get_mut(index) {
                *place = Some(one);
            }
        }
        Ok(results.into_iter().map(|one| one.unwrap_or(Err(ProviderError::Interrupted))).collect())
    }

    /// Whether it may be a ciphertext of the old key: of the one version, if one is named.
    fn is_candidate(&self, ciphertext: &[u8]) -> bool {
        match self.from.0.shape(ciphertext) {
            Shape::None => self.to.0.shape(ciphertext) != Shape::None,
            Shape::Possible => true,
            Shape::Version(version) => {
                let wanted = self.from.1.version();
                wanted.is_none_or(|wanted| wanted == version) || self.claims_new(ciphertext)
            }
        }
    }

    /// Whether it names the new version of the same key; that it does proves nothing.
    fn claims_new(&self, ciphertext: &[u8]) -> bool {
        let to = &self.to.1;
        let Shape::Version(version) = self.from.0.shape(ciphertext) else { return false };
        self.from.1.without_version() == to.without_version() && to.version() == Some(version)
    }

    async fn in_service(
        &self,
        old: &[&[u8]],
    ) -> Result<Vec<Result<Turned, ProviderError>>, ProviderError> {
        if old.is_empty() {
            return Ok(Vec::new());
        }
        let (provider, from) = &self.from;
        let turned = provider.reencrypt(old, from, &self.to.1, &self.context).await?;
        let made: Vec<&[u8]> =
            turned.iter().flatten().map(|new| new.ciphertext.as_slice()).collect();
        let mut opened = self.open(&made).await?.into_iter();
        let mut results = Vec::with_capacity(old.len());
        for (old, new) in old.iter().zip(turned) {
            results.push(match new {
                Ok(new) if new.was_current || self.claims_new(old) => {
                    opened.next();
                    Ok(Turned::Already)
                }
                Ok(new) => match opened.next().unwrap_or(Err(ProviderError::Interrupted)) {
                    Ok(how) => self.seen(old, new, how).await,
                    Err(error) => Err(error),
                },
                Err(ProviderError::ForeignCiphertext { .. }) => self.already_or_foreign(old).await,
                Err(error) => Err(error),
            });
        }
        Ok(results)
    }

    /// Has the service open new ciphertexts: it can only encrypt again what it can open.
    async fn open(
        &self,
        made: &[&[u8]],
    ) -> Result<Vec<Result<Opened, ProviderError>>, ProviderError> {
        let (provider, to) = &self.to;
        if made.is_empty() {
            return Ok(Vec::new());
        }
        let again = match provider.reencrypt(made, to, to, &self.context).await {
            Err(ProviderError::CredentialRefused { .. }) => {
                return Ok(made.iter().map(|_| Ok(Opened::Named)).collect());
            }
            again => again?,
        };
        Ok(again.into_iter().map(|one| one.map(|_| Opened::InService)).collect())
    }

    async fn seen(&self, old: &[u8], new: Encrypted, how: Opened) -> Result<Turned, ProviderError> {
        if !self.compare {
            return Ok(Turned::New(new, how));
        }
        let (provider, from) = &self.from;
        let before = provider.decrypt(from, old, &self.context).await?;
        self.compared(&before, new).await
    }

    async fn in_memory(&self, old: &[u8]) -> Result<Turned, ProviderError> {
        let (provider, from) = &self.from;
        let plaintext = match provider.decrypt(from, old, &self.context).await {
            Ok(_) if self.claims_new(old) => return Ok(Turned::Already),
            Ok(plaintext)
                if plaintext.is_of_newest()
                    && from.without_version() == self.to.1.without_version() =>
            {
                return Ok(Turned::Already);
            }
            Ok(plaintext) => plaintext,
            Err(ProviderError::ForeignCiphertext { .. }) => {
                return self.already_or_foreign(old).await;
            }
            Err(error) => return Err(error),
        };
        let (provider, to) = &self.to;
        let new = provider.encrypt(to, &plaintext, &self.context).await?;
        self.compared(&plaintext, new).await
    }

    async fn compared(
        &self,
        before: &super::Plaintext,
        new: Encrypted,
    ) -> Result<Turned, ProviderError> {
        let (provider, to) = &self.to;
        match provider.decrypt(to, &new.ciphertext, &self.context).await {
            Ok(after) if after.is_same(before) => Ok(Turned::New(new, Opened::Compared)),
            Ok(_) => Err(ProviderError::Corrupted {
                what: "the new ciphertext holds another plaintext than the old",
                request_id: None,
            }),
            // Whoever may only encrypt with the new key may go over to it all the same.
            Err(ProviderError::CredentialRefused { .. }) if !self.compare => {
                Ok(Turned::New(new, Opened::Named))
            }
            Err(error) => Err(error),
        }
    }

    /// The old key does not open it: perhaps the new one does.
    async fn already_or_foreign(&self, ciphertext: &[u8]) -> Result<Turned, ProviderError> {
        let (provider, to) = &self.to;
        if self.from.1.without_version() == to.without_version()
            || provider.shape(ciphertext) == Shape::None
        {
            return Ok(Turned::Foreign);
        }
        let opened = if provider.turns(to, to, &self.context) {
            let again = provider.reencrypt(&[ciphertext], to, to, &self.context).await;
            again.and_then(|mut one| one.pop().unwrap_or(Err(ProviderError::Interrupted)).map(drop))
        } else {
            provider.decrypt(to, ciphertext, &self.context).await.map(drop)
        };
        match opened {
            Ok(()) => Ok(Turned::Already),
            // A key that may not be asked does not show whose it is.
            Err(
                ProviderError::ForeignCiphertext { .. } | ProviderError::CredentialRefused { .. },
            ) => Ok(Turned::Foreign),
            Err(error) => Err(error),
        }
    }
}
