//! RSA keys that have a prime in common: whoever has both public keys has both private ones.

use crypto_bigint::{
    BoxedUint, ConcatenatingMul as _, ConcatenatingSquare as _, Gcd as _, NonZero, Resize as _,
};

use crate::PublicKey;

/// The positions of those keys that share a prime with another one, by Bernstein's batch of greatest
/// common divisors. A key that is there twice shares both its primes with itself; keys that are not
/// RSA share none.
pub fn sharing_a_prime(keys: &[PublicKey]) -> Vec<usize> {
    let moduli: Vec<(usize, NonZero<BoxedUint>)> = keys
        .iter()
        .enumerate()
        .filter_map(|(at, key)| Some((at, natural(&key.rsa_numbers()?.modulus)?)))
        .collect();
    let product = moduli
        .iter()
        .fold(BoxedUint::one(), |product, (_, one)| product.concatenating_mul(one.as_ref()));
    moduli.iter().filter(|(_, one)| shares(&product, one)).map(|(at, _)| *at).collect()
}

/// Whether the product of all the others has a divisor in common with this modulus.
fn shares(product: &BoxedUint, modulus: &NonZero<BoxedUint>) -> bool {
    let Some(square) = NonZero::new(modulus.as_ref().concatenating_square()).into_option() else {
        return false;
    };
    let rest = product.rem_vartime(&square);
    let (others, _) = rest.div_rem_vartime(modulus);
    let bits = others.bits_precision().max(modulus.as_ref().bits_precision());
    let (others, modulus) = (others.resize(bits), modulus.as_ref().clone().resize(bits));
    others.gcd_vartime(&modulus) != BoxedUint::one()
}

fn natural(bytes: &[u8]) -> Option<NonZero<BoxedUint>> {
    NonZero::new(BoxedUint::from_be_slice_vartime(bytes)).into_option()
}
