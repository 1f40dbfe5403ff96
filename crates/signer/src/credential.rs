//! What opens a key file.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// A secret text that opens software keys: 32 random bytes in hexadecimal, or a passphrase.
#[derive(Clone)]
pub struct Credential(SecretString);

impl Credential {
    /// A credential of 32 random bytes, in hexadecimal.
    pub fn generate() -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        aws_lc_rs::rand::fill(bytes.as_mut())?;
        Ok(Self(hex::encode(bytes.as_ref()).into()))
    }

    /// The credential that `text` is; surrounding white space, as a file would add, does not count.
    pub fn from_text(text: &str) -> Self {
        Self(text.trim().to_owned().into())
    }

    /// The secret itself. For the file it is kept in and for the key derivation only.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<SecretString> for Credential {
    fn from(secret: SecretString) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_differ_and_hide_from_debug() {
        let (one, two) = (Credential::generate().unwrap(), Credential::generate().unwrap());
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.expose().len(), 64);
        assert!(!format!("{one:?}").contains(&one.expose()[..8]));
        assert_eq!(Credential::from_text(" a b\n").expose(), "a b");
    }
}
