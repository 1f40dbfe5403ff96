//! Between what key services say and what X.509 says.

use skink_x509::KeyAlgorithm;

/// Parameters of curves as a token takes them: named curves, and for Ed25519 the curve's name in a
/// `PrintableString`, which is what tokens understand who know no OID for it.
pub(crate) const fn curve(algorithm: KeyAlgorithm) -> Option<&'static [u8]> {
    Some(match algorithm {
        KeyAlgorithm::EcP256 => P256,
        KeyAlgorithm::EcP384 => P384,
        KeyAlgorithm::EcP521 => P521,
        KeyAlgorithm::Ed25519 => b"\x13\x0cedwards25519",
        _ => return None,
    })
}

const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];
const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
const RSA_AND_NULL: &[u8] =
    &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// The `SubjectPublicKeyInfo` of an elliptic key, from its parameters and its point. Tokens wrap the
/// point in an OCTET STRING, as the standard says, or forget to.
pub(crate) fn spki_of_point(parameters: &[u8], point: &[u8]) -> Option<Vec<u8>> {
    let edwards = parameters == curve(KeyAlgorithm::Ed25519)? || parameters == ED25519;
    let length = match parameters {
        P256 => 65,
        P384 => 97,
        P521 => 133,
        _ if edwards => 32,
        _ => return None,
    };
    let wrapped = || (point.first() == Some(&0x04)).then(|| content(point)).flatten();
    let point = if point.len() == length { point } else { wrapped()? };
    if point.len() != length {
        return None;
    }
    let algorithm = if edwards { ED25519.to_vec() } else { [EC_PUBLIC_KEY, parameters].concat() };
    Some(spki(&algorithm, point))
}

/// The `SubjectPublicKeyInfo` of an RSA key.
pub(crate) fn spki_of_rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let numbers = [integer(modulus), integer(exponent)].concat();
    spki(RSA_AND_NULL, &tlv(0x30, &numbers))
}

fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let bits = [&[0][..], key].concat();
    tlv(0x30, &[tlv(0x30, algorithm), tlv(0x03, &bits)].concat())
}

/// X.509's form of an ECDSA signature that a token gave as two numbers of equal length.
pub(crate) fn ecdsa_to_der(raw: &[u8]) -> Option<Vec<u8>> {
    if raw.is_empty() || !raw.len().is_multiple_of(2) {
        return None;
    }
    let (r, s) = raw.split_at(raw.len() / 2);
    Some(tlv(0x30, &[integer(r), integer(s)].concat()))
}

/// The other way round, each number `length` bytes long.
pub(crate) fn ecdsa_from_der(der: &[u8], length: usize) -> Option<Vec<u8>> {
    let numbers = content(der)?;
    let r = content(numbers)?;
    let s = content(numbers.get(r.len() + 2..)?)?;
    let mut raw = Vec::with_capacity(2 * length);
    for number in [r, s] {
        let number = without_zeros(number);
        raw.resize(raw.len() + length.checked_sub(number.len())?, 0);
        raw.extend_from_slice(number);
    }
    Some(raw)
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

fn integer(number: &[u8]) -> Vec<u8> {
    let number = without_zeros(number);
    let sign: &[u8] = if number.first().is_none_or(|first| first & 0x80 != 0) { &[0] } else { &[] };
    tlv(0x02, &[sign, number].concat())
}

/// The content of the first element in DER, lengths up to 65,535.
fn content(der: &[u8]) -> Option<&[u8]> {
    let (length, header) = match *der.get(1)? {
        short @ 0..=0x7f => (usize::from(short), 2),
        0x81 => (usize::from(*der.get(2)?), 3),
        0x82 => (usize::from(*der.get(2)?) << 8 | usize::from(*der.get(3)?), 4),
        _ => return None,
    };
    der.get(header..header + length)
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let bytes = content.len().to_be_bytes();
    let length = without_zeros(&bytes);
    let mut der = vec![tag];
    match length {
        [] => der.push(0),
        [one @ 0..=0x7f] => der.push(*one),
        long => {
            der.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            der.extend_from_slice(long);
        }
    }
    der.extend_from_slice(content);
    der
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecdsa_signatures_go_both_ways() {
        for (r, s) in [([0x80; 32], [0x01; 32]), ([0; 32], [0xff; 32])] {
            let raw = [r, s].concat();
            let der = ecdsa_to_der(&raw).unwrap();
            assert_eq!(ecdsa_from_der(&der, 32).unwrap(), raw);
        }
        let long = vec![0x81; 132];
        assert_eq!(ecdsa_from_der(&ecdsa_to_der(&long).unwrap(), 66).unwrap(), long);
        assert!(ecdsa_to_der(&[1, 2, 3]).is_none());
        assert!(ecdsa_from_der(&[0x30, 0x82], 32).is_none());
    }

    #[test]
    fn points_are_taken_wrapped_or_bare() {
        let point = [&[0x04][..], &[7; 64]].concat();
        let wrapped = tlv(0x04, &point);
        assert_eq!(spki_of_point(P256, &point), spki_of_point(P256, &wrapped));
        assert_eq!(spki_of_point(P256, &point).unwrap().len(), 91);
        assert!(spki_of_point(P256, &point[1..]).is_none());
    }
}
