//! Symmetric keys, and the calls that use them.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::crypto::crc32c;
use super::words::LEVELS;
use super::world::{Answered, Asked, World, enabled, invalid, key_name, version_name};

/// What the service takes in software, plaintext and context together.
const LONGEST: usize = 64 << 10;

impl World {
    /// By the primary version, or by the one that is named.
    pub(super) fn encrypt(&mut self, asked: &Asked<'_>) -> Answered {
        let plaintext = bytes(asked.body, "plaintext")?;
        let context = bytes(asked.body, "additionalAuthenticatedData")?;
        if plaintext.len() + context.len() > LONGEST {
            return Err(invalid("The plaintext and its context are longer than 64 KiB."));
        }
        let checked = [
            checked(asked.body, "plaintextCrc32c", &plaintext)?,
            checked(asked.body, "additionalAuthenticatedDataCrc32c", &context)?,
        ];
        let bound = [key_name(asked).as_bytes(), &context].concat();
        let named = asked.version.parse().ok();
        let key = self.symmetric(asked)?;
        let number = named.unwrap_or(key.primary);
        let name = version_name(asked, number);
        let version = key.versions.get(number - 1).ok_or_else(|| invalid("no such version"))?;
        enabled(&name, version.state)?;
        let mut body = plaintext;
        let sealing = RandomizedNonceKey::new(&AES_256_GCM, &version.secret).unwrap();
        let nonce = sealing.seal_in_place_append_tag(Aad::from(bound), &mut body).unwrap();
        let ciphertext = [&[u8::try_from(number).unwrap()], &nonce.as_ref()[..], &body].concat();
        Ok(json!({
            "name": name,
            "ciphertextCrc32c": crc32c(&ciphertext).to_string(),
            "ciphertext": STANDARD.encode(ciphertext),
            "verifiedPlaintextCrc32c": checked[0],
            "verifiedAdditionalAuthenticatedDataCrc32c": checked[1],
            "protectionLevel": LEVELS.write(key.level, asked.numbers),
        }))
    }

    /// By whichever version it was.
    pub(super) fn decrypt(&mut self, asked: &Asked<'_>) -> Answered {
        let ciphertext = bytes(asked.body, "ciphertext")?;
        let context = bytes(asked.body, "additionalAuthenticatedData")?;
        checked(asked.body, "ciphertextCrc32c", &ciphertext)?;
        checked(asked.body, "additionalAuthenticatedDataCrc32c", &context)?;
        let bound = [key_name(asked).as_bytes(), &context].concat();
        let foreign = || invalid("Decryption failed: the ciphertext is invalid.");
        let key = self.symmetric(asked)?;
        let (number, rest) = ciphertext.split_first().ok_or_else(foreign)?;
        let number = usize::from(*number);
        let at = number.checked_sub(1).ok_or_else(foreign)?;
        let version = key.versions.get(at).ok_or_else(foreign)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(foreign)?;
        let mut body = body.to_vec();
        let opening = RandomizedNonceKey::new(&AES_256_GCM, &version.secret).unwrap();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = opening.open_in_place(nonce, Aad::from(bound), &mut body);
        let plaintext = opened.map_err(|_| foreign())?;
        enabled(&version_name(asked, number), version.state)?;
        Ok(json!({
            "plaintextCrc32c": crc32c(plaintext).to_string(),
            "plaintext": STANDARD.encode(plaintext),
            "usedPrimary": number == key.primary,
            "protectionLevel": LEVELS.write(key.level, asked.numbers),
        }))
    }

    pub(super) fn elect(&mut self, asked: &Asked<'_>) -> Answered {
        let wanted = asked.body["cryptoKeyVersionId"].as_str().and_then(|text| text.parse().ok());
        let key = self.symmetric(asked)?;
        let there = wanted.filter(|number| (1..=key.versions.len()).contains(number));
        key.primary = there.ok_or_else(|| invalid("no such version"))?;
        Ok(key.show(&key_name(asked), asked.numbers))
    }
}

fn bytes(body: &Value, field: &str) -> Result<Vec<u8>, super::Refused> {
    let decoded = STANDARD.decode(body[field].as_str().unwrap_or_default());
    decoded.map_err(|_| invalid("Base64 decoding failed"))
}

/// Whether a checksum was given, which must then be right.
fn checked(body: &Value, field: &str, bytes: &[u8]) -> Result<bool, super::Refused> {
    let told = &body[field];
    match told.as_str().and_then(|text| text.parse().ok()).or_else(|| told.as_i64()) {
        None => Ok(false),
        Some(told) if told == i64::from(crc32c(bytes)) => Ok(true),
        Some(_) => Err(invalid(&format!("The checksum in field {field} did not match."))),
    }
}
