//! PKCS #12 stores (RFC 7292), old and new, in DER or BER.

use aws_lc_rs::{digest, hmac};
use der::Tag;
use der::asn1::{AnyRef, BmpString};
use skink_x509::ObjectIdentifier;
use zeroize::Zeroizing;

use super::legacy_cipher::{self, Use};
use super::tlv::{any, inside, is, is_context, members, number, octets, oid, sequence};
use super::work::Work;
use super::{
    Container, Item, Kind, Lock, Piece, Remark, Unlock, Unreadable, ber, private_key, recognise,
};

const fn id(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const DATA: ObjectIdentifier = id("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = id("1.2.840.113549.1.7.6");
const KEY_BAG: ObjectIdentifier = id("1.2.840.113549.1.12.10.1.1");
const LOCKED_KEY_BAG: ObjectIdentifier = id("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE_BAG: ObjectIdentifier = id("1.2.840.113549.1.12.10.1.3");
const CRL_BAG: ObjectIdentifier = id("1.2.840.113549.1.12.10.1.4");
const NESTED_BAG: ObjectIdentifier = id("1.2.840.113549.1.12.10.1.6");
const FRIENDLY_NAME: ObjectIdentifier = id("1.2.840.113549.1.9.20");

/// Bags in bags in bags.
const DEEPEST: usize = 8;

pub(super) fn read(der: &[u8], unlock: &mut dyn Unlock, work: &mut Work) -> Vec<Piece> {
    let outer = |item| vec![Piece::new(item, Container::Pkcs12)];
    let Some(store) = Store::parse(der) else {
        let why = Unreadable::Malformed("the store");
        return outer(Item::Unreadable(Kind::Pkcs12, why));
    };
    let unlocked = match store.passphrase(unlock, work) {
        Ok(Ok(unlocked)) => unlocked,
        Ok(Err(lock)) => return outer(Item::Locked(Kind::Pkcs12, lock)),
        Err(why) => return outer(Item::Unreadable(Kind::Pkcs12, why)),
    };
    let Unlocked { passphrase, remark } = unlocked;
    let mut opened = Opened { passphrase, work, pieces: Vec::new(), legacy: false };
    match opened.safes(&store.content) {
        Ok(()) => {}
        Err(Failed::Locked) => {
            return outer(Item::Locked(Kind::Pkcs12, Lock::WrongPassphrase));
        }
        Err(Failed::Unreadable(why)) => {
            opened.pieces.extend(outer(Item::Unreadable(Kind::Pkcs12, why)));
        }
    }
    let Opened { mut pieces, legacy, .. } = opened;
    if pieces.is_empty() {
        return outer(Item::Unreadable(Kind::Pkcs12, Unreadable::Empty));
    }
    pieces[0].remarks.extend(legacy.then_some(Remark::LegacyEncryption));
    pieces[0].remarks.extend(remark);
    pieces
}

/// The outer structure.
struct Store {
    content: Vec<u8>,
    mac: Option<Mac>,
}

struct Mac {
    algorithm: ObjectIdentifier,
    expected: Vec<u8>,
    salt: Vec<u8>,
    rounds: u64,
}

struct Unlocked {
    passphrase: Zeroizing<String>,
    remark: Option<Remark>,
}

impl Store {
    fn parse(der: &[u8]) -> Option<Self> {
        let fields = sequence(der)?;
        let [_version, content, rest @ ..] = &fields[..] else { return None };
        let content = inside(content)?;
        let [kind, content] = &content[..] else { return None };
        if oid(kind)? != DATA {
            return None;
        }
        let content = octets(members(content.value())?.first()?)?.to_vec();
        let mac = rest.first().map(Mac::parse);
        // A MAC that cannot be read is as good as one of an unknown algorithm.
        let mac = mac.map(|mac| mac.unwrap_or_else(Mac::unknown));
        Some(Self { content, mac })
    }

    /// The passphrase under which the MAC is right: none at all, or what is answered.
    fn passphrase(
        &self,
        unlock: &mut dyn Unlock,
        work: &mut Work,
    ) -> Result<Result<Unlocked, Lock>, Unreadable> {
        let empty = || Zeroizing::new(String::new());
        let algorithm = match &self.mac {
            None => None,
            Some(mac) => mac.digest(),
        };
        let (Some(mac), Some(algorithm)) = (&self.mac, algorithm) else {
            let remark = if self.mac.is_none() { Remark::NoMac } else { Remark::UncheckedMac };
            let passphrase = unlock.passphrase("the PKCS #12 store").unwrap_or_else(empty);
            return Ok(Ok(Unlocked { passphrase, remark: Some(remark) }));
        };
        let mut is_right = |wide: &[u8]| mac.is_right(algorithm, wide, &self.content, work);
        if is_right(&legacy_cipher::wide(""))? || is_right(&[])? {
            return Ok(Ok(Unlocked { passphrase: empty(), remark: None }));
        }
        let Some(passphrase) = unlock.passphrase("the PKCS #12 store") else {
            return Ok(Err(Lock::NoPassphrase));
        };
        if !is_right(&legacy_cipher::wide(&passphrase))? {
            return Ok(Err(Lock::WrongPassphrase));
        }
        Ok(Ok(Unlocked { passphrase, remark: None }))
    }
}

impl Mac {
    fn parse(data: &AnyRef<'_>) -> Option<Self> {
        let fields = inside(data)?;
        let [info, salt, rest @ ..] = &fields[..] else { return None };
        let info = inside(info)?;
        let [algorithm, expected] = &info[..] else { return None };
        Some(Self {
            algorithm: oid(inside(algorithm)?.first()?)?,
            expected: octets(expected)?.to_vec(),
            salt: octets(salt)?.to_vec(),
            rounds: rest.first().map_or(Some(1), number)?,
        })
    }

    fn unknown() -> Self {
        Self { algorithm: DATA, expected: Vec::new(), salt: Vec::new(), rounds: 1 }
    }

    fn digest(&self) -> Option<(&'static digest::Algorithm, hmac::Algorithm)> {
        Some(match self.algorithm.to_string().as_str() {
            "1.3.14.3.2.26" => {
                (&digest::SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY)
            }
            "2.16.840.1.101.3.4.2.1" => (&digest::SHA256, hmac::HMAC_SHA256),
            "2.16.840.1.101.3.4.2.2" => (&digest::SHA384, hmac::HMAC_SHA384),
            "2.16.840.1.101.3.4.2.3" => (&digest::SHA512, hmac::HMAC_SHA512),
            "2.16.840.1.101.3.4.2.4" => (&digest::SHA224, hmac::HMAC_SHA224),
            _ => return None,
        })
    }

    fn is_right(
        &self,
        (digest, mac): (&'static digest::Algorithm, hmac::Algorithm),
        wide: &[u8],
        content: &[u8],
        work: &mut Work,
    ) -> Result<bool, Unreadable> {
        let len = digest.output_len();
        let (salt, rounds) = (&self.salt, self.rounds);
        let key = legacy_cipher::derive(digest, wide, salt, rounds, Use::Mac, len, work)?;
        let key = hmac::Key::new(mac, &key);
        Ok(hmac::verify(&key, content, &self.expected).is_ok())
    }
}

enum Failed {
    /// The passphrase is wrong.
    Locked,
    Unreadable(Unreadable),
}

impl From<Unreadable> for Failed {
    fn from(why: Unreadable) -> Self {
        Self::Unreadable(why)
    }
}

/// A store whose passphrase is known.
struct Opened<'w> {
    work: &'w mut Work,
    passphrase: Zeroizing<String>,
    pieces: Vec<Piece>,
    legacy: bool,
}

impl Opened<'_> {
    fn safes(&mut self, content: &[u8]) -> Result<(), Failed> {
        let malformed = || Unreadable::Malformed("the store's content");
        let closed = ber::to_der(content);
        let safes = sequence(closed.as_deref().unwrap_or(content)).ok_or_else(malformed)?;
        for safe in &safes {
            let fields = inside(safe).ok_or_else(malformed)?;
            let [kind, content] = &fields[..] else { return Err(malformed().into()) };
            let content = members(content.value()).ok_or_else(malformed)?;
            let content = content.first().ok_or_else(malformed)?;
            match oid(kind).ok_or_else(malformed)? {
                DATA => self.bags(octets(content).ok_or_else(malformed)?, 0)?,
                ENCRYPTED_DATA => {
                    let bags = self.encrypted(content)?;
                    self.bags(&bags, 0)?;
                }
                other => {
                    let what = format!("a store locked by a public key ({other})");
                    return Err(Unreadable::Unsupported(what).into());
                }
            }
        }
        Ok(())
    }

    fn encrypted(&mut self, data: &AnyRef<'_>) -> Result<Zeroizing<Vec<u8>>, Failed> {
        let malformed = || Unreadable::Malformed("the store's encrypted part");
        let fields = inside(data).ok_or_else(malformed)?;
        let info = fields.get(1).and_then(inside).ok_or_else(malformed)?;
        let [_kind, algorithm, content] = &info[..] else { return Err(malformed().into()) };
        let pieces =
            if content.header().is_constructed() { members(content.value()) } else { None };
        let joined: Vec<u8>;
        let content = match pieces {
            Some(pieces) => {
                joined = pieces.iter().filter_map(octets).flatten().copied().collect();
                &joined[..]
            }
            None => content.value(),
        };
        self.decrypt(algorithm, content)
    }

    fn decrypt(
        &mut self,
        algorithm: &AnyRef<'_>,
        data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Failed> {
        let scheme = inside(algorithm).and_then(|it| oid(it.first()?));
        self.legacy |= scheme.is_some_and(legacy_cipher::is_legacy);
        let clear = private_key::decrypt(algorithm, data, &self.passphrase, self.work)?;
        clear.ok_or(Failed::Locked)
    }

    fn bags(&mut self, content: &[u8], depth: usize) -> Result<(), Failed> {
        let malformed = || Unreadable::Malformed("the store's bags");
        if depth == DEEPEST {
            return Err(malformed().into());
        }
        let closed = ber::to_der(content);
        let bags = sequence(closed.as_deref().unwrap_or(content)).ok_or_else(malformed)?;
        for bag in &bags {
            let fields = inside(bag).ok_or_else(malformed)?;
            let [kind, value, attributes @ ..] = &fields[..] else {
                return Err(malformed().into());
            };
            let alias = attributes.first().and_then(friendly_name);
            let kind = oid(kind).ok_or_else(malformed)?;
            let value = value.value();
            let item = match kind {
                NESTED_BAG => {
                    self.bags(value, depth + 1)?;
                    continue;
                }
                KEY_BAG => private_key::in_clear(value, false),
                LOCKED_KEY_BAG => self.key(value)?,
                CERTIFICATE_BAG | CRL_BAG => {
                    let der = typed(value).ok_or_else(malformed)?;
                    let is_list = kind == CRL_BAG;
                    recognise::item(&der, if is_list { Kind::Crl } else { Kind::Certificate })
                }
                // Secrets of other kinds are nobody's business here.
                _ => continue,
            };
            self.pieces.push(Piece { alias, ..Piece::new(item, Container::Pkcs12) });
        }
        Ok(())
    }

    fn key(&mut self, value: &[u8]) -> Result<Item, Failed> {
        let malformed = || Unreadable::Malformed("the store's private key");
        let fields = sequence(value).ok_or_else(malformed)?;
        let [algorithm, data] = &fields[..] else { return Err(malformed().into()) };
        let data = octets(data).ok_or_else(malformed)?;
        let clear = self.decrypt(algorithm, data)?;
        Ok(private_key::in_clear(&clear, true))
    }
}

/// The DER inside a `CertBag` or `CRLBag`.
fn typed(value: &[u8]) -> Option<Vec<u8>> {
    let fields = sequence(value)?;
    let content = fields.get(1).filter(|it| is_context(it, 0))?;
    Some(octets(&any(content.value())?)?.to_vec())
}

fn friendly_name(attributes: &AnyRef<'_>) -> Option<String> {
    if !is(attributes, Tag::Set) {
        return None;
    }
    let attributes = members(attributes.value())?;
    attributes.iter().find_map(|attribute| {
        let fields = inside(attribute)?;
        if oid(fields.first()?)? != FRIENDLY_NAME {
            return None;
        }
        let value = members(fields.get(1)?.value())?.into_iter().next()?;
        Some(value.decode_as::<BmpString>().ok()?.to_string())
    })
}
