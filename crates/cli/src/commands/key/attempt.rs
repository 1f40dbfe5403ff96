//! One signature to see whether a key signs, in a ledger of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;
use skink_model::Rng as _;
use skink_signer::{
    AttemptPurpose, FileLedger, KeyProvider, KeyUri, ProviderError, Providers, SignError,
    SignatureRequest, Signer, ToSign,
};

use crate::ambient::MachineRng;
use crate::table::{Facts, yes};
use crate::{Exit, Failure};

/// What every message begins with: no certificate and no list does.
const LABEL: &[u8] = b"skink key test; 32 random bytes follow\n";
/// In whose name such attempts stand in the ledger.
const NAME: &str = "key-test";
/// How long a service may go on signing after it said that the key is disabled: AWS needs seconds.
const SETTLING: Duration = Duration::from_mins(1);
const BETWEEN: Duration = Duration::from_secs(1);

/// Makes attempts by one provider, and writes each down before it is made.
pub(super) struct Attempts {
    signer: Signer,
    provider: Arc<dyn KeyProvider>,
    ledger: PathBuf,
    /// One process at a time appends to the file.
    _lock: File,
}

/// What came of an attempt.
#[derive(Debug, Serialize)]
pub(super) struct Tried {
    pub(super) key: KeyUri,
    algorithm: String,
    /// `signed`, `failed` or `unknown`, as it stands in the ledger.
    pub(super) outcome: &'static str,
    /// What the service answered where it did not sign.
    pub(super) code: Option<String>,
    message: Option<String>,
    pub(super) request_id: Option<String>,
    /// Whether the signature verifies with the public key.
    verified: bool,
    /// What the service itself says of it; nothing where it has no such call.
    verified_by_service: Option<bool>,
    took_ms: u64,
    attempt: String,
    pub(super) ledger: String,
    #[serde(skip)]
    error: Option<SignError>,
}

impl Attempts {
    pub(super) fn open(ledger: &Path, provider: Arc<dyn KeyProvider>) -> Result<Self> {
        let mut beside = ledger.as_os_str().to_owned();
        beside.push(".lock");
        let lock = fs_err::OpenOptions::new().create(true).append(true).open(&beside)?;
        let lock = lock.into_file();
        lock.lock().with_context(|| format!("cannot lock {}", ledger.display()))?;
        let file = FileLedger::open(ledger)
            .with_context(|| format!("cannot use the ledger {}", ledger.display()))?;
        let providers = Providers::new([Arc::clone(&provider)]);
        let signer = Signer::new(Arc::new(file), providers);
        Ok(Self { signer, provider, ledger: ledger.to_owned(), _lock: lock })
    }

    /// Who is asked.
    pub(super) fn provider(&self) -> &dyn KeyProvider {
        self.provider.as_ref()
    }

    /// One attempt with a pinned key. Fails where nothing could even be asked.
    pub(super) async fn one(&self, key: &KeyUri) -> Result<Tried> {
        let public = self.provider.public_key(key).await;
        let algorithm = match public {
            Ok(public) => public.algorithm(),
            Err(_) => self.told(key).await?,
        }
        .signature_algorithm();
        let request = SignatureRequest {
            authority: NAME.parse()?,
            key: key.clone(),
            purpose: AttemptPurpose::Probe,
            subject: NAME.to_owned(),
            algorithm,
            incident: None,
        };
        let mut message = LABEL.to_vec();
        message.resize(LABEL.len() + 32, 0);
        MachineRng.fill(message.split_at_mut(LABEL.len()).1);
        let ticket = self.signer.ask(request).await?;
        let attempt = ticket.attempt().to_string();
        let began = Instant::now();
        let made = self.signer.sign(ticket, ToSign::Message(&message)).await;
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut tried = Tried {
            key: key.clone(),
            algorithm: algorithm.to_string(),
            outcome: "signed",
            code: None,
            message: None,
            request_id: None,
            verified: made.is_ok(),
            verified_by_service: None,
            took_ms,
            attempt,
            ledger: self.ledger.display().to_string(),
            error: None,
        };
        match made {
            Ok(signed) => {
                tried.request_id = signed.request_id.map(|id| id.to_string());
                let to_sign = ToSign::Message(&message);
                let said = self.provider.verify(key, algorithm, to_sign, &signed.signature).await;
                tried.verified_by_service = said.ok();
            }
            Err(error) => tried.refused(error),
        }
        Ok(tried)
    }

    /// Attempts until the service refuses, as long as one may take to know of a disabling
    /// everywhere. Also gives how many signatures it still made.
    pub(super) async fn until_refused(&self, key: &KeyUri) -> Result<(Tried, u32)> {
        let (began, mut signed) = (Instant::now(), 0);
        loop {
            let tried = self.one(key).await?;
            if !tried.is_signed() || began.elapsed() >= SETTLING {
                return Ok((tried, signed));
            }
            signed += 1;
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// The algorithm of a key whose public half is not shown.
    async fn told(&self, key: &KeyUri) -> Result<skink_x509::KeyAlgorithm> {
        let told = self.provider.attributes(key).await;
        Ok(told.map_err(|error| super::place::failed(key, "cannot read", error))?.algorithm)
    }
}

impl Tried {
    pub(super) fn is_signed(&self) -> bool {
        self.outcome == "signed"
    }

    /// Whether the service refused because the key is disabled.
    pub(super) fn is_disabled(&self) -> bool {
        matches!(
            &self.error,
            Some(SignError::Provider { source: ProviderError::Disabled { .. }, .. })
        )
    }

    /// Whether it refused the credential, as it would if the key were not disabled at all.
    pub(super) fn is_denied(&self) -> bool {
        self.code.as_deref().is_some_and(|code| code.ends_with(":denied"))
    }

    /// In a few words.
    pub(super) fn in_words(&self) -> String {
        match (&self.code, &self.message) {
            (None, _) if self.is_signed() => "signed".to_owned(),
            (Some(code), Some(message)) => format!("refused, {code}: {message}"),
            (Some(code), None) => format!("refused, {code}"),
            (None, message) => message.clone().unwrap_or_else(|| self.outcome.to_owned()),
        }
    }

    pub(super) fn facts(&self) -> Facts {
        let facts = Facts::default()
            .fact("key", &self.key)
            .fact("algorithm", &self.algorithm)
            .fact("answer", self.in_words())
            .maybe("the service's id", self.request_id.as_ref());
        let facts = if self.is_signed() {
            let by_service = self.verified_by_service.map_or_else(|| "no such call".into(), yes);
            facts.fact("verifies", yes(self.verified)).fact("by the service", by_service)
        } else {
            facts
        };
        facts
            .fact("took", format!("{} ms", self.took_ms))
            .fact("attempt", format!("{} in {}", self.attempt, self.ledger))
    }

    /// The attempt as an error, if it did not sign.
    pub(super) fn judge(self) -> Result<()> {
        let key = self.key;
        match self.error {
            None if self.verified_by_service == Some(false) => Err(Failure::NotVerified {
                what: format!("the service does not take its own signature for one of {key}"),
                hint: "do not use the key: the service and its public key contradict each other"
                    .into(),
            }
            .into()),
            None => Ok(()),
            Some(SignError::Provider { source, .. }) => {
                Err(super::place::failed(&key, "no signature by", source))
            }
            Some(error @ SignError::DoesNotVerify { .. }) => Err(Failure::NotVerified {
                what: error.to_string(),
                hint: "do not use the key: what signed is not what its public key says".into(),
            }
            .into()),
            Some(error) => Err(error.into()),
        }
    }

    fn refused(&mut self, error: SignError) {
        self.outcome = "failed";
        self.code = error.code().map(ToOwned::to_owned);
        self.request_id = error.request_id().map(ToString::to_string);
        match &error {
            SignError::Provider { source, .. } => {
                if source.may_have_signed() {
                    self.outcome = "unknown";
                }
                let said = source.answer().map(|answer| answer.message.clone());
                let said = said.filter(|message| !message.is_empty());
                self.message = said.or_else(|| Some(source.to_string()));
            }
            SignError::DoesNotVerify { .. } => {
                self.outcome = "unknown";
                self.message = Some(error.to_string());
            }
            _ => self.message = Some(error.to_string()),
        }
        self.error = Some(error);
    }
}

/// The exit code of an answer that is on standard output already.
pub(super) fn answered(exit: Exit) -> anyhow::Error {
    Failure::Answered(exit).into()
}
