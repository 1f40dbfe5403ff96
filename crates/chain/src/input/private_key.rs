//! Private keys: PKCS #8, PKCS #1 and SEC 1, in the clear or locked by a passphrase (PKCS #5).

use std::fmt;

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use der::asn1::{AnyRef, BitStringRef, UintRef};
use der::{Encode as _, Sequence, Tag};
use pkcs5::pbes2;
use skink_x509::{ObjectIdentifier, PublicKey, oid};
use zeroize::Zeroizing;

use super::legacy_cipher;
use super::tlv::{any, inside, is, is_context, members, number, octets, sequence};
use super::work::Work;
use super::{Item, Kind, Lock, Unlock, Unreadable};

const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");

/// The most memory that scrypt may ask for.
const MOST_MEMORY: u64 = 1 << 28;

/// The structure that a key was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyForm {
    /// PKCS #8 (RFC 5958).
    Pkcs8,
    /// PKCS #1 (RFC 8017), RSA only.
    Pkcs1,
    /// SEC 1 (RFC 5915), elliptic curves only.
    Sec1,
}

/// A private key: its public half, and its bytes for writing it elsewhere. Not for signing.
#[derive(Clone)]
pub struct PrivateKey {
    public: PublicKey,
    form: KeyForm,
    der: Zeroizing<Vec<u8>>,
    was_locked: bool,
    consistent: bool,
}

impl PrivateKey {
    /// The public half.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The structure that it was written in.
    pub const fn form(&self) -> KeyForm {
        self.form
    }

    /// Whether it was locked by a passphrase.
    pub const fn was_locked(&self) -> bool {
        self.was_locked
    }

    /// Whether the public half that stands in it, if any, is that of the private half.
    pub const fn is_consistent(&self) -> bool {
        self.consistent
    }

    /// The key in the clear, as a PEM block in its own form.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let label = match self.form {
            KeyForm::Pkcs8 => "PRIVATE KEY",
            KeyForm::Pkcs1 => "RSA PRIVATE KEY",
            KeyForm::Sec1 => "EC PRIVATE KEY",
        };
        let text = der::pem::encode_string(label, der::pem::LineEnding::LF, &self.der);
        // Memory is the only limit; there is nothing a caller could do.
        Zeroizing::new(text.unwrap_or_default())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {:?})", self.public)
    }
}

impl KeyForm {
    /// The word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pkcs8 => "pkcs8",
            Self::Pkcs1 => "pkcs1",
            Self::Sec1 => "sec1",
        }
    }
}

/// Reads a key of any form; asks for a passphrase when it is locked.
pub(super) fn read(der: &[u8], kind: Kind, unlock: &mut dyn Unlock, work: &mut Work) -> Item {
    if kind != Kind::EncryptedKey {
        return in_clear(der, false);
    }
    let Some(passphrase) = unlock.passphrase("the private key") else {
        return Item::Locked(kind, Lock::NoPassphrase);
    };
    match unlocked(der, &passphrase, work) {
        Ok(Some(der)) => in_clear(&der, true),
        Ok(None) => Item::Locked(kind, Lock::WrongPassphrase),
        Err(why) => Item::Unreadable(kind, why),
    }
}

/// Reads a key that is not locked.
pub(super) fn in_clear(der: &[u8], was_locked: bool) -> Item {
    match parse(der) {
        Ok(parts) => Item::PrivateKey(PrivateKey {
            public: parts.public,
            form: parts.form,
            der: Zeroizing::new(der.to_vec()),
            was_locked,
            consistent: parts.consistent,
        }),
        Err(why) => Item::Unreadable(Kind::PrivateKey, why),
    }
}

/// The PKCS #8 inside an `EncryptedPrivateKeyInfo`; none when the passphrase is wrong.
pub(super) fn unlocked(
    der: &[u8],
    passphrase: &str,
    work: &mut Work,
) -> Result<Option<Zeroizing<Vec<u8>>>, Unreadable> {
    let malformed = Unreadable::Malformed("its encryption");
    let fields = sequence(der).ok_or_else(|| malformed.clone())?;
    let [algorithm, data] = &fields[..] else { return Err(malformed) };
    let data = octets(data).ok_or(malformed)?;
    let clear = decrypt(algorithm, data, passphrase, work)?;
    // A wrong passphrase gives bytes that happen to have good padding once in 256 times.
    Ok(clear.filter(|clear| sequence(clear).is_some()))
}

/// Decrypts by any password-based scheme; none when the passphrase is wrong.
pub(super) fn decrypt(
    algorithm: &AnyRef<'_>,
    data: &[u8],
    passphrase: &str,
    work: &mut Work,
) -> Result<Option<Zeroizing<Vec<u8>>>, Unreadable> {
    let malformed = || Unreadable::Malformed("its encryption");
    let fields = inside(algorithm).ok_or_else(malformed)?;
    let scheme: ObjectIdentifier =
        fields.first().and_then(|it| it.decode_as().ok()).ok_or_else(malformed)?;
    if scheme != PBES2 {
        return legacy_cipher::decrypt(scheme, fields.get(1), data, passphrase, work);
    }
    let unsupported = |_| Unreadable::Unsupported("a scheme of PBES2".to_owned());
    let parameters = fields.get(1).ok_or_else(malformed)?;
    let parameters: pbes2::Parameters = parameters.decode_as().map_err(unsupported)?;
    check_work(&parameters.kdf, work)?;
    match parameters.decrypt(passphrase.as_bytes(), data) {
        Ok(clear) => Ok(Some(Zeroizing::new(clear))),
        Err(pkcs5::Error::DecryptFailed) => Ok(None),
        Err(error) => Err(Unreadable::Unsupported(error.to_string())),
    }
}

fn check_work(kdf: &pbes2::Kdf, work: &mut Work) -> Result<(), Unreadable> {
    match kdf {
        // SHA-1 gives no key of 256 bits at once.
        pbes2::Kdf::Pbkdf2(it) => work.take(it.iteration_count.into(), 2),
        pbes2::Kdf::Scrypt(it) => {
            let blocks = it.cost_parameter.saturating_mul(it.block_size.into());
            let blocks = blocks.saturating_mul(it.parallelization.into());
            if blocks > MOST_MEMORY / 128 {
                return Err(Unreadable::TooMuchWork(it.cost_parameter));
            }
            // Mixing 128 bytes, once to fill the memory and once to read it, is like two rounds.
            work.take(blocks, 2)
        }
        _ => Ok(()),
    }
}

struct Parts {
    public: PublicKey,
    form: KeyForm,
    consistent: bool,
}

fn parse(der: &[u8]) -> Result<Parts, Unreadable> {
    let malformed = || Unreadable::Malformed("the private key");
    let fields = sequence(der).ok_or_else(malformed)?;
    match fields.get(1) {
        Some(second) if is(second, Tag::Sequence) => {
            let secret = fields.get(2).and_then(octets).ok_or_else(malformed)?;
            pkcs8(&inside(second).ok_or_else(malformed)?, secret)
        }
        Some(second) if is(second, Tag::OctetString) => {
            sec1(&fields, None).map(|parts| Parts { form: KeyForm::Sec1, ..parts })
        }
        Some(_) => rsa(der, &fields),
        None => Err(malformed()),
    }
}

fn pkcs8(algorithm: &[AnyRef<'_>], secret: &[u8]) -> Result<Parts, Unreadable> {
    let malformed = || Unreadable::Malformed("the private key");
    let id: ObjectIdentifier =
        algorithm.first().and_then(|it| it.decode_as().ok()).ok_or_else(malformed)?;
    let parts = match id {
        oid::RSA_ENCRYPTION => rsa(secret, &sequence(secret).ok_or_else(malformed)?)?,
        oid::EC_PUBLIC_KEY => {
            let curve = algorithm.get(1).and_then(|it| it.decode_as().ok());
            sec1(&sequence(secret).ok_or_else(malformed)?, curve)?
        }
        oid::ED25519 => {
            let seed = any(secret).as_ref().and_then(octets).ok_or_else(malformed)?;
            let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| malformed())?;
            let public = spki(id, None, pair.public_key().as_ref())?;
            Parts { public, form: KeyForm::Pkcs8, consistent: true }
        }
        other => return Err(Unreadable::Unsupported(format!("the key algorithm {other}"))),
    };
    Ok(Parts { form: KeyForm::Pkcs8, ..parts })
}

/// The members of an `ECPrivateKey`; PKCS #8 says the curve outside of it.
fn sec1(fields: &[AnyRef<'_>], outside: Option<ObjectIdentifier>) -> Result<Parts, Unreadable> {
    let malformed = || Unreadable::Malformed("the private key");
    let secret = fields.get(1).and_then(octets).ok_or_else(malformed)?;
    let within = |number| {
        let field = fields.iter().find(|it| is_context(it, number))?;
        members(field.value())?.into_iter().next()
    };
    let curve = within(0).and_then(|it| it.decode_as().ok()).or(outside).ok_or_else(malformed)?;
    let algorithm = match curve {
        oid::SECP256R1 => &ECDH_P256,
        oid::SECP384R1 => &ECDH_P384,
        oid::SECP521R1 => &ECDH_P521,
        other => return Err(Unreadable::Unsupported(format!("the curve {other}"))),
    };
    let key =
        agreement::PrivateKey::from_private_key(algorithm, secret).map_err(|_| malformed())?;
    let public = key.compute_public_key().map_err(|_| malformed())?;
    let curve = curve.to_der().map_err(|_| malformed())?;
    let parameters = any(&curve).ok_or_else(malformed)?;
    let public = spki(oid::EC_PUBLIC_KEY, Some(parameters), public.as_ref())?;
    let told = within(1).and_then(|it| it.decode_as::<BitStringRef<'_>>().ok());
    let told = told.and_then(|bits| bits.as_bytes());
    // A compressed point is as good.
    let consistent = told.is_none_or(|told| told.first() != Some(&4) || told == public.raw());
    Ok(Parts { public, form: KeyForm::Sec1, consistent })
}

#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

fn rsa(der: &[u8], fields: &[AnyRef<'_>]) -> Result<Parts, Unreadable> {
    let malformed = || Unreadable::Malformed("the private key");
    let [version, modulus, exponent, ..] = fields else { return Err(malformed()) };
    let is_of_two_primes = number(version) == Some(0) && fields.len() == 9;
    let modulus: UintRef<'_> = modulus.decode_as().map_err(|_| malformed())?;
    let exponent: UintRef<'_> = exponent.decode_as().map_err(|_| malformed())?;
    let bits = modulus.as_bytes().len() * 8;
    let key = RsaPublicKey { modulus, exponent }.to_der().map_err(|_| malformed())?;
    let public = rsa_public(&key)?;
    // Keys of other sizes are not for the library to judge.
    let judged = is_of_two_primes && (2048..=8192).contains(&bits);
    let consistent = !judged || aws_lc_rs::rsa::KeyPair::from_der(der).is_ok();
    Ok(Parts { public, form: KeyForm::Pkcs1, consistent })
}

/// The key of an `RSAPublicKey`.
pub(super) fn rsa_public(der: &[u8]) -> Result<PublicKey, Unreadable> {
    spki(oid::RSA_ENCRYPTION, Some(AnyRef::NULL), der)
}

#[derive(Sequence)]
struct Spki<'a> {
    algorithm: Algorithm<'a>,
    key: BitStringRef<'a>,
}

#[derive(Sequence)]
struct Algorithm<'a> {
    oid: ObjectIdentifier,
    parameters: Option<AnyRef<'a>>,
}

fn spki(
    oid: ObjectIdentifier,
    parameters: Option<AnyRef<'_>>,
    key: &[u8],
) -> Result<PublicKey, Unreadable> {
    let malformed = || Unreadable::Malformed("the private key");
    let key = BitStringRef::from_bytes(key).map_err(|_| malformed())?;
    let der = Spki { algorithm: Algorithm { oid, parameters }, key }.to_der();
    PublicKey::from_spki_der(&der.map_err(|_| malformed())?)
        .map_err(|error| Unreadable::Unsupported(error.to_string()))
}
