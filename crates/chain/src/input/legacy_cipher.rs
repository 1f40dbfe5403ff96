//! The password-based encryption that PKCS #12 brought with it (RFC 7292, appendices B and C): weak,
//! and still what many programs write.

use aws_lc_rs::digest::{self, Algorithm, SHA1_FOR_LEGACY_USE_ONLY};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt as _, InnerIvInit as _, KeyInit as _};
use der::asn1::AnyRef;
use des::{TdesEde2, TdesEde3};
use rc2::Rc2;
use skink_x509::ObjectIdentifier;
use zeroize::Zeroizing;

use super::Unreadable;
use super::tlv::{inside, number, octets};
use super::work::Work;

const fn pbe(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const TRIPLE_DES: ObjectIdentifier = pbe("1.2.840.113549.1.12.1.3");
const DOUBLE_DES: ObjectIdentifier = pbe("1.2.840.113549.1.12.1.4");
const RC2_128: ObjectIdentifier = pbe("1.2.840.113549.1.12.1.5");
const RC2_40: ObjectIdentifier = pbe("1.2.840.113549.1.12.1.6");

/// What a derived key is for.
#[derive(Clone, Copy)]
pub(super) enum Use {
    Encryption,
    InitialVector,
    Mac,
}

/// Whether this is one of the schemes that break today.
pub(super) fn is_legacy(scheme: ObjectIdentifier) -> bool {
    [TRIPLE_DES, DOUBLE_DES, RC2_128, RC2_40].contains(&scheme)
}

/// Decrypts; none when the passphrase is wrong.
pub(super) fn decrypt(
    scheme: ObjectIdentifier,
    parameters: Option<&AnyRef<'_>>,
    data: &[u8],
    passphrase: &str,
    work: &mut Work,
) -> Result<Option<Zeroizing<Vec<u8>>>, Unreadable> {
    let malformed = || Unreadable::Malformed("its encryption");
    if !is_legacy(scheme) {
        return Err(Unreadable::Unsupported(format!("the encryption scheme {scheme}")));
    }
    let fields = parameters.and_then(inside).ok_or_else(malformed)?;
    let salt = fields.first().and_then(octets).ok_or_else(malformed)?;
    let rounds = fields.get(1).and_then(number).ok_or_else(malformed)?;
    let secret = Secret { passphrase: wide(passphrase), salt, rounds };
    let clear = match scheme {
        TRIPLE_DES => secret.open(data, 24, work, |key| TdesEde3::new_from_slice(key).ok()),
        DOUBLE_DES => secret.open(data, 16, work, |key| TdesEde2::new_from_slice(key).ok()),
        RC2_128 => secret.open(data, 16, work, |key| Rc2::new_from_slice(key).ok()),
        _ => secret.open(data, 5, work, |key| Rc2::new_from_slice(key).ok()),
    };
    clear.map(|it| it.map(Zeroizing::new))
}

struct Secret<'a> {
    passphrase: Zeroizing<Vec<u8>>,
    salt: &'a [u8],
    rounds: u64,
}

impl Secret<'_> {
    fn open<C: BlockCipherDecrypt>(
        &self,
        data: &[u8],
        key_len: usize,
        work: &mut Work,
        cipher: impl FnOnce(&[u8]) -> Option<C>,
    ) -> Result<Option<Vec<u8>>, Unreadable> {
        let mut derive = |what, len| {
            let Self { passphrase, salt, rounds } = self;
            derive(&SHA1_FOR_LEGACY_USE_ONLY, passphrase, salt, *rounds, what, len, work)
        };
        let (key, vector) = (derive(Use::Encryption, key_len)?, derive(Use::InitialVector, 8)?);
        let opened = cipher(&key)
            .and_then(|cipher| Decryptor::inner_iv_slice_init(cipher, &vector).ok())
            .and_then(|mode| mode.decrypt_padded_vec::<Pkcs7>(data).ok());
        Ok(opened)
    }
}

/// A passphrase as PKCS #12 wants it: UTF-16, big-endian, with two zero bytes at the end.
pub(super) fn wide(passphrase: &str) -> Zeroizing<Vec<u8>> {
    let units = passphrase.encode_utf16().chain([0]);
    Zeroizing::new(units.flat_map(u16::to_be_bytes).collect())
}

/// The key derivation of RFC 7292, appendix B.2.
pub(super) fn derive(
    algorithm: &'static Algorithm,
    passphrase: &[u8],
    salt: &[u8],
    rounds: u64,
    what: Use,
    len: usize,
    work: &mut Work,
) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let times = len.div_ceil(algorithm.output_len());
    work.take(rounds, u64::try_from(times).unwrap_or(u64::MAX))?;
    let block = algorithm.block_len();
    let diversifier: u8 = match what {
        Use::Encryption => 1,
        Use::InitialVector => 2,
        Use::Mac => 3,
    };
    let mut state = Zeroizing::new(filled(salt, block));
    state.extend(filled(passphrase, block));
    let mut derived = Zeroizing::new(Vec::new());
    while derived.len() < len {
        let mut input = Zeroizing::new(vec![diversifier; block]);
        input.extend_from_slice(&state);
        let mut hash = digest::digest(algorithm, &input);
        for _ in 1..rounds {
            hash = digest::digest(algorithm, hash.as_ref());
        }
        derived.extend_from_slice(hash.as_ref());
        let addend: Vec<u8> = hash.as_ref().iter().copied().cycle().take(block).collect();
        for chunk in state.chunks_exact_mut(block) {
            add_and_one(chunk, &addend);
        }
    }
    derived.truncate(len);
    Ok(derived)
}

/// The bytes repeated to a whole number of blocks.
fn filled(bytes: &[u8], block: usize) -> Vec<u8> {
    let len = bytes.len().div_ceil(block) * block;
    bytes.iter().copied().cycle().take(len).collect()
}

/// `number + addend + 1`, big-endian, without the carry out of it.
fn add_and_one(number: &mut [u8], addend: &[u8]) {
    let mut carry = 1;
    for (digit, more) in number.iter_mut().zip(addend).rev() {
        let sum = u16::from(*digit) + u16::from(*more) + carry;
        let [high, low] = sum.to_be_bytes();
        *digit = low;
        carry = u16::from(high);
    }
}
