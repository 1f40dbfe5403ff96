use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature as alg;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair, PqdsaKeyPair};
use der::Decode as _;
use der::asn1::{AnyRef, ObjectIdentifier};

use super::read::{Spki, spki_der};
use super::*;
use crate::{BadSignature, KeyError, oid};

fn ec_pair() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&alg::ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()
}

#[test]
fn a_compressed_point_is_the_same_key() {
    for signing in [&alg::ECDSA_P256_SHA256_ASN1_SIGNING, &alg::ECDSA_P384_SHA384_ASN1_SIGNING] {
        let pair = EcdsaKeyPair::generate(signing).unwrap();
        let der = pair.public_key().as_der().unwrap();
        let key = PublicKey::from_spki_der(der.as_ref()).unwrap();
        let (x, y) = key.raw()[1..].split_at((key.raw().len() - 1) / 2);
        let compressed = [&[2 | (y[y.len() - 1] & 1)], x].concat();
        let spki = Spki::from_der(der.as_ref()).unwrap();
        let evading = spki_der(oid::EC_PUBLIC_KEY, spki.algorithm.parameters, &compressed).unwrap();
        assert_ne!(evading, der.as_ref());
        let same = PublicKey::from_spki_der(&evading).unwrap();
        assert_eq!(same, key);
        assert_eq!(same.digest(), key.digest());
        assert_eq!(same.spki_der(), der.as_ref());
        let signature = pair.sign(&SystemRandom::new(), b"m").unwrap();
        same.verify(key.algorithm().signature_algorithm(), b"m", signature.as_ref()).unwrap();
    }
}

#[test]
fn verification_takes_the_right_message_key_and_algorithm_only() {
    let (pair, other) = (ec_pair(), ec_pair());
    let key = PublicKey::from_spki_der(pair.public_key().as_der().unwrap().as_ref()).unwrap();
    let wrong = PublicKey::from_spki_der(other.public_key().as_der().unwrap().as_ref()).unwrap();
    let signature = pair.sign(&SystemRandom::new(), b"message").unwrap();
    let ecdsa = SignatureAlgorithm::EcdsaSha256;
    assert_eq!(key.verify(ecdsa, b"message", signature.as_ref()), Ok(()));
    assert_eq!(key.verify(ecdsa, b"massage", signature.as_ref()), Err(BadSignature));
    assert_eq!(wrong.verify(ecdsa, b"message", signature.as_ref()), Err(BadSignature));
    let others = SignatureAlgorithm::ALL.into_iter().filter(|algorithm| *algorithm != ecdsa);
    for algorithm in others {
        assert_eq!(key.verify(algorithm, b"message", signature.as_ref()), Err(BadSignature));
    }
}

#[test]
fn ed25519_keys_verify_and_have_one_encoding() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let der = pair.public_key().as_der().unwrap();
    let key = PublicKey::from_spki_der(der.as_ref()).unwrap();
    assert_eq!(key.spki_der(), der.as_ref());
    assert_eq!(key.algorithm(), KeyAlgorithm::Ed25519);
    key.verify(SignatureAlgorithm::Ed25519, b"m", pair.sign(b"m").as_ref()).unwrap();
    // y = p + 1, another encoding of y = 1.
    let mut evading = [0xff; 32];
    (evading[0], evading[31]) = (0xee, 0x7f);
    let der = spki_der(oid::ED25519, None, &evading).unwrap();
    assert_eq!(PublicKey::from_spki_der(&der), Err(KeyError::InvalidValue));
}

#[test]
fn rsa_keys_are_normalised_to_null_parameters() {
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der = pair.public_key().as_der().unwrap();
    let key = PublicKey::from_spki_der(der.as_ref()).unwrap();
    assert_eq!(key.spki_der(), der.as_ref());
    assert_eq!((key.algorithm(), key.bits()), (KeyAlgorithm::Rsa2048, 2048));
    let bare = spki_der(oid::RSA_ENCRYPTION, None, key.raw()).unwrap();
    assert_eq!(PublicKey::from_spki_der(&bare).unwrap().digest(), key.digest());
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&alg::RSA_PKCS1_SHA256, &SystemRandom::new(), b"m", &mut signature).unwrap();
    key.verify(SignatureAlgorithm::RsaPkcs1Sha256, b"m", &signature).unwrap();
    assert!(key.verify(SignatureAlgorithm::RsaPkcs1Sha384, b"m", &signature).is_err());
}

#[test]
fn points_off_the_curve_and_unknown_algorithms_are_refused() {
    let pair = ec_pair();
    let key = PublicKey::from_spki_der(pair.public_key().as_der().unwrap().as_ref()).unwrap();
    let curve = AnyRef::from(&oid::SECP256R1);
    let mut off = key.raw().to_vec();
    off[64] ^= 1;
    let mut hybrid = key.raw().to_vec();
    hybrid[0] = 6 | (hybrid[64] & 1);
    for bad in [off, hybrid, vec![0], vec![], vec![4; 10]] {
        let der = spki_der(oid::EC_PUBLIC_KEY, Some(curve), &bad).unwrap();
        assert_eq!(PublicKey::from_spki_der(&der), Err(KeyError::InvalidValue), "{bad:?}");
    }
    let off = spki_der(oid::EC_PUBLIC_KEY, Some(curve), &[&[4][..], &[7; 64]].concat()).unwrap();
    let off = PublicKey::from_certificate(&off).unwrap();
    assert!(!off.is_sound() && off.verify(SignatureAlgorithm::EcdsaSha256, b"", b"").is_err());
    let x25519 = ObjectIdentifier::new_unwrap("1.3.101.110");
    let der = spki_der(x25519, None, &[9; 32]).unwrap();
    assert_eq!(PublicKey::from_spki_der(&der), Err(KeyError::UnsupportedAlgorithm(x25519)));
    let other = PublicKey::from_certificate(&der).unwrap();
    assert_eq!((other.algorithm(), other.raw()), (KeyAlgorithm::Other, &[9; 32][..]));
    for algorithm in SignatureAlgorithm::ALL {
        assert_eq!(other.verifiable(algorithm), Verifiable::Unsupported);
        assert_eq!(other.danger_verify(algorithm, b"m", b"s"), Err(BadSignature));
    }
}

#[test]
fn pss_verifies_and_binds_a_key_that_is_for_it_alone() {
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der = pair.public_key().as_der().unwrap();
    let key = PublicKey::from_spki_der(der.as_ref()).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&alg::RSA_PSS_SHA256, &SystemRandom::new(), b"m", &mut signature).unwrap();
    let (pss, pkcs1) = (SignatureAlgorithm::RsaPssSha256, SignatureAlgorithm::RsaPkcs1Sha256);
    key.verify(pss, b"m", &signature).unwrap();
    assert!(key.verify(SignatureAlgorithm::RsaPssSha384, b"m", &signature).is_err());
    let identifier = AnyRef::from_der(pss.identifier_der()).unwrap();
    let parameters = crate::tlv::members(identifier.value()).unwrap()[1];
    for (parameters, sha384) in [(None, Verifiable::Yes), (Some(parameters), Verifiable::Never)] {
        let bound = spki_der(oid::RSASSA_PSS, parameters, key.raw()).unwrap();
        let bound = PublicKey::from_spki_der(&bound).unwrap();
        // Denied under one name, denied under the other.
        assert_eq!(bound.digest(), key.digest());
        bound.verify(pss, b"m", &signature).unwrap();
        assert_eq!(bound.verifiable(pkcs1), Verifiable::Never);
        assert_eq!(bound.verifiable(SignatureAlgorithm::RsaPssSha384), sha384);
    }
}

#[test]
fn ml_dsa_verifies() {
    for (signing, kind) in [
        (&alg::ML_DSA_44_SIGNING, KeyAlgorithm::MlDsa44),
        (&alg::ML_DSA_65_SIGNING, KeyAlgorithm::MlDsa65),
        (&alg::ML_DSA_87_SIGNING, KeyAlgorithm::MlDsa87),
    ] {
        let pair = PqdsaKeyPair::generate(signing).unwrap();
        let der = pair.public_key().as_der().unwrap();
        let key = PublicKey::from_spki_der(der.as_ref()).unwrap();
        assert_eq!((key.algorithm(), key.spki_der()), (kind, der.as_ref()));
        let mut signature = vec![0; signing.signature_len()];
        pair.sign(b"m", &mut signature).unwrap();
        key.verify(kind.signature_algorithm(), b"m", &signature).unwrap();
        assert!(key.verify(kind.signature_algorithm(), b"n", &signature).is_err());
        signature[7] ^= 1;
        assert!(key.verify(kind.signature_algorithm(), b"m", &signature).is_err());
    }
}

#[test]
fn what_is_weak_verifies_by_its_dangerous_name_only() {
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let key = PublicKey::from_spki_der(pair.public_key().as_der().unwrap().as_ref()).unwrap();
    let sha1 = SignatureAlgorithm::RsaPkcs1Sha1;
    assert_eq!(key.verifiable(sha1), Verifiable::Weakly);
    // A real signature with SHA-1 stands in the public vectors; this one is by SHA-256.
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&alg::RSA_PKCS1_SHA256, &SystemRandom::new(), b"m", &mut signature).unwrap();
    assert!(key.verify(sha1, b"m", &signature).is_err());
    assert!(key.danger_verify(sha1, b"m", &signature).is_err());
    assert!(key.danger_verify(SignatureAlgorithm::RsaPkcs1Sha256, b"m", &signature).is_ok());
}

#[test]
fn dsa_keys_are_read_in_certificates_only_and_panic_at_nothing() {
    let integer = |bytes: &[u8]| crate::tlv::unsigned(bytes).unwrap();
    let key = |p: &[u8], q: &[u8], g: &[u8], y: &[u8]| {
        let parameters = crate::tlv::sequence(&[&integer(p), &integer(q), &integer(g)]).unwrap();
        let parameters = AnyRef::from_der(&parameters).unwrap();
        spki_der(oid::DSA, Some(parameters), &integer(y)).unwrap()
    };
    let (p, q) = ([0xff; 128], [0xff; 20]);
    for (g, y) in [(&[2][..], &[3][..]), (&p[..], &p[..]), (&[0], &[0]), (&[1], &[1])] {
        let der = key(&p, &q, g, y);
        assert!(PublicKey::from_spki_der(&der).is_err());
        let key = PublicKey::from_certificate(&der).unwrap();
        assert_eq!((key.algorithm(), key.bits()), (KeyAlgorithm::Dsa, 1024));
        for (r, s) in [([1; 20], [1; 20]), ([0xff; 20], [0xff; 20])] {
            let signature = crate::tlv::sequence(&[&integer(&r), &integer(&s)]).unwrap();
            assert!(key.danger_verify(SignatureAlgorithm::DsaSha1, b"m", &signature).is_err());
        }
    }
    let odd_size = PublicKey::from_certificate(&key(&[0xff; 127], &q, &[2], &[3])).unwrap();
    assert_eq!(odd_size.algorithm(), KeyAlgorithm::Other);
    let heir = PublicKey::from_certificate(&spki_der(oid::DSA, None, &integer(&[3])).unwrap());
    let heir = heir.unwrap();
    assert!(heir.inherits_parameters());
    let whole = PublicKey::from_certificate(&key(&p, &q, &[2], &[3])).unwrap();
    assert_eq!(heir.with_parameters_of(&whole).unwrap(), whole);
}

#[test]
fn a_key_is_sound_whatever_hash_it_was_first_used_with() {
    let spki = ec_pair().public_key().as_der().unwrap().as_ref().to_vec();
    let algorithms = [
        SignatureAlgorithm::EcdsaSha1,
        SignatureAlgorithm::EcdsaSha384,
        SignatureAlgorithm::EcdsaSha256,
    ];
    for first in algorithms {
        let key = PublicKey::from_certificate(&spki).unwrap();
        assert_eq!(key.danger_verify(first, b"", b""), Err(BadSignature));
        assert!(key.is_sound(), "{first}");
    }
}
