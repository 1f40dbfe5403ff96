use super::*;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair};

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
    let x25519 = ObjectIdentifier::new_unwrap("1.3.101.110");
    let der = spki_der(x25519, None, &[9; 32]).unwrap();
    assert_eq!(PublicKey::from_spki_der(&der), Err(KeyError::UnsupportedAlgorithm(x25519)));
}
