//! Keys of every algorithm.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
};
use skink_x509::{
    Csr, CsrSpec, GeneralName, KeyAlgorithm, Name, PublicKey, SignatureAlgorithm, assemble,
};

/// A key pair in memory.
pub struct TestKey {
    pair: Pair,
    pkcs8: Vec<u8>,
    public: PublicKey,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(rsa::KeyPair),
}

impl TestKey {
    /// A new key. RSA takes its time: a second for 4096 bits.
    pub fn generate(algorithm: KeyAlgorithm) -> Self {
        match algorithm {
            KeyAlgorithm::EcP256 => Self::ec(&ECDSA_P256_SHA256_ASN1_SIGNING),
            KeyAlgorithm::EcP384 => Self::ec(&ECDSA_P384_SHA384_ASN1_SIGNING),
            KeyAlgorithm::Ed25519 => {
                let pair = Ed25519KeyPair::generate().unwrap();
                let pkcs8 = pair.to_pkcs8v1().unwrap().as_ref().to_vec();
                let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
                Self::new(Pair::Ed25519(pair), pkcs8, &spki)
            }
            KeyAlgorithm::Rsa2048 => Self::rsa(KeySize::Rsa2048),
            KeyAlgorithm::Rsa3072 => Self::rsa(KeySize::Rsa3072),
            KeyAlgorithm::Rsa4096 => Self::rsa(KeySize::Rsa4096),
            other => panic!("no key of {other} is generated"),
        }
    }

    fn ec(algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        let pkcs8 = pair.to_pkcs8v1().unwrap().as_ref().to_vec();
        let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
        Self::new(Pair::Ec(pair), pkcs8, &spki)
    }

    fn rsa(size: KeySize) -> Self {
        let pair = rsa::KeyPair::generate(size).unwrap();
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap().as_ref().to_vec();
        let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
        Self::new(Pair::Rsa(pair), pkcs8, &spki)
    }

    fn new(pair: Pair, pkcs8: Vec<u8>, spki: &[u8]) -> Self {
        Self { pair, pkcs8, public: PublicKey::from_spki_der(spki).unwrap() }
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The private half in PKCS #8, as a TLS library reads it.
    pub fn pkcs8_der(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The algorithm that [`Self::sign`] uses.
    pub fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.public.algorithm().signature_algorithm()
    }

    /// Signs in X.509's encoding.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let padding = match self.signature_algorithm() {
                    SignatureAlgorithm::RsaPkcs1Sha384 => &RSA_PKCS1_SHA384,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// Signs bytes that are to be signed and gives the whole structure's DER.
    pub fn finish(&self, tbs_der: &[u8]) -> Vec<u8> {
        assemble(tbs_der, self.signature_algorithm(), &self.sign(tbs_der)).unwrap()
    }

    /// A request for this key.
    pub fn request(&self, common_name: &str, names: &[GeneralName]) -> Csr {
        let spec = CsrSpec {
            subject: Name::from_common_name(common_name).unwrap(),
            public_key: self.public.clone(),
            subject_alt_names: names.to_vec(),
        };
        Csr::from_der(&self.finish(&spec.tbs_der().unwrap())).unwrap()
    }
}

impl fmt::Debug for TestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestKey({:?})", self.public)
    }
}
