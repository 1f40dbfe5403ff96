//! Secrets in the ways that somebody might write them, and where they turn up.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// How many bytes of a form are looked up at once.
const KEY: usize = 8;

/// Something that nobody else may read.
pub(crate) struct Secret {
    pub(crate) name: String,
    /// The beginning of the paths where it is at home, if it lies anywhere in the clear.
    pub(crate) home: Option<String>,
    forms: Vec<Vec<u8>>,
}

impl Secret {
    pub(crate) fn new(name: impl Into<String>, bytes: &[u8]) -> Self {
        assert!(bytes.len() >= 16, "too short to be told from chance");
        let mut forms = forms_of(bytes);
        // A secret that is hex on the disk is its bytes somewhere else.
        if let Ok(bytes) = hex::decode(bytes) {
            forms.extend(forms_of(&bytes));
        }
        Self { name: name.into(), home: None, forms }
    }

    pub(crate) fn at_home_in(mut self, home: impl Into<String>) -> Self {
        self.home = Some(home.into());
        self
    }
}

fn forms_of(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut forms =
        vec![bytes.to_vec(), hex::encode(bytes).into(), hex::encode_upper(bytes).into()];
    // In base64 a secret looks different at each of three offsets; its ends blend into what is
    // beside it.
    for offset in 0..3 {
        let padded = [&vec![0; offset][..], bytes].concat();
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let text = engine.encode(&padded).into_bytes();
            forms.push(text[4..text.len() - 2].to_vec());
        }
    }
    let decimal: Vec<String> = bytes.iter().map(u8::to_string).collect();
    forms.push(decimal.join(",").into_bytes());
    forms.push(decimal.join(", ").into_bytes());
    forms
}

/// Looks for many secrets at once.
pub(crate) struct Search<'a> {
    by_beginning: HashMap<[u8; KEY], Vec<(&'a Secret, &'a [u8])>>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(secrets: &'a [Secret]) -> Self {
        let mut by_beginning: HashMap<_, Vec<_>> = HashMap::new();
        for secret in secrets {
            for form in &secret.forms {
                by_beginning
                    .entry(beginning(form).unwrap())
                    .or_default()
                    .push((secret, form.as_slice()));
            }
        }
        Self { by_beginning }
    }

    /// The secrets in it; also where line breaks cut through them.
    pub(crate) fn found_in(&self, haystack: &[u8]) -> Vec<&'a Secret> {
        let mut found = self.literally_in(haystack);
        found.extend(self.literally_in(&unwrapped(haystack)));
        found
    }

    fn literally_in(&self, haystack: &[u8]) -> Vec<&'a Secret> {
        let mut found = Vec::new();
        for at in 0..haystack.len() {
            let rest = &haystack[at..];
            let Some(candidates) = beginning(rest).and_then(|key| self.by_beginning.get(&key))
            else {
                continue;
            };
            let here = candidates.iter().filter(|(_, form)| rest.starts_with(form));
            found.extend(here.map(|(secret, _)| *secret));
        }
        found
    }
}

fn beginning(bytes: &[u8]) -> Option<[u8; KEY]> {
    bytes.first_chunk().copied()
}

/// Without line breaks, those of JSON included: PEM breaks its lines.
fn unwrapped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        rest = match rest {
            [b'\\', b'n' | b'r', behind @ ..] | [b'\n' | b'\r', behind @ ..] => behind,
            _ => {
                out.push(*first);
                behind
            }
        };
    }
    out
}

#[test]
fn a_secret_is_recognised_in_every_form() {
    let bytes: Vec<u8> = (7..39).collect();
    let secrets = [Secret::new("it", &bytes), Secret::new("another", &[200; 32])];
    let search = Search::new(&secrets);
    let long = STANDARD_NO_PAD.encode([b"some bytes", &bytes[..], b"and others"].concat());
    let forms: Vec<Vec<u8>> = vec![
        bytes.clone(),
        hex::encode(&bytes).into(),
        hex::encode_upper(&bytes).into(),
        STANDARD_NO_PAD.encode([b"x", &bytes[..]].concat()).into(),
        URL_SAFE_NO_PAD.encode([b"xy", &bytes[..], b"z"].concat()).into(),
        format!("{bytes:?}").into(),
        serde_json::to_vec(&bytes).unwrap(),
        [&long[..30], "\n", &long[30..]].concat().into(),
        [&long[..30], "\\n", &long[30..]].concat().into(),
    ];
    for form in forms {
        let hidden = [b"before", &form[..], b"after"].concat();
        let found = search.found_in(&hidden);
        let shown = String::from_utf8_lossy(&form);
        assert!(!found.is_empty() && found.iter().all(|one| one.name == "it"), "{shown}");
    }
    assert!(search.found_in(b"nothing of the kind").is_empty());
    assert!(search.found_in(&bytes[1..]).is_empty(), "a part is not the whole");
}

#[test]
fn hex_on_the_disk_is_recognised_as_bytes_too() {
    let bytes: Vec<u8> = (60..92).collect();
    let secrets = [Secret::new("it", hex::encode(&bytes).as_bytes())];
    let search = Search::new(&secrets);
    assert!(!search.found_in(&bytes).is_empty());
    assert!(!search.found_in(hex::encode(&bytes).as_bytes()).is_empty());
}
