//! Keys that no certificate should be issued for.
//!
//! What a number alone can show: RSA keys that are too short, have an exponent that invites
//! attacks, share a small factor, have primes that lie close together, or come from a generator
//! with a known flaw. Keys blocked one by one are compared by [`KeyDigest`](crate::KeyDigest)
//! elsewhere.

mod natural;
mod shared;

use std::sync::LazyLock;

use natural::Natural;

use crate::key::bit_len;
use crate::{KeyAlgorithm, PublicKey};

pub use shared::sharing_a_prime;

/// What is wrong with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeakKey {
    /// The modulus is short enough to be factored in time.
    #[error("an RSA modulus of {bits} bits is weak; {MIN_RSA_BITS} are the least")]
    ShortModulus {
        /// Its length.
        bits: usize,
    },
    /// Verifying with such a modulus costs whoever verifies dearly.
    #[error("an RSA modulus of {bits} bits is more than the {MAX_RSA_BITS} that software takes")]
    LongModulus {
        /// Its length.
        bits: usize,
    },
    /// Below 65537, even, or beyond 256 bits (NIST SP 800-89 §5.3.3).
    #[error("the RSA exponent must be odd, at least 65537 and below 2^256")]
    Exponent,
    /// The modulus has a factor that trial division finds.
    #[error("the RSA modulus has the small factor {0}")]
    SmallFactor(u32),
    /// The primes are so close that Fermat's method finds them.
    #[error("the RSA modulus is the product of primes that lie close together")]
    ClosePrimes,
    /// The key is none: its point does not lie on its curve.
    #[error("the key's point does not lie on its curve")]
    Unsound,
    /// FIPS 186-5 withdrew the algorithm.
    #[error("a DSA key is weak: the algorithm is withdrawn")]
    Dsa,
    /// The algorithm is none that is known here.
    #[error("a key of an algorithm that is not known cannot be judged")]
    Unknown,
    /// The modulus has the fingerprint of CVE-2017-15361.
    #[error("the RSA modulus comes from a flawed generator (ROCA, CVE-2017-15361)")]
    Roca,
}

/// The least size of an RSA modulus.
pub const MIN_RSA_BITS: usize = 2048;
/// The largest size of an RSA modulus.
pub const MAX_RSA_BITS: usize = 8192;

const TRIAL_LIMIT: usize = 1 << 16;
const FERMAT_ROUNDS: u32 = 100;

/// Refuses a weak key. A key on a supported elliptic curve has no weakness that can be seen, as long
/// as it lies on it.
pub fn check_key(key: &PublicKey) -> Result<(), WeakKey> {
    check_size(key)?;
    let Some(rsa) = key.rsa_numbers() else { return Ok(()) };
    let modulus = Natural::from_be_bytes(&rsa.modulus);
    if let Some(factor) = small_factor(&modulus) {
        return Err(WeakKey::SmallFactor(factor));
    }
    if has_roca_fingerprint(&modulus) {
        return Err(WeakKey::Roca);
    }
    if has_close_primes(&modulus) {
        return Err(WeakKey::ClosePrimes);
    }
    Ok(())
}

/// Refuses what is weak by its algorithm, its size or its exponent; costs next to nothing.
pub fn check_size(key: &PublicKey) -> Result<(), WeakKey> {
    match key.algorithm() {
        KeyAlgorithm::Dsa => return Err(WeakKey::Dsa),
        KeyAlgorithm::Other => return Err(WeakKey::Unknown),
        _ if !key.is_sound() => return Err(WeakKey::Unsound),
        _ => {}
    }
    let Some(rsa) = key.rsa_numbers() else { return Ok(()) };
    let bits = bit_len(&rsa.modulus);
    if bits < MIN_RSA_BITS {
        return Err(WeakKey::ShortModulus { bits });
    }
    if bits > MAX_RSA_BITS {
        return Err(WeakKey::LongModulus { bits });
    }
    check_exponent(&rsa.exponent)
}

fn check_exponent(exponent: &[u8]) -> Result<(), WeakKey> {
    let odd = exponent.last().is_some_and(|last| last % 2 == 1);
    let large = bit_len(exponent) > 16;
    if odd && large && bit_len(exponent) <= 256 { Ok(()) } else { Err(WeakKey::Exponent) }
}

fn small_factor(modulus: &Natural) -> Option<u32> {
    static PRIMES: LazyLock<Vec<u32>> = LazyLock::new(|| primes_below(TRIAL_LIMIT).collect());
    PRIMES.iter().copied().find(|prime| modulus.rem_small(*prime) == 0)
}

fn primes_below(limit: usize) -> impl Iterator<Item = u32> {
    let mut composite = vec![false; limit];
    for n in 2..limit {
        if !composite[n] {
            (n * n..limit).step_by(n).for_each(|multiple| composite[multiple] = true);
        }
    }
    (2..limit).filter(move |n| !composite[*n]).filter_map(|n| u32::try_from(n).ok())
}

/// Fermat's method: n = a² − b² with a just above √n, found at once when the primes are close.
fn has_close_primes(modulus: &Natural) -> bool {
    let (root, remainder) = modulus.sqrt();
    if remainder.is_zero() {
        return true;
    }
    let mut a = root.plus_one();
    let mut b_squared = a.square().minus(modulus);
    for _ in 0..FERMAT_ROUNDS {
        if b_squared.is_square() {
            return true;
        }
        // (a + 1)² − n = (a² − n) + 2a + 1.
        b_squared = b_squared.plus(&a.plus(&a)).plus_one();
        a = a.plus_one();
    }
    false
}

/// The generator's primes are powers of 65537 modulo many small primes at once, and so is their
/// product.
fn has_roca_fingerprint(modulus: &Natural) -> bool {
    const PRIMES: [u32; 17] =
        [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
    PRIMES.into_iter().all(|prime| is_power_of_65537(modulus.rem_small(prime), prime))
}

fn is_power_of_65537(residue: u32, prime: u32) -> bool {
    let generator = 65_537 % prime;
    let mut power = 1;
    loop {
        if power == residue {
            return true;
        }
        power = power * generator % prime;
        if power == 1 {
            return false;
        }
    }
}

#[cfg(test)]
mod tests;
