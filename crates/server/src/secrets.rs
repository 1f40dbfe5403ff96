//! Secrets that the server hands out once and remembers by their hash, and nonces that it need
//! not remember at all.

use std::path::Path;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use skink_model::{AgentName, Rng, Time};

use crate::failure::{Failure, Result};
use crate::files;

/// How long a nonce may be signed over.
const NONCE_LIFE_MS: i64 = 3_600_000;

/// 256 random bits as text.
pub(crate) fn secret(rng: &dyn Rng) -> String {
    let mut bytes = [0; 32];
    rng.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is remembered of a secret. 256 random bits need no salt and no slow hash.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, secret.as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

/// The key at `path`, made if it is not there.
pub(crate) fn kept_key(path: &Path, rng: &dyn Rng) -> Result<Vec<u8>> {
    match fs_err::read(path) {
        Ok(key) => return Ok(key),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Failure::Io(error)),
    }
    let mut key = [0; 32];
    rng.fill(&mut key);
    files::write_atomic(path, 0o600, &key).map_err(Failure::Io)?;
    Ok(key.to_vec())
}

/// Makes nonces and knows its own again.
pub(crate) struct Nonces(hmac::Key);

impl Nonces {
    /// With a key that survives a restart.
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// A nonce for one agent, now.
    pub(crate) fn make(&self, agent: &AgentName, now: Time) -> String {
        let text = format!("{agent}\n{}", now.as_millis());
        let tag = hmac::sign(&self.0, text.as_bytes());
        format!("{}.{}", now.as_millis(), URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// Whether it was made here, for this agent, and not long ago.
    pub(crate) fn is_fresh(&self, nonce: &str, agent: &AgentName, now: Time) -> bool {
        let Some((at, tag)) = nonce.split_once('.') else { return false };
        let (Ok(at), Ok(tag)) = (at.parse::<i64>(), URL_SAFE_NO_PAD.decode(tag)) else {
            return false;
        };
        let text = format!("{agent}\n{at}");
        hmac::verify(&self.0, text.as_bytes(), &tag).is_ok()
            && (0..=NONCE_LIFE_MS).contains(&now.as_millis().saturating_sub(at))
    }
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nonces(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_fresh_for_its_agent_and_its_hour_only() {
        let nonces = Nonces::new(b"key");
        let (web, db): (AgentName, AgentName) = ("web".parse().unwrap(), "db".parse().unwrap());
        let now = Time::from_secs(1_000_000);
        let nonce = nonces.make(&web, now);
        assert!(nonces.is_fresh(&nonce, &web, now));
        assert!(!nonces.is_fresh(&nonce, &db, now));
        assert!(!nonces.is_fresh(&nonce, &web, Time::from_secs(1_003_601)));
        assert!(!nonces.is_fresh(&nonce, &web, Time::from_secs(999_999)));
        assert!(!Nonces::new(b"other").is_fresh(&nonce, &web, now));
    }
}
