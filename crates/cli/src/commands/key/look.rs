//! Making a key, looking at it, and one signature.

use anyhow::{Result, bail};
use serde::Serialize;
use skink_signer::{KeyAttributes, KeyOrigin, KeyUri, Protection, ProviderError, name_of};
use skink_x509::PublicKey;

use super::attempt::Attempts;
use super::direct::{Create, Show, Test};
use super::place::{Place, failed};
use crate::table::{Facts, yes};
use crate::{Failure, Output, when};

/// A key, as its provider tells.
#[derive(Debug, Serialize)]
struct Shown {
    /// Pinned.
    key: KeyUri,
    algorithm: String,
    state: Option<&'static str>,
    protection: Option<&'static str>,
    created_ms: Option<i64>,
    origin: Option<&'static str>,
    exportable: Option<bool>,
    version: Option<String>,
    versions: Vec<KeyUri>,
    destroyed_at_ms: Option<i64>,
    policy: Option<String>,
    key_digest: Option<String>,
    /// PEM.
    public_key: Option<String>,
}

const CREATED_BY_SERVER: &str = "the server makes software keys itself: `skink authority ceremony \
    request`; or stop it first";

pub(super) async fn create(create: Create, out: Output) -> Result<()> {
    let mut place = Place::open_to_change(&create.target, CREATED_BY_SERVER)?;
    if let Some(protection) = create.protection {
        place.protect(&create.target, protection)?;
    }
    let wanted = &place.key;
    refuse_what_is_no_name(wanted)?;
    let name = name_of(wanted).map_err(|error| failed(wanted, "cannot make", error))?;
    if create.dry_run {
        return would_create(&place, &create, &name, out).await;
    }
    let made = place.provider.create(&name, create.algorithm).await;
    let key = made.map_err(|error| failed(wanted, "cannot make", error))?;
    // It is made: whatever cannot be read now, its name is told.
    let public = place.provider.public_key(&key).await.ok();
    let mut shown = Shown::of_public(key, create.algorithm.to_string(), public.as_ref());
    shown.state = Some("enabled");
    out.show(&shown, || shown.facts().to_string() + shown.public_key.as_deref().unwrap_or_default())
}

async fn would_create(place: &Place, create: &Create, name: &str, out: Output) -> Result<()> {
    match place.provider.find(&place.key).await {
        Err(ProviderError::UnknownKey { .. }) => {}
        Ok(key) => return Err(place.failed("cannot make", ProviderError::NameTaken { key })),
        Err(error) => return Err(place.failed("cannot look for", error)),
    }
    let would = serde_json::json!({
        "key": place.key, "name": name, "algorithm": create.algorithm.as_str(), "dry_run": true,
    });
    out.show(&would, || {
        format!(
            "would make {} ({}); the name is free; nothing was made",
            place.key, create.algorithm
        )
    })
}

/// A URI that says more than a name would be made without what it says.
pub(super) fn refuse_what_is_no_name(key: &KeyUri) -> Result<()> {
    let says_more = match key.scheme() {
        "vault" => key.name().contains('?'),
        "pkcs11" => key.name().split([';', '?']).any(|part| part.starts_with("id=")),
        "gcpkms" => key.name().contains("/cryptoKeyVersions/"),
        "awskms" => !(key.name().starts_with("alias/") || key.name().contains(":alias/")),
        _ => false,
    };
    if says_more {
        bail!(Failure::Usage {
            what: format!("{key} names one key and no other: it cannot be made"),
            hint: "leave the version or id out: the answer has it; at AWS name an alias".into(),
        });
    }
    Ok(())
}

pub(super) async fn show(show: Show, out: Output) -> Result<()> {
    let place = Place::open(&show.target)?;
    let key = place.find().await?;
    let public = place.provider.public_key(&key).await;
    if show.pem && !out.is_json() {
        let public =
            public.map_err(|error| failed(&key, "cannot read the public half of", error))?;
        Output::raw(&public.to_pem());
        return Ok(());
    }
    let told = place.provider.attributes(&key).await;
    let told = told.map_err(|error| failed(&key, "cannot read", error))?;
    let versions = place.provider.versions(&key).await;
    let versions = versions.map_err(|error| failed(&key, "cannot read the versions of", error))?;
    let mut shown = Shown::of_public(key, told.algorithm.to_string(), public.ok().as_ref());
    shown.told(told);
    shown.versions = versions;
    out.show(&shown, || shown.facts().to_string())
}

pub(super) async fn test(test: Test, out: Output) -> Result<()> {
    let place = Place::open(&test.target)?;
    let key = place.find().await?;
    let tried = Attempts::open(&test.ledger.ledger, place.provider)?.one(&key).await?;
    out.show(&tried, || tried.facts().to_string())?;
    tried.judge()
}

impl Shown {
    fn of_public(key: KeyUri, algorithm: String, public: Option<&PublicKey>) -> Self {
        Self {
            key,
            algorithm,
            state: None,
            protection: None,
            created_ms: None,
            origin: None,
            exportable: None,
            version: None,
            versions: Vec::new(),
            destroyed_at_ms: None,
            policy: None,
            key_digest: public.map(|public| public.digest().to_string()),
            public_key: public.map(PublicKey::to_pem),
        }
    }

    fn told(&mut self, told: KeyAttributes) {
        self.state = Some(told.state.as_str());
        self.protection = told.protection.map(protection);
        self.created_ms = told.created.map(skink_model::Time::as_millis);
        self.origin = told.origin.map(|origin| match origin {
            KeyOrigin::Generated => "generated",
            KeyOrigin::Imported => "imported",
        });
        self.exportable = told.exportable;
        self.version = told.version;
        self.destroyed_at_ms = told.destroyed_at.map(skink_model::Time::as_millis);
        self.policy = told.policy;
    }

    fn facts(&self) -> Facts {
        let facts = Facts::default()
            .fact("key", &self.key)
            .fact("algorithm", &self.algorithm)
            .maybe("state", self.state)
            .maybe("kept in", self.protection)
            .maybe("made at", self.created_ms.map(when::show))
            .maybe("origin", self.origin)
            .maybe("can be read out", self.exportable.map(yes))
            .maybe("version", self.version.as_ref())
            .maybe("destroyed at", self.destroyed_at_ms.map(when::show))
            .maybe("policy", self.policy.as_ref())
            .maybe("key digest", self.key_digest.as_ref());
        if self.versions.len() < 2 {
            return facts;
        }
        self.versions.iter().fold(facts, |facts, version| facts.fact("has version", version))
    }
}

const fn protection(protection: Protection) -> &'static str {
    match protection {
        Protection::Software => "software",
        Protection::SharedHardware => "shared hardware",
        Protection::Hardware => "hardware",
        Protection::External => "outside the service",
    }
}
