//! Questions by hellos of our own.

use crate::wire::names::{self, TLS12, TLS13};
use crate::wire::{Hello, Reply, ServerSaid};
use crate::{FetchError, Options, Place, wire};

use super::Spoken;

/// Asks one server.
pub(super) struct Prober<'a> {
    place: &'a Place,
    options: &'a Options,
    name: Option<String>,
}

/// More rounds than there are ciphers: a server that answers with what was not offered ends too.
const ROUNDS: usize = 120;

impl<'a> Prober<'a> {
    pub(super) fn new(place: &'a Place, options: &'a Options) -> Result<Self, FetchError> {
        let name = place.server_name(&options.sni)?;
        Ok(Self { place, options, name })
    }

    fn hello(&self, version: u16, ciphers: &[u16], groups: &[u16]) -> Hello {
        Hello::new(version, ciphers, groups).named(self.name.as_deref())
    }

    pub(super) async fn ask(&self, hello: &Hello) -> Result<Reply, FetchError> {
        match wire::ask(self.place, self.options, hello).await {
            // Who keeps silent at a hello does not speak what it offers.
            Err(FetchError::Timeout { stage: crate::Stage::Handshake, .. }) => Ok(Reply::Closed),
            other => other,
        }
    }

    /// The server's hello, if it goes on in this very version with something that was offered.
    async fn said(&self, hello: &Hello) -> Result<Result<ServerSaid, Option<String>>, FetchError> {
        Ok(match self.ask(hello).await? {
            Reply::Hello(said)
                if said.version == hello.version && hello.ciphers.contains(&said.cipher) =>
            {
                Ok(*said)
            }
            Reply::Hello(said) => Err(Some(format!("answers in {}", names::version(said.version)))),
            Reply::Alert(alert) => Err(Some(alert.name().to_owned())),
            Reply::Closed => Err(None),
            Reply::NotTls(_) => Err(Some("no TLS".to_owned())),
        })
    }

    /// Which ciphers are taken in `version`, by taking away whatever is picked until nothing is.
    pub(super) async fn version(
        &self,
        version: u16,
        smallest_dh: &mut Option<usize>,
    ) -> Result<Spoken, FetchError> {
        let mut offered = names::ciphers(version);
        let groups = names::groups();
        let mut picked = Vec::new();
        let mut refusal = None;
        for _ in 0..ROUNDS {
            match self.said(&self.hello(version, &offered, &groups)).await? {
                Ok(said) => {
                    picked.push(said.cipher);
                    offered.retain(|cipher| *cipher != said.cipher);
                    *smallest_dh = (*smallest_dh).into_iter().chain(said.dh_bits).min();
                }
                Err(why) => {
                    refusal = why;
                    break;
                }
            }
            if offered.is_empty() {
                break;
            }
        }
        let server_prefers = self.prefers(version, &picked).await?;
        Ok(Spoken {
            version: names::version(version),
            spoken: !picked.is_empty(),
            refusal: if picked.is_empty() { refusal } else { None },
            ciphers: picked.into_iter().map(names::cipher).collect(),
            server_prefers,
        })
    }

    /// Offered in the opposite order: does it still pick the same one?
    async fn prefers(&self, version: u16, picked: &[u16]) -> Result<Option<bool>, FetchError> {
        let [first, _, ..] = picked else { return Ok(None) };
        let reversed: Vec<u16> = picked.iter().rev().copied().collect();
        let said = self.said(&self.hello(version, &reversed, &names::groups())).await?;
        Ok(said.ok().map(|said| said.cipher == *first))
    }

    /// The groups that are taken, each offered alone.
    pub(super) async fn groups(&self, tls13: bool) -> Result<Vec<String>, FetchError> {
        let version = if tls13 { TLS13 } else { TLS12 };
        let mut ciphers = names::ciphers(version);
        if !tls13 {
            ciphers.retain(|cipher| names::key_exchange(*cipher) == "ECDHE");
        }
        let mut taken = Vec::new();
        for (group, name) in names::GROUPS {
            let said = self.said(&self.hello(version, &ciphers, &[group])).await?;
            if said.is_ok_and(|said| said.group == Some(group)) {
                taken.push(name.to_owned());
            }
        }
        Ok(taken)
    }

    /// One hello that offers compression.
    pub(super) async fn with_deflate(
        &self,
        version: u16,
    ) -> Result<Option<ServerSaid>, FetchError> {
        let mut hello = self.hello(version, &names::ciphers(version), &names::groups());
        hello.deflate = true;
        Ok(self.said(&hello).await?.ok())
    }

    /// Whether it offers a ticket in TLS 1.2.
    pub(super) async fn offers_ticket(&self) -> Option<bool> {
        let hello = self.hello(TLS12, &names::ciphers(TLS12), &names::groups());
        Some(self.said(&hello).await.ok()?.ok()?.session_ticket)
    }
}
