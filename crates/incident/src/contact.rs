//! Who is told.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A group of people who are told the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Those who decide.
    Management,
    /// Those who operate.
    Operations,
    /// Owners of affected endpoints.
    Owners,
    /// Partners and customers.
    Outside,
    /// Supervisory authorities.
    Authorities,
}

impl Audience {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 5] =
        [Self::Management, Self::Operations, Self::Owners, Self::Outside, Self::Authorities];

    /// The name that people and programs use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Management => "management",
            Self::Operations => "operations",
            Self::Owners => "owners",
            Self::Outside => "outside",
            Self::Authorities => "authorities",
        }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One entry of the contact book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// By which a declaration can leave them out.
    pub name: String,
    /// In which they are.
    pub audiences: BTreeSet<Audience>,
    /// Where they are reached.
    pub address: String,
    /// The language they read, as a tag.
    #[serde(default = "english")]
    pub language: String,
}

fn english() -> String {
    "en".to_owned()
}

/// Everybody who may have to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactBook {
    /// The entries.
    #[serde(default)]
    pub contact: Vec<Contact>,
}

impl ContactBook {
    /// Who of an audience is told, and who is left out on purpose.
    pub fn of(
        &self,
        audience: Audience,
        leave_out: &BTreeSet<String>,
    ) -> (Vec<&Contact>, Vec<&Contact>) {
        let all = self.contact.iter().filter(|contact| contact.audiences.contains(&audience));
        all.partition(|contact| !leave_out.contains(&contact.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_can_be_left_out() {
        let entry = |name: &str| Contact {
            name: name.to_owned(),
            audiences: [Audience::Management].into(),
            address: format!("{name}@example.com"),
            language: english(),
        };
        let book = ContactBook { contact: vec![entry("ada"), entry("mallory")] };
        let (told, left_out) = book.of(Audience::Management, &["mallory".to_owned()].into());
        assert_eq!(told.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["ada"]);
        assert_eq!(left_out.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["mallory"]);
        assert!(book.of(Audience::Outside, &BTreeSet::new()).0.is_empty());
    }
}
