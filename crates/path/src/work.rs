//! The work that one call may do.

use std::collections::HashMap;

use skink_x509::crl::Crl;
use skink_x509::weak::{self, WeakKey};
use skink_x509::{Certificate, Fingerprint, KeyAlgorithm, KeyDigest, PublicKey};

/// Cheap steps (a candidate looked at, a name compared) for each signature of the budget.
const STEPS_PER_SIGNATURE: u32 = 2_000;

/// What a signature by DSA costs, whose arithmetic is not made to be fast.
const DSA: usize = 10;

/// How many names are compared in the time of one step: about a million under the usual budget, as
/// OpenSSL has it.
pub(crate) const COMPARISONS: usize = 5;
/// How many entries of a CRL are passed over in the time of one step.
pub(crate) const ENTRIES: usize = 100;

/// Steps for a candidate that is followed: its issuers are looked up and sorted.
pub(crate) const FOLLOW: usize = 50;
/// Steps for a path that is judged.
pub(crate) const JUDGE: usize = 500;
/// Steps for the strength of a key.
const STRENGTH: usize = 1_000;

/// The budget is spent.
#[derive(Debug)]
pub(crate) struct Spent;

/// What is left of the budget, and what it was spent on: no signature is verified twice.
#[derive(Debug)]
pub(crate) struct Work {
    budget: u32,
    signatures: u32,
    steps: u32,
    verified: HashMap<(Fingerprint, KeyDigest), bool>,
    strength: HashMap<KeyDigest, Result<(), WeakKey>>,
}

impl Work {
    pub(crate) fn new(budget: u32) -> Self {
        let steps = budget.saturating_mul(STEPS_PER_SIGNATURE);
        Self {
            budget,
            signatures: budget,
            steps,
            verified: HashMap::new(),
            strength: HashMap::new(),
        }
    }

    /// How many signatures were paid for.
    pub(crate) const fn signatures_spent(&self) -> u32 {
        self.budget - self.signatures
    }

    /// Takes `count` cheap steps.
    pub(crate) fn steps(&mut self, count: usize) -> Result<(), Spent> {
        let count = u32::try_from(count).map_err(|_| Spent)?;
        self.steps = self.steps.checked_sub(count).ok_or(Spent)?;
        Ok(())
    }

    /// Takes the work of one signature.
    pub(crate) fn signature(&mut self) -> Result<(), Spent> {
        self.signatures = self.signatures.checked_sub(1).ok_or(Spent)?;
        Ok(())
    }

    /// Whether `key` signed the certificate.
    pub(crate) fn signed(&mut self, it: &Certificate, key: &PublicKey) -> Result<bool, Spent> {
        let verify = || it.danger_verify_signed_by(key).is_ok();
        self.remember((it.fingerprint(), key), verify)
    }

    /// Whether `key` signed the CRL, which has this fingerprint.
    pub(crate) fn signed_crl(
        &mut self,
        crl: &Crl,
        fingerprint: Fingerprint,
        key: &PublicKey,
    ) -> Result<bool, Spent> {
        self.remember((fingerprint, key), || crl.danger_verify_signed_by(key).is_ok())
    }

    /// Whether the key is strong; of an RSA key that takes about as long as a signature.
    pub(crate) fn strength(&mut self, key: &PublicKey) -> Result<Result<(), WeakKey>, Spent> {
        if let Some(known) = self.strength.get(&key.digest()) {
            return Ok(*known);
        }
        self.steps(STRENGTH)?;
        let strength = weak::check_key(key);
        self.strength.insert(key.digest(), strength);
        Ok(strength)
    }

    fn remember(
        &mut self,
        (what, key): (Fingerprint, &PublicKey),
        verify: impl FnOnce() -> bool,
    ) -> Result<bool, Spent> {
        let pair = (what, key.digest());
        if let Some(known) = self.verified.get(&pair) {
            return Ok(*known);
        }
        let cost = if key.algorithm() == KeyAlgorithm::Dsa { DSA } else { 1 };
        for _ in 0..cost {
            self.signature()?;
        }
        let signed = verify();
        self.verified.insert(pair, signed);
        Ok(signed)
    }
}
