//! What an issuer may put in a certificate: configuration, read once into a validated profile.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use skink_model::ProfileName;
use skink_x509::{KeyAlgorithm, KeyUsage, ObjectIdentifier, oid};

use crate::span::Span;

mod defaults;
mod names;

pub use defaults::default_profiles;
pub use names::NameRules;

/// No end-entity certificate lives longer, whatever its profile says.
pub(crate) const LONGEST_LIFETIME: Span = Span::days(398);

/// A profile as configuration writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileConfig {
    /// The profile's name.
    pub name: String,
    /// keyUsage by the names of RFC 5280.
    #[serde(default = "defaults::key_usage")]
    pub key_usage: Vec<String>,
    /// Extended key usages: `server_auth`, `client_auth`, `ocsp_signing`, `email`, or an OID.
    pub extended_key_usage: Vec<String>,
    /// What the subject holds.
    #[serde(default)]
    pub subject: SubjectRule,
    /// The lifetime when none is asked for.
    #[serde(default = "defaults::lifetime")]
    pub lifetime: Span,
    /// The longest lifetime that can be asked for.
    #[serde(default = "defaults::max_lifetime")]
    pub max_lifetime: Span,
    /// How far `notBefore` lies back, for slow clocks.
    #[serde(default = "defaults::backdate")]
    pub backdate: Span,
    /// The kinds of keys that are certified.
    #[serde(default = "defaults::key_algorithms")]
    pub key_algorithms: Vec<String>,
    /// The names that are certified.
    #[serde(default)]
    pub names: NameRules,
    /// Whether certificates point to a revocation list and a responder.
    #[serde(default = "defaults::yes")]
    pub revocation: bool,
    /// Whether certificates say that nobody need ask for their revocation (OCSP responders).
    #[serde(default)]
    pub ocsp_nocheck: bool,
}

/// What the subject holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectRule {
    /// The first alternative name that fits, as common name.
    #[default]
    CommonName,
    /// Nothing: the alternative names are the identity.
    Empty,
}

/// Why configuration is no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The name is no profile name.
    #[error("the profile cannot be named like this")]
    Name(#[source] skink_model::BadId),
    /// An unknown key usage, or one that only authorities have.
    #[error("profile {profile}: {usage:?} is no key usage of an end entity")]
    KeyUsage {
        /// The profile.
        profile: ProfileName,
        /// The text.
        usage: String,
    },
    /// An unknown extended key usage, or none at all.
    #[error(
        "profile {profile}: {usage:?} is no extended key usage; known are server_auth, client_auth, ocsp_signing, email, and OIDs"
    )]
    ExtendedKeyUsage {
        /// The profile.
        profile: ProfileName,
        /// The text.
        usage: String,
    },
    /// An unknown key algorithm, or none at all.
    #[error("profile {profile}: no usable key algorithm")]
    KeyAlgorithm {
        /// The profile.
        profile: ProfileName,
        /// What is wrong.
        #[source]
        source: Option<skink_x509::UnknownKeyAlgorithm>,
    },
    /// Lifetimes that do not nest: back-dating < lifetime ≤ longest ≤ 398 days.
    #[error("profile {profile}: lifetime {lifetime} does not fit under {longest}")]
    Lifetime {
        /// The profile.
        profile: ProfileName,
        /// The lifetime.
        lifetime: Span,
        /// What it has to stay under.
        longest: Span,
    },
    /// A rule for names that cannot be read.
    #[error("profile {profile}: {rule:?} is no rule for {kind} names")]
    NameRule {
        /// The profile.
        profile: ProfileName,
        /// The kind of names.
        kind: &'static str,
        /// The rule.
        rule: String,
    },
}

/// A validated profile. Made from a [`ProfileConfig`] and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub(crate) name: ProfileName,
    pub(crate) key_usage: KeyUsage,
    pub(crate) extended_key_usages: Vec<ObjectIdentifier>,
    pub(crate) subject: SubjectRule,
    pub(crate) lifetime: Span,
    pub(crate) max_lifetime: Span,
    pub(crate) backdate: Span,
    pub(crate) key_algorithms: Vec<KeyAlgorithm>,
    pub(crate) names: NameRules,
    pub(crate) revocation: bool,
    pub(crate) ocsp_nocheck: bool,
}

impl Profile {
    /// The profile's name.
    pub const fn name(&self) -> &ProfileName {
        &self.name
    }

    /// The lifetime when none is asked for.
    pub const fn lifetime(&self) -> Span {
        self.lifetime
    }

    /// The extended key usages.
    pub fn extended_key_usages(&self) -> &[ObjectIdentifier] {
        &self.extended_key_usages
    }

    /// The names that are certified.
    pub const fn names(&self) -> &NameRules {
        &self.names
    }
}

impl TryFrom<ProfileConfig> for Profile {
    type Error = ProfileError;

    fn try_from(config: ProfileConfig) -> Result<Self, ProfileError> {
        let name: ProfileName = config.name.parse().map_err(ProfileError::Name)?;
        let key_usage = key_usage(&name, &config.key_usage)?;
        let extended_key_usages = extended_key_usages(&name, &config.extended_key_usage)?;
        let key_algorithms = key_algorithms(&name, &config.key_algorithms)?;
        config.names.check(&name)?;
        let nested = [
            (config.backdate, config.lifetime),
            (config.lifetime, config.max_lifetime),
            (config.max_lifetime, LONGEST_LIFETIME),
        ];
        for (lifetime, longest) in nested {
            if lifetime > longest {
                return Err(ProfileError::Lifetime { profile: name, lifetime, longest });
            }
        }
        Ok(Self {
            name,
            key_usage,
            extended_key_usages,
            subject: config.subject,
            lifetime: config.lifetime,
            max_lifetime: config.max_lifetime,
            backdate: config.backdate,
            key_algorithms,
            names: config.names,
            revocation: config.revocation,
            ocsp_nocheck: config.ocsp_nocheck,
        })
    }
}

fn key_usage(profile: &ProfileName, names: &[String]) -> Result<KeyUsage, ProfileError> {
    let authorities_only = KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN;
    names.iter().try_fold(KeyUsage::NONE, |sum, name| {
        KeyUsage::from_name(name)
            .filter(|usage| !authorities_only.contains(*usage))
            .map(|usage| sum | usage)
            .ok_or_else(|| ProfileError::KeyUsage { profile: profile.clone(), usage: name.clone() })
    })
}

fn extended_key_usages(
    profile: &ProfileName,
    names: &[String],
) -> Result<Vec<ObjectIdentifier>, ProfileError> {
    let unknown = |usage: &str| ProfileError::ExtendedKeyUsage {
        profile: profile.clone(),
        usage: usage.to_owned(),
    };
    if names.is_empty() {
        return Err(unknown(""));
    }
    names
        .iter()
        .map(|name| match name.as_str() {
            "server_auth" => Ok(oid::SERVER_AUTH),
            "client_auth" => Ok(oid::CLIENT_AUTH),
            "ocsp_signing" => Ok(oid::OCSP_SIGNING),
            "email" => Ok(oid::EMAIL_PROTECTION),
            other => ObjectIdentifier::from_str(other)
                .ok()
                // These would be a package key and a key for everything.
                .filter(|id| ![oid::SKINK_TRUST, oid::ANY_EXTENDED_KEY_USAGE].contains(id))
                .ok_or_else(|| unknown(other)),
        })
        .collect()
}

fn key_algorithms(
    profile: &ProfileName,
    names: &[String],
) -> Result<Vec<KeyAlgorithm>, ProfileError> {
    let unusable = |source| ProfileError::KeyAlgorithm { profile: profile.clone(), source };
    if names.is_empty() {
        return Err(unusable(None));
    }
    names.iter().map(|name| name.parse().map_err(|e| unusable(Some(e)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(toml: &str) -> Result<Profile, String> {
        let base = "name = \"server\"\nextended_key_usage = [\"server_auth\"]\n";
        let text = if toml.contains("extended_key_usage") {
            format!("name = \"server\"\n{toml}")
        } else {
            format!("{base}{toml}")
        };
        let config: ProfileConfig = toml::from_str(&text).map_err(|e| e.to_string())?;
        Profile::try_from(config).map_err(|e| e.to_string())
    }

    #[test]
    fn a_short_configuration_is_a_whole_profile() {
        let profile = config("").unwrap();
        assert_eq!(profile.lifetime(), Span::days(30));
        assert_eq!(profile.key_usage, KeyUsage::DIGITAL_SIGNATURE);
        let longer = config("lifetime = \"90d\"\nmax_lifetime = \"180d\"").unwrap();
        assert_eq!(longer.lifetime(), Span::days(90));
    }

    #[test]
    fn what_does_not_fit_is_refused_at_load() {
        for bad in [
            "key_usage = [\"keyCertSign\"]",
            "key_usage = [\"sign\"]",
            "extended_key_usage = []",
            "extended_key_usage = [\"anything\"]",
            "extended_key_usage = [\"1.3.6.1.4.1.61803.1.1\"]",
            "extended_key_usage = [\"2.5.29.37.0\"]",
            "max_lifetime = \"399d\"",
            "lifetime = \"100d\"\nmax_lifetime = \"90d\"",
            "lifetime = \"1m\"",
            "key_algorithms = [\"rsa-1024\"]",
            "key_algorithms = []",
            "lifetimes = \"30d\"",
            "[names]\ndns = [\"a b\"]",
            "[names]\nip = [\"10.0.0.0/64\"]",
        ] {
            assert!(config(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_defaults_are_profiles_and_survive_their_own_text() {
        for config in default_profiles() {
            let text = toml::to_string(&config).unwrap();
            let read: ProfileConfig = toml::from_str(&text).unwrap();
            assert_eq!(read, config);
            Profile::try_from(config).unwrap();
        }
    }
}
