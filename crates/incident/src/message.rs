//! Keyed messages: everything people read comes out of a catalogue, so that languages can follow.

use std::collections::BTreeMap;

/// Values for a message's placeholders.
pub type Arguments<'a> = [(&'a str, String)];

/// A language's messages by key.
#[derive(Clone, Debug)]
pub struct Catalogue {
    language: String,
    messages: BTreeMap<String, String>,
}

/// Why a text is not a catalogue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownMessage {
    /// It is not a JSON object of texts.
    #[error("the catalogue for {language} is not a JSON object of texts")]
    Malformed {
        /// The language.
        language: String,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A message that English has is missing.
    #[error("the catalogue for {language} lacks {key:?}")]
    Missing {
        /// The language.
        language: String,
        /// The key.
        key: String,
    },
}

const ENGLISH: &str = include_str!("../messages/en.json");

impl Catalogue {
    /// The English messages, which are always whole.
    pub fn english() -> Self {
        let messages = serde_json::from_str(ENGLISH).unwrap_or_default();
        Self { language: "en".to_owned(), messages }
    }

    /// Another language's messages; refused unless every message that English has is there.
    pub fn from_json(language: &str, json: &str) -> Result<Self, UnknownMessage> {
        let messages: BTreeMap<String, String> = serde_json::from_str(json).map_err(|source| {
            UnknownMessage::Malformed { language: language.to_owned(), source }
        })?;
        let english = Self::english().messages;
        if let Some(key) = english.into_keys().find(|key| !messages.contains_key(key)) {
            return Err(UnknownMessage::Missing { language: language.to_owned(), key });
        }
        Ok(Self { language: language.to_owned(), messages })
    }

    /// The language's tag.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// Whether there is a message of this key.
    pub fn has(&self, key: &str) -> bool {
        self.messages.contains_key(key)
    }

    /// A message with its placeholders filled; the key itself where there is no message, so that
    /// a missing text never keeps an incident from telling what it knows.
    pub fn text(&self, key: &str, arguments: &Arguments<'_>) -> String {
        let Some(message) = self.messages.get(key) else { return key.to_owned() };
        let fill = |text: String, (name, value): &(&str, String)| {
            text.replace(&format!("{{{name}}}"), value)
        };
        arguments.iter().fold(message.clone(), fill)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_is_a_catalogue_and_fills_placeholders() {
        let english = Catalogue::english();
        assert_eq!(english.language(), "en");
        let text = english.text("effect.taint", &[("authority", "workloads-g1".to_owned())]);
        assert!(text.contains("workloads-g1") && !text.contains('{'), "{text}");
        assert_eq!(english.text("no.such.key", &[]), "no.such.key");
    }

    #[test]
    fn a_language_with_holes_is_refused() {
        assert!(matches!(
            Catalogue::from_json("de", r#"{"step.triage": "Sichten"}"#),
            Err(UnknownMessage::Missing { .. })
        ));
        assert!(Catalogue::from_json("de", "[]").is_err());
        assert!(Catalogue::from_json("xx", ENGLISH).is_ok());
    }
}
