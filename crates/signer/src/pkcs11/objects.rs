//! Keys as objects of a token.

use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, SessionState};
use cryptoki::types::Ulong;
use skink_x509::{KeyAlgorithm, PublicKey, SignatureAlgorithm};

use super::uri;
use super::uri::Pkcs11Uri;
use super::worker::Failure;
use crate::encoding;
use crate::provider::{KeyState, ProviderError};
use crate::uri::KeyUri;
use crate::verify::fits;

/// A key: its public half, and its private half while that is there.
pub(super) struct Pair {
    public: ObjectHandle,
    private: Option<ObjectHandle>,
    pub(super) label: String,
    pub(super) id: Vec<u8>,
}

/// What a token tells about a private key.
pub(super) struct Facts {
    pub(super) made_here: Option<bool>,
    pub(super) exportable: Option<bool>,
    /// Whether it could be read out, once.
    pub(super) was_exportable: Option<bool>,
}

/// Makes a pair under a label that no other has.
pub(super) fn create(
    session: &Session,
    key: &KeyUri,
    name: &str,
    id: &[u8],
    algorithm: KeyAlgorithm,
) -> Result<(), Failure> {
    let taken = [Attribute::Label(name.as_bytes().to_vec()), Attribute::Token(true)];
    if !session.find_objects(&taken)?.is_empty() {
        return Err(ProviderError::NameTaken { key: key.clone() }.into());
    }
    let names =
        || [Attribute::Label(name.as_bytes().to_vec()), Attribute::Id(id.to_vec())].into_iter();
    let mut public: Vec<Attribute> = names().collect();
    public.extend([Attribute::Token(true), Attribute::Private(false), Attribute::Verify(true)]);
    let mechanism = match algorithm {
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => {
            let bits: u64 = match algorithm {
                KeyAlgorithm::Rsa2048 => 2048,
                KeyAlgorithm::Rsa3072 => 3072,
                _ => 4096,
            };
            public.extend([
                Attribute::ModulusBits(bits.into()),
                Attribute::PublicExponent(vec![1, 0, 1]),
            ]);
            Mechanism::RsaPkcsKeyPairGen
        }
        _ => {
            let curve = encoding::curve(algorithm);
            let curve = curve.ok_or(ProviderError::UnsupportedAlgorithm(algorithm))?;
            public.push(Attribute::EcParams(curve.to_vec()));
            if algorithm == KeyAlgorithm::Ed25519 {
                Mechanism::EccEdwardsKeyPairGen
            } else {
                Mechanism::EccKeyPairGen
            }
        }
    };
    let mut private: Vec<Attribute> = names().collect();
    private.extend([
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ]);
    session.generate_key_pair(&mechanism, &public, &private)?;
    Ok(())
}

/// Every key of the token, also those whose private half is gone.
pub(super) fn list(session: &Session, token: &str) -> Result<Vec<KeyUri>, Failure> {
    let all = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Token(true)];
    let mut keys = Vec::new();
    for public in session.find_objects(&all)? {
        let (label, id) = names(session, public)?;
        keys.extend(uri::pinned(token, &label, &id).ok());
    }
    Ok(keys)
}

impl Pair {
    /// The one key of the token that fits.
    pub(super) fn find(
        session: &Session,
        key: &KeyUri,
        wanted: &Pkcs11Uri,
    ) -> Result<Self, Failure> {
        let mut template = vec![Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Token(true)];
        if wanted.object.is_none() && wanted.id.is_none() {
            let reason = "it names neither object nor id";
            return Err(ProviderError::BadUri { key: key.clone(), reason }.into());
        }
        template.extend(wanted.object.as_ref().map(|o| Attribute::Label(o.as_bytes().to_vec())));
        template.extend(wanted.id.as_ref().map(|id| Attribute::Id(id.clone())));
        let public = match session.find_objects(&template)?[..] {
            [] => return Err(ProviderError::UnknownKey { key: key.clone() }.into()),
            [one] => one,
            _ => {
                let reason = "several keys of the token fit: add the id";
                return Err(ProviderError::BadUri { key: key.clone(), reason }.into());
            }
        };
        let (label, id) = names(session, public)?;
        let mut private = private_halves(session, &label, &id)?;
        // To a session that somebody logged out, every private key is gone.
        if private.is_empty() && !is_logged_in(session)? {
            return Err(Error::Pkcs11(RvError::UserNotLoggedIn, Function::FindObjects).into());
        }
        // While it is being disabled there are two: the one that does not sign counts.
        private.sort_by_key(|handle| signs(session, *handle).unwrap_or(true));
        Ok(Self { public, private: private.first().copied(), label, id })
    }

    pub(super) fn public_key(&self, session: &Session) -> Result<PublicKey, Failure> {
        let wanted = [
            AttributeType::EcParams,
            AttributeType::EcPoint,
            AttributeType::Modulus,
            AttributeType::PublicExponent,
        ];
        let (mut parameters, mut point, mut modulus, mut exponent) = (None, None, None, None);
        for attribute in session.get_attributes(self.public, &wanted)? {
            match attribute {
                Attribute::EcParams(bytes) => parameters = Some(bytes),
                Attribute::EcPoint(bytes) => point = Some(bytes),
                Attribute::Modulus(bytes) => modulus = Some(bytes),
                Attribute::PublicExponent(bytes) => exponent = Some(bytes),
                _ => {}
            }
        }
        let der = match (parameters, point, modulus, exponent) {
            (Some(parameters), Some(point), ..) => encoding::spki_of_point(&parameters, &point),
            (_, _, Some(modulus), Some(exponent)) => {
                Some(encoding::spki_of_rsa(&modulus, &exponent))
            }
            _ => None,
        };
        let public = der.and_then(|der| PublicKey::from_spki_der(&der).ok());
        let what = "the token's public key is none that is known";
        public.ok_or(ProviderError::Corrupted { what, request_id: None }.into())
    }

    pub(super) fn state(&self, session: &Session) -> Result<KeyState, Failure> {
        let Some(private) = self.private else { return Ok(KeyState::Destroyed) };
        Ok(if signs(session, private)? { KeyState::Enabled } else { KeyState::Disabled })
    }

    pub(super) fn facts(&self, session: &Session) -> Result<Facts, Failure> {
        let mut facts = Facts { made_here: None, exportable: None, was_exportable: None };
        let Some(private) = self.private else { return Ok(facts) };
        let wanted = [
            AttributeType::Local,
            AttributeType::Extractable,
            AttributeType::Sensitive,
            AttributeType::NeverExtractable,
            AttributeType::AlwaysSensitive,
        ];
        let (mut extractable, mut sensitive) = (None, None);
        let (mut never, mut always) = (None, None);
        for attribute in session.get_attributes(private, &wanted)? {
            match attribute {
                Attribute::Local(local) => facts.made_here = Some(local),
                Attribute::Extractable(it_is) => extractable = Some(it_is),
                Attribute::Sensitive(it_is) => sensitive = Some(it_is),
                Attribute::NeverExtractable(it_is) => never = Some(it_is),
                Attribute::AlwaysSensitive(it_is) => always = Some(it_is),
                _ => {}
            }
        }
        facts.was_exportable = never.zip(always).map(|(never, always)| !never || !always);
        facts.exportable = extractable.zip(sensitive).map(|(out, hidden)| out || !hidden);
        Ok(facts)
    }

    pub(super) fn sign(
        &self,
        session: &Session,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        input: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let Some(private) = self.private else {
            return Err(ProviderError::Destroyed { key: key.clone() }.into());
        };
        let (mechanism, input) = self.mechanism(session, key, algorithm, input)?;
        let made = session.sign(&mechanism, private, &input)?;
        if !matches!(mechanism, Mechanism::Ecdsa) {
            return Ok(made);
        }
        let what = "the token's signature is not two numbers";
        let corrupted = ProviderError::Corrupted { what, request_id: None };
        encoding::ecdsa_to_der(&made).ok_or(corrupted.into())
    }

    pub(super) fn verify(
        &self,
        session: &Session,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        input: &[u8],
        signature: &[u8],
    ) -> Result<bool, Failure> {
        let (mechanism, input) = self.mechanism(session, key, algorithm, input)?;
        let signature = if matches!(mechanism, Mechanism::Ecdsa) {
            let length = self.public_key(session)?.bits().div_ceil(8);
            let Some(raw) = encoding::ecdsa_from_der(signature, length) else { return Ok(false) };
            raw
        } else {
            signature.to_vec()
        };
        match session.verify(&mechanism, self.public, &input, &signature) {
            Ok(()) => Ok(true),
            Err(Error::Pkcs11(RvError::SignatureInvalid | RvError::SignatureLenRange, _)) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Puts a copy in the key's place that does not sign and cannot be changed.
    pub(super) fn disable(&self, session: &Session, key: &KeyUri) -> Result<(), Failure> {
        let Some(private) = self.private else {
            return Err(ProviderError::Destroyed { key: key.clone() }.into());
        };
        if signs(session, private)? {
            // The last forbids changes, and so copies that sign.
            let changed = [Attribute::Sign(false), Attribute::Modifiable(false)];
            session.copy_object(private, &changed)?;
        }
        // Whatever else has the name and signs, an earlier try's remainder too.
        for object in private_halves(session, &self.label, &self.id)? {
            if signs(session, object)? {
                session.destroy_object(object)?;
            }
        }
        Ok(())
    }

    pub(super) fn destroy(&self, session: &Session) -> Result<(), Failure> {
        let mut halves = private_halves(session, &self.label, &self.id)?;
        // What signs goes first: a disabling that was cut off has left both.
        halves.sort_by_key(|handle| !signs(session, *handle).unwrap_or(true));
        for private in halves {
            session.destroy_object(private)?;
        }
        Ok(())
    }

    fn mechanism(
        &self,
        session: &Session,
        key: &KeyUri,
        asked: SignatureAlgorithm,
        input: &[u8],
    ) -> Result<(Mechanism<'static>, Vec<u8>), Failure> {
        use SignatureAlgorithm as S;
        let has = self.public_key(session)?.algorithm();
        if !fits(has, asked) {
            return Err(ProviderError::WrongAlgorithm { key: key.clone(), has, asked }.into());
        }
        let pkcs1 = |hash| {
            let length = u8::try_from(input.len()).unwrap_or_default();
            (Mechanism::RsaPkcs, [&digest_info(hash, length)[..], input].concat())
        };
        let pss = |hash_alg, mgf| {
            let (length, algorithm) = (input.len(), asked);
            let wrong = |_| ProviderError::WrongDigest { length, algorithm };
            // As long as the hash.
            let s_len = Ulong::try_from(length).map_err(wrong)?;
            let parameters = PkcsPssParams { hash_alg, mgf, s_len };
            Ok::<_, ProviderError>((Mechanism::RsaPkcsPss(parameters), input.to_vec()))
        };
        Ok(match asked {
            S::RsaPkcs1Sha256 => pkcs1(1),
            S::RsaPkcs1Sha384 => pkcs1(2),
            S::RsaPkcs1Sha512 => pkcs1(3),
            S::RsaPssSha256 => pss(MechanismType::SHA256, PkcsMgfType::MGF1_SHA256)?,
            S::RsaPssSha384 => pss(MechanismType::SHA384, PkcsMgfType::MGF1_SHA384)?,
            S::RsaPssSha512 => pss(MechanismType::SHA512, PkcsMgfType::MGF1_SHA512)?,
            S::Ed25519 => {
                (Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure)), input.to_vec())
            }
            S::EcdsaSha256 | S::EcdsaSha384 | S::EcdsaSha512 => (Mechanism::Ecdsa, input.to_vec()),
            _ => return Err(ProviderError::WrongAlgorithm { key: key.clone(), has, asked }.into()),
        })
    }
}

/// Every private key of this name: one, or two while it is being disabled.
fn private_halves(session: &Session, label: &str, id: &[u8]) -> Result<Vec<ObjectHandle>, Failure> {
    let named = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::Token(true),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(id.to_vec()),
    ];
    Ok(session.find_objects(&named)?)
}

/// What stands before a SHA-2 digest in the DigestInfo of RFC 8017 §9.2; `hash` is the last number
/// of the hash's OID.
fn digest_info(hash: u8, length: u8) -> [u8; 19] {
    [
        0x30,
        length + 17,
        0x30,
        0x0d,
        0x06,
        0x09,
        0x60,
        0x86,
        0x48,
        0x01,
        0x65,
        0x03,
        0x04,
        0x02,
        hash,
        0x05,
        0x00,
        0x04,
        length,
    ]
}

fn names(session: &Session, object: ObjectHandle) -> Result<(String, Vec<u8>), Failure> {
    let (mut label, mut id) = (String::new(), Vec::new());
    for attribute in session.get_attributes(object, &[AttributeType::Label, AttributeType::Id])? {
        match attribute {
            Attribute::Label(bytes) => label = String::from_utf8_lossy(&bytes).into_owned(),
            Attribute::Id(bytes) => id = bytes,
            _ => {}
        }
    }
    Ok((label, id))
}

fn is_logged_in(session: &Session) -> Result<bool, Failure> {
    let state = session.get_session_info()?.session_state();
    Ok(matches!(state, SessionState::RwUser | SessionState::RoUser))
}

fn signs(session: &Session, private: ObjectHandle) -> Result<bool, Failure> {
    let attributes = session.get_attributes(private, &[AttributeType::Sign])?;
    Ok(attributes.iter().any(|attribute| matches!(attribute, Attribute::Sign(true))))
}
