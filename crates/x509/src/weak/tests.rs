use std::process::Command;

use der::Encode;
use der::asn1::UintRef;

use super::*;
use crate::fixture::Key;
use crate::{oid, tlv};

/// The public key of these numbers.
fn rsa(modulus: &[u8], exponent: &[u8]) -> PublicKey {
    let uint = |bytes| UintRef::new(bytes).unwrap().to_der().unwrap();
    let key = tlv::sequence(&[&uint(modulus), &uint(exponent)]).unwrap();
    let algorithm = tlv::sequence(&[&oid::RSA_ENCRYPTION.to_der().unwrap(), &[5, 0]]).unwrap();
    let spki = tlv::sequence(&[&algorithm, &tlv::bit_string(&key).unwrap()]).unwrap();
    PublicKey::from_spki_der(&spki).unwrap()
}

const F4: &[u8] = &[1, 0, 1];

/// A prime of OpenSSL's, by its decimal digits, as big-endian bytes.
fn openssl_prime(bits: u32) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(["prime", "-generate", "-hex", "-bits", &bits.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    crate::hexadecimal::parse(text.trim()).unwrap()
}

fn multiply(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut product = vec![0u32; a.len() + b.len()];
    for (i, x) in a.iter().rev().enumerate() {
        for (j, y) in b.iter().rev().enumerate() {
            product[i + j] += u32::from(*x) * u32::from(*y);
            let carry = product[i + j] >> 8;
            product[i + j] &= 0xff;
            product[i + j + 1] += carry;
        }
        for at in 0..product.len() - 1 {
            let carry = product[at] >> 8;
            product[at] &= 0xff;
            product[at + 1] += carry;
        }
    }
    let bytes: Vec<u8> = product.iter().rev().map(|byte| u8::try_from(*byte).unwrap()).collect();
    bytes[bytes.iter().take_while(|byte| **byte == 0).count()..].to_vec()
}

fn generated() -> PublicKey {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::signature::KeyPair;
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    PublicKey::from_spki_der(pair.public_key().as_der().unwrap().as_ref()).unwrap()
}

#[test]
fn sound_keys_pass() {
    assert_eq!(check_key(&generated()), Ok(()));
    assert_eq!(check_key(&Key::generate().public), Ok(()));
}

#[test]
fn sizes_have_limits() {
    let odd = |len: usize| [&[0x80][..], &vec![0; len - 2], &[1]].concat();
    assert_eq!(check_key(&rsa(&odd(128), F4)), Err(WeakKey::ShortModulus { bits: 1024 }));
    assert_eq!(check_key(&rsa(&odd(1025), F4)), Err(WeakKey::LongModulus { bits: 8200 }));
}

#[test]
fn exponents_are_odd_and_neither_small_nor_huge() {
    let modulus = generated().rsa_numbers().unwrap().modulus.clone();
    for bad in [&[3][..], &[1], &[0xff, 0xff], &[1, 0, 0], &[1; 33]] {
        assert_eq!(check_key(&rsa(&modulus, bad)), Err(WeakKey::Exponent), "{bad:?}");
    }
    assert_eq!(check_key(&rsa(&modulus, &[1, 0, 3])), Ok(()));
}

#[test]
fn small_factors_are_found() {
    let prime = openssl_prime(2040);
    let modulus = multiply(&prime, &65_521_u32.to_be_bytes());
    assert_eq!(check_key(&rsa(&modulus, F4)), Err(WeakKey::SmallFactor(65_521)));
}

#[test]
fn close_primes_are_found() {
    let prime = openssl_prime(1024);
    assert_eq!(check_key(&rsa(&multiply(&prime, &prime), F4)), Err(WeakKey::ClosePrimes));
    // Not a prime, but close: the method asks for nothing else. No small factor must precede it.
    let close = (1..).map(|n: u8| {
        let mut close = prime.clone();
        let last = close.len() - 1;
        let (low, overflow) = close[last].overflowing_add(2 * n);
        close[last] = low;
        if overflow {
            close[last - 1] = close[last - 1].wrapping_add(1);
        }
        close
    });
    let close =
        close.take(120).find(|close| small_factor(&Natural::from_be_bytes(close)).is_none());
    let modulus = multiply(&prime, &close.expect("some number nearby has no small factor"));
    assert_eq!(check_key(&rsa(&modulus, F4)), Err(WeakKey::ClosePrimes));
}

#[test]
fn the_flawed_generators_fingerprint_is_found() {
    // Congruent to one modulo every prime of the fingerprint, and so a power of 65537: such a
    // number is k · ∏p + 1.
    let product = [11u32, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157]
        .into_iter()
        .fold(vec![1], |product, prime| multiply(&product, &prime.to_be_bytes()));
    let modulus = (0..=u8::MAX).map(|n| {
        let filler = [&[0xc0][..], &[n; 242], &[0]].concat();
        let mut modulus = multiply(&product, &filler);
        *modulus.last_mut().unwrap() |= 1;
        modulus
    });
    let modulus = modulus
        .filter(|modulus| bit_len(modulus) >= MIN_RSA_BITS)
        .find(|modulus| small_factor(&Natural::from_be_bytes(modulus)).is_none());
    let modulus = modulus.expect("one of these has no small factor");
    assert_eq!(check_key(&rsa(&modulus, F4)), Err(WeakKey::Roca));
    assert!(!is_power_of_65537(0, 11));
}

#[test]
fn keys_that_share_a_prime_are_found_among_others() {
    let [shared, one, other, third, fourth] = std::array::from_fn(|_| openssl_prime(512));
    let pair = |a: &[u8], b: &[u8]| rsa(&multiply(a, b), F4);
    let keys = [pair(&shared, &one), generated(), pair(&third, &fourth), pair(&other, &shared)];
    assert_eq!(sharing_a_prime(&keys), [0, 3]);
    assert_eq!(sharing_a_prime(&keys[1..]), [0_usize; 0]);
    assert_eq!(sharing_a_prime(&[generated(), keys[0].clone(), keys[0].clone()]), [1, 2]);
}
