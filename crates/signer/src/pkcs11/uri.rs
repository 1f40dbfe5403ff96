//! RFC 7512, as far as it names keys.

use crate::provider::ProviderError;
use crate::uri::KeyUri;

use super::SCHEME;

/// What the URI says of a key. What it does not say fits every key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pkcs11Uri {
    pub(super) token: Option<String>,
    pub(super) object: Option<String>,
    pub(super) id: Option<Vec<u8>>,
    pub(super) module_path: Option<String>,
    pub(super) pin_source: Option<String>,
}

impl Pkcs11Uri {
    pub(super) fn parse(uri: &KeyUri) -> Result<Self, ProviderError> {
        let bad = |reason| ProviderError::BadUri { key: uri.clone(), reason };
        if uri.scheme() != SCHEME {
            return Err(bad("it has another scheme"));
        }
        let (path, query) = uri.name().split_once('?').unwrap_or((uri.name(), ""));
        let mut found = Self::default();
        for part in path.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| bad("write name=value"))?;
            let bytes = unescaped(value).ok_or_else(|| bad("a % is not followed by two digits"))?;
            let text = || String::from_utf8(bytes.clone()).map_err(|_| bad("it is no UTF-8"));
            match name {
                "token" => found.token = Some(text()?),
                "object" => found.object = Some(text()?),
                "id" => found.id = Some(bytes),
                "type" if matches!(value, "private" | "public") => {}
                // Passing over what narrows the choice would choose another key.
                _ => return Err(bad("only token, object, id and type are known")),
            }
        }
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| bad("write name=value"))?;
            let text = unescaped(value).and_then(|bytes| String::from_utf8(bytes).ok());
            let text = text.ok_or_else(|| bad("it is no UTF-8"))?;
            match name {
                "module-path" => found.module_path = Some(text),
                "pin-source" => found.pin_source = Some(text),
                _ => return Err(bad("only module-path and pin-source are known")),
            }
        }
        Ok(found)
    }
}

/// The URI of one key and no other.
pub(super) fn pinned(token: &str, object: &str, id: &[u8]) -> Result<KeyUri, ProviderError> {
    let mut escaped_id = String::with_capacity(3 * id.len());
    for pair in hex::encode(id).as_bytes().chunks(2) {
        escaped_id.push('%');
        escaped_id.extend(pair.iter().copied().map(char::from));
    }
    let name = format!("token={};object={};id={escaped_id}", escaped(token), escaped(object));
    KeyUri::new(SCHEME, &name).map_err(|_| ProviderError::BadName { name: object.to_owned() })
}

/// The URI of a token.
pub(super) fn of_token(token: &str) -> Result<KeyUri, ProviderError> {
    KeyUri::new(SCHEME, &format!("token={}", escaped(token)))
        .map_err(|_| ProviderError::BadName { name: token.to_owned() })
}

/// Whether a new key may have this name.
pub(super) fn name_fits(name: &str) -> bool {
    let plain =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    let begins = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    begins && name.len() <= 64 && name.bytes().all(plain)
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02x}"),
        })
        .collect()
}

fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let mut one = [0];
        hex::decode_to_slice(digits, &mut one).ok()?;
        bytes.extend(one);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_out_of_uris() {
        let uri = pinned("Skink CA; 1", "workloads-g1", &[0, 0xfe]).unwrap();
        assert_eq!(uri.as_str(), "pkcs11:token=Skink%20CA%3b%201;object=workloads-g1;id=%00%fe");
        let read = Pkcs11Uri::parse(&uri).unwrap();
        assert_eq!(read.token.as_deref(), Some("Skink CA; 1"));
        assert_eq!(read.object.as_deref(), Some("workloads-g1"));
        assert_eq!(read.id.as_deref(), Some(&[0, 0xfe][..]));
        let uri = "pkcs11:token=a;object=b?module-path=/lib/x.so&pin-source=file:/run/pin";
        let read = Pkcs11Uri::parse(&uri.parse().unwrap()).unwrap();
        assert_eq!(read.module_path.as_deref(), Some("/lib/x.so"));
        assert_eq!(read.pin_source.as_deref(), Some("file:/run/pin"));
    }

    #[test]
    fn what_would_widen_the_choice_is_refused() {
        for bad in [
            "pkcs11:object",
            "pkcs11:token=a;object=%2",
            "pkcs11:token=a;object=%zz",
            "pkcs11:serial=1;object=b",
            "pkcs11:object=b?x-other=1",
            "software:object=b",
        ] {
            assert!(Pkcs11Uri::parse(&bad.parse().unwrap()).is_err(), "{bad}");
        }
    }
}
