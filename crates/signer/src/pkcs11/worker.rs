//! One thread for each session, because a session is one thread's.

use std::convert::Infallible;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cryptoki::context::{Function, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use tokio::sync::oneshot;

use super::library::Library;
use super::{Pkcs11Settings, SCHEME, errors};
use crate::credential::Credential;
use crate::provider::{Answer, ProviderError};
use crate::uri::KeyUri;

/// Why a call in a session came to nothing.
pub(super) enum Failure {
    /// The library says so.
    Library(Error),
    /// We say so.
    Provider(ProviderError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

/// How long a token may take to make a key.
const MAKING: Duration = Duration::from_mins(3);

/// How long whoever lets go of a token waits for its sessions to be closed.
const GOODBYE: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce(&mut Desk) + Send>;

/// The threads and what reaches them.
pub(super) struct Workers {
    /// There until it is dropped.
    jobs: Option<Sender<Job>>,
    /// Says nothing, and ends with the last thread.
    ended: Mutex<Receiver<Infallible>>,
    patience: Duration,
}

impl Workers {
    pub(super) fn start(settings: &Pkcs11Settings) -> Result<Self, ProviderError> {
        let library = Library::load(&settings.module)?;
        let (jobs, queue) = channel::<Job>();
        let (at_work, ended) = channel::<Infallible>();
        let queue = Arc::new(Mutex::new(queue));
        let refused = Arc::new(Mutex::new(None));
        for number in 0..settings.sessions.max(1) {
            let mut desk = Desk {
                library: Arc::clone(&library),
                token: settings.token.clone(),
                pin: settings.pin.clone(),
                refused: Arc::clone(&refused),
                session: None,
            };
            let (queue, at_work) = (Arc::clone(&queue), at_work.clone());
            std::thread::Builder::new()
                .name(format!("{SCHEME}-{number}"))
                .spawn(move || {
                    while let Some(job) = next(&queue) {
                        job(&mut desk);
                    }
                    drop(desk);
                    drop(at_work);
                })
                .map_err(ProviderError::storage)?;
        }
        Ok(Self { jobs: Some(jobs), ended: Mutex::new(ended), patience: settings.patience })
    }

    /// Does `work` in a session. If the session turns out to have ended before anything was signed,
    /// does it once more in a new one.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        key: &KeyUri,
        work: impl Fn(&Session) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, ProviderError> {
        self.at_desk(key, self.patience, move |desk| desk.in_session(&work)).await
    }

    /// The same where the token makes a key, which takes it up to minutes.
    pub(super) async fn make<T: Send + 'static>(
        &self,
        key: &KeyUri,
        work: impl Fn(&Session) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, ProviderError> {
        let patience = self.patience.max(MAKING);
        self.at_desk(key, patience, move |desk| desk.in_session(&work)).await
    }

    /// Whether the token's slot calls itself hardware.
    pub(super) async fn is_hardware(&self, key: &KeyUri) -> Result<bool, ProviderError> {
        self.at_desk(key, self.patience, |desk| desk.is_hardware()).await
    }

    async fn at_desk<T: Send + 'static>(
        &self,
        key: &KeyUri,
        patience: Duration,
        work: impl FnOnce(&mut Desk) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, ProviderError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |desk| {
            // Nobody waits any more: whoever gave up has settled it, and nothing is to be signed.
            if !answer.is_closed() {
                let _ = answer.send(work(desk));
            }
        });
        let jobs = self.jobs.as_ref().ok_or(ProviderError::Interrupted)?;
        jobs.send(job).map_err(|_| ProviderError::Interrupted)?;
        match tokio::time::timeout(patience, answered).await {
            Ok(Ok(Ok(value))) => Ok(value),
            Ok(Ok(Err(Failure::Provider(error)))) => Err(error),
            Ok(Ok(Err(Failure::Library(error)))) => Err(errors::provider_error(key, &error)),
            Ok(Err(_)) => Err(ProviderError::Interrupted),
            Err(_) => Err(ProviderError::Late { after: patience }),
        }
    }
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers").finish_non_exhaustive()
    }
}

impl Drop for Workers {
    /// Waits until every session is closed: a program that ends while a thread is in the library has
    /// the library taken apart under that thread, and crashes. A token that hangs is not waited for.
    fn drop(&mut self) {
        drop(self.jobs.take());
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        // It ends without a word, or the time is over.
        let _ = ended.recv_timeout(GOODBYE);
    }
}

fn next(queue: &Mutex<Receiver<Job>>) -> Option<Job> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// What a thread works with.
struct Desk {
    library: Arc<Library>,
    token: String,
    pin: Credential,
    /// A PIN that was refused is not tried again: three tries lock a token.
    refused: Arc<Mutex<Option<Answer>>>,
    session: Option<Kept>,
}

/// A session, and the start of the library in which it was opened: in another, its handle may be
/// somebody else's session.
struct Kept {
    session: Session,
    start: u64,
}

impl Desk {
    fn in_session<T>(
        &mut self,
        work: &impl Fn(&Session) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let done = self.try_in_session(work);
        if !matches!(&done, Err(Failure::Library(error)) if errors::is_gone(error)) {
            return done;
        }
        if self.session.take().is_none() {
            // Not even a new session: the token is away, or is back and the library has not seen.
            self.library.restart();
        }
        let done = self.try_in_session(work);
        if matches!(&done, Err(Failure::Library(error)) if errors::is_gone(error)) {
            self.session = None;
        }
        done
    }

    fn try_in_session<T>(
        &mut self,
        work: &impl Fn(&Session) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let library = Arc::clone(&self.library);
        let running = library.running();
        if self.session.as_ref().is_none_or(|kept| kept.start != running.start) {
            let session = self.open(&running.module)?;
            self.session = Some(Kept { session, start: running.start });
        }
        let Some(kept) = &self.session else {
            return Err(ProviderError::Interrupted.into());
        };
        work(&kept.session)
    }

    fn is_hardware(&self) -> Result<bool, Failure> {
        let running = self.library.running();
        let slot = self.slot(&running.module)?;
        Ok(running.module.get_slot_info(slot)?.hardware_slot())
    }

    fn open(&self, module: &Pkcs11) -> Result<Session, Failure> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = refused.as_ref() {
            let answer = Box::new(answer.clone());
            return Err(ProviderError::CredentialRefused { answer }.into());
        }
        let session = module.open_rw_session_no_drop(self.slot(module)?)?;
        let pin: AuthPin = self.pin.expose().to_owned().into();
        match session.login(UserType::User, Some(&pin)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(error) => {
                if matches!(error, Error::Pkcs11(RvError::PinIncorrect | RvError::PinLocked, _)) {
                    *refused = Some(errors::answer(&error));
                }
                let _ = session.close();
                Err(error.into())
            }
        }
    }

    fn slot(&self, module: &Pkcs11) -> Result<Slot, Failure> {
        for slot in module.get_slots_with_token()? {
            if module.get_token_info(slot).is_ok_and(|token| token.label() == self.token) {
                return Ok(slot);
            }
        }
        Err(Error::Pkcs11(RvError::TokenNotPresent, Function::GetSlotList).into())
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let running = self.library.running();
        if let Some(kept) = self.session.take().filter(|kept| kept.start == running.start) {
            let _ = kept.session.close();
        }
    }
}
