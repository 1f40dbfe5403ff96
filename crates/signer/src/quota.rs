//! Using what a service allows, and no more.
//!
//! Services allow so many signatures in a second, and refuse the rest. A refused call costs a
//! round trip and counts against the quota at some; so calls wait here for their turn instead, and
//! a throttling that happens all the same (somebody else uses the same quota) pushes everybody's
//! turns back.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::uri::KeyUri;

/// The part of a quota that is used: what is left absorbs the jitter of networks and clocks.
const USED: f64 = 0.95;
/// Turns vary by up to this part of their distance, so that replicas do not fall into step. With
/// the part unused it keeps every second, wherever it begins, within the quota.
const JITTER: f64 = 0.049;
/// How long everybody waits after a throttling that does not say.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);
/// The longest that a service is believed: signatures that were made wait for it, too.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// What services allow by default, in signatures a second: AWS KMS with RSA and elliptic curves, Azure
/// Key Vault with elliptic curves and RSA-2048 in hardware (RSA-3072 is allowed 50, RSA-4096 25),
/// Google Cloud KMS with asymmetric keys in hardware (in software 1,000). As the services document
/// them; each can be raised by its service. Vault, tokens and files have none.
const OF_SERVICES: [(&str, u32); 3] = [("awskms", 1_000), ("azurekv", 200), ("gcpkms", 50)];

/// How fast keys may sign: for a whole provider, for one key, or both.
#[derive(Debug, Default)]
pub struct Quotas {
    providers: BTreeMap<String, Pace>,
    keys: BTreeMap<KeyUri, Pace>,
}

impl Quotas {
    /// No limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// What services allow by default.
    pub fn of_services() -> Self {
        OF_SERVICES.iter().fold(Self::new(), |quotas, (scheme, per_second)| {
            quotas.of_provider(scheme, *per_second)
        })
    }

    /// The keys of the provider `scheme` sign as fast as they can.
    pub fn unlimited(mut self, scheme: &str) -> Self {
        self.providers.remove(scheme);
        self
    }

    /// How often a second keys of this name may sign, by what was set for the key and its provider.
    pub fn per_second(&self, key: &KeyUri) -> Option<u32> {
        self.paces(key).map(|pace| pace.per_second).min()
    }

    /// All keys of the provider `scheme` together sign at most `per_second` times a second.
    pub fn of_provider(mut self, scheme: &str, per_second: u32) -> Self {
        self.providers.insert(scheme.to_owned(), Pace::new(per_second));
        self
    }

    /// One key signs at most `per_second` times a second.
    pub fn of_key(mut self, key: KeyUri, per_second: u32) -> Self {
        self.keys.insert(key, Pace::new(per_second));
        self
    }

    /// Whether calls with this key wait for turns.
    pub(crate) fn limit(&self, key: &KeyUri) -> bool {
        self.paces(key).next().is_some()
    }

    /// Waits until it is this key's turn.
    pub async fn turn(&self, key: &KeyUri) {
        for pace in self.paces(key) {
            pace.turn().await;
        }
    }

    /// The service has refused a call for coming too soon.
    pub fn throttled(&self, key: &KeyUri, pause: Duration) {
        for pace in self.paces(key) {
            pace.push_back(pause);
        }
    }

    fn paces(&self, key: &KeyUri) -> impl Iterator<Item = &Pace> {
        self.providers.get(key.scheme()).into_iter().chain(self.keys.get(key))
    }
}

/// Turns at equal distances.
#[derive(Debug)]
struct Pace {
    per_second: u32,
    distance: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    fn new(per_second: u32) -> Self {
        let per_second = per_second.max(1);
        let distance = Duration::from_secs_f64(1.0 / (f64::from(per_second) * USED));
        Self { per_second, distance, next: Mutex::default() }
    }

    async fn turn(&self) {
        let now = Instant::now();
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            // Turns that nobody took are gone: a burst later would break the quota.
            let turn = next.map_or(now, |next| next.max(now));
            *next = Some(turn + self.distance);
            turn
        };
        tokio::time::sleep_until(turn + self.jitter()).await;
    }

    fn push_back(&self, pause: Duration) {
        let earliest = Instant::now() + pause.min(LONGEST_PAUSE);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = Some(next.map_or(earliest, |next| next.max(earliest)));
    }

    fn jitter(&self) -> Duration {
        let mut byte = [0];
        // Without randomness there is no jitter, and nothing else is lost.
        let _ = aws_lc_rs::rand::fill(&mut byte);
        self.distance.mul_f64(JITTER * f64::from(byte[0]) / 255.0)
    }
}

#[cfg(test)]
mod tests;
