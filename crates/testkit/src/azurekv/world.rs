//! Keys and their versions, and what becomes of them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::crypto::{Kind, Pair};
use super::refusal::{Refusal, Refused, missing};
use super::{base64url, random_hex};

/// The fake's day: it never ends.
const NOW: i64 = 1_767_225_600;
const DAY: i64 = 24 * 60 * 60;
/// The service may give fewer at a time than were asked for.
const LONGEST_PAGE: usize = 5;
/// It refuses to be asked for more.
const LARGEST_PAGE: usize = 25;

/// Names are the same in whatever case they are written.
pub(super) struct World {
    base: String,
    keys: BTreeMap<String, Key>,
    deleted: BTreeMap<String, Deleted>,
    /// How often a key that is deleted or brought back is looked at before it is.
    pub(super) looks: u32,
    /// For how many days what is deleted can be brought back.
    pub(super) keep_days: i64,
}

struct Key {
    name: String,
    /// The oldest first.
    versions: Vec<Version>,
    /// How often it is still looked for in vain: it is being brought back.
    absent: u32,
}

struct Version {
    id: String,
    pair: Pair,
    hardware: bool,
    enabled: bool,
    operations: Value,
    tags: Value,
}

struct Deleted {
    key: Key,
    keep_days: i64,
    /// How often it is still looked for in vain: it is being deleted.
    absent: u32,
}

/// A request about a key, taken apart.
pub(super) struct Asked<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) query: &'a BTreeMap<String, String>,
    pub(super) body: &'a Value,
}

/// Null is no answer at all.
pub(super) type Answered = Result<Value, Refused>;

impl World {
    pub(super) fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            keys: BTreeMap::new(),
            deleted: BTreeMap::new(),
            looks: 0,
            keep_days: 90,
        }
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Of a name that is there, another version.
    pub(super) fn create(&mut self, asked: &Asked<'_>) -> Answered {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if asked.name.len() > 127 || !asked.name.bytes().all(plain) {
            let words = "The request URI contains an invalid name.";
            return Err(Refusal::BadParameter.because(words));
        }
        self.is_free(asked.name)?;
        let version = Version::asked(asked.body)?;
        let name = asked.name.to_owned();
        let new = || Key { name, versions: Vec::new(), absent: 0 };
        let key = self.keys.entry(asked.name.to_ascii_lowercase()).or_insert_with(new);
        key.versions.push(version);
        Ok(self.show(asked.name, None))
    }

    pub(super) fn rotate(&mut self, asked: &Asked<'_>) -> Answered {
        let key = self.key(asked.name)?;
        let last = key.versions.last().unwrap();
        let version = Version {
            id: random_hex(),
            pair: last.pair.another(),
            hardware: last.hardware,
            enabled: true,
            operations: last.operations.clone(),
            tags: last.tags.clone(),
        };
        key.versions.push(version);
        Ok(self.show(asked.name, None))
    }

    pub(super) fn get(&mut self, asked: &Asked<'_>) -> Answered {
        let place = self.place(asked)?;
        Ok(self.show(asked.name, Some(place)))
    }

    pub(super) fn update(&mut self, asked: &Asked<'_>) -> Answered {
        let place = self.place(asked)?;
        let version = &mut self.key(asked.name)?.versions[place];
        if let Some(enabled) = asked.body["attributes"]["enabled"].as_bool() {
            version.enabled = enabled;
        }
        if asked.body["key_ops"].is_array() {
            version.operations = asked.body["key_ops"].clone();
        }
        if asked.body["tags"].is_object() {
            version.tags = asked.body["tags"].clone();
        }
        Ok(self.show(asked.name, Some(place)))
    }

    /// With all of its versions.
    pub(super) fn delete(&mut self, asked: &Asked<'_>) -> Answered {
        self.key(asked.name)?;
        let id = asked.name.to_ascii_lowercase();
        let key = self.keys.remove(&id).unwrap();
        let deleted = Deleted { key, keep_days: self.keep_days, absent: self.looks };
        let shown = deleted.show(&self.base);
        self.deleted.insert(id, deleted);
        Ok(shown)
    }

    pub(super) fn get_deleted(&mut self, asked: &Asked<'_>) -> Answered {
        let words = format!("Deleted Key not found: {}", asked.name);
        let unknown = || Refusal::KeyNotFound.because(&words);
        let id = asked.name.to_ascii_lowercase();
        let deleted = self.deleted.get_mut(&id).ok_or_else(unknown)?;
        if deleted.absent > 0 {
            deleted.absent -= 1;
            return Err(unknown());
        }
        Ok(deleted.show(&self.base))
    }

    pub(super) fn recover(&mut self, asked: &Asked<'_>) -> Answered {
        self.is_deleted(asked.name)?;
        let id = asked.name.to_ascii_lowercase();
        let Deleted { mut key, .. } = self.deleted.remove(&id).unwrap();
        key.absent = self.looks;
        self.keys.insert(id, key);
        Ok(self.show(asked.name, None))
    }

    pub(super) fn purge(&mut self, asked: &Asked<'_>) -> Answered {
        self.is_deleted(asked.name)?;
        self.deleted.remove(&asked.name.to_ascii_lowercase());
        Ok(Value::Null)
    }

    pub(super) fn sign(&mut self, asked: &Asked<'_>) -> Answered {
        let version = self.usable(asked, "sign")?;
        if !version.enabled {
            let words = "Operation sign is not allowed on a disabled key.";
            return Err(Refusal::Forbidden.precisely("KeyDisabled", words));
        }
        let digest = bytes(&asked.body["value"], "value")?;
        let signature = version.pair.sign(text(&asked.body["alg"]), &digest)?;
        let kid = self.kid(asked.name, Some(self.find(asked)?));
        Ok(json!({ "kid": kid, "value": base64url(&signature) }))
    }

    /// It goes by the public half, and so with a disabled key too.
    pub(super) fn verify(&mut self, asked: &Asked<'_>) -> Answered {
        let version = self.usable(asked, "verify")?;
        let digest = bytes(&asked.body["digest"], "digest")?;
        let signature = bytes(&asked.body["value"], "value")?;
        let good = version.pair.verify(text(&asked.body["alg"]), &digest, &signature)?;
        Ok(json!({ "value": good }))
    }

    pub(super) fn list(&mut self, asked: &Asked<'_>) -> Answered {
        let here = self.keys.values().filter(|key| key.absent == 0);
        let shown = here.map(|key| {
            let whole = key.show(&self.base, self.keep_days, key.versions.len() - 1);
            json!({
                "kid": format!("{}/keys/{}", self.base, key.name),
                "attributes": whole["attributes"],
                "tags": whole["tags"],
            })
        });
        page(&format!("{}/keys", self.base), &shown.collect::<Vec<_>>(), asked.query)
    }

    /// In the order of their ids, which are random: it says nothing about their age.
    pub(super) fn list_versions(&mut self, asked: &Asked<'_>) -> Answered {
        let (base, keep_days) = (self.base.clone(), self.keep_days);
        let key = self.key(asked.name)?;
        let mut shown: Vec<Value> = (0..key.versions.len())
            .map(|place| {
                let whole = key.show(&base, keep_days, place);
                json!({
                    "kid": whole["key"]["kid"],
                    "attributes": whole["attributes"],
                    "tags": whole["tags"],
                })
            })
            .collect();
        shown.sort_by_key(|one| one["kid"].to_string());
        page(&format!("{base}/keys/{}/versions", asked.name), &shown, asked.query)
    }

    pub(super) fn list_deleted(&mut self, asked: &Asked<'_>) -> Answered {
        let shown = self.deleted.values().filter(|deleted| deleted.absent == 0).map(|deleted| {
            let whole = deleted.show(&self.base);
            let mut one = whole.clone();
            one["kid"] = format!("{}/keys/{}", self.base, deleted.key.name).into();
            one.as_object_mut().unwrap().remove("key");
            one
        });
        page(&format!("{}/deletedkeys", self.base), &shown.collect::<Vec<_>>(), asked.query)
    }

    pub(super) fn rotation_policy(&mut self, asked: &Asked<'_>) -> Answered {
        self.key(asked.name)?;
        let notify = json!({
            "trigger": { "timeBeforeExpiry": "P30D" },
            "action": { "type": "Notify" },
        });
        Ok(json!({
            "id": format!("{}/keys/{}/rotationpolicy", self.base, asked.name),
            "lifetimeActions": [notify],
            "attributes": { "created": NOW, "updated": NOW },
        }))
    }

    /// A key that is being brought back is not there yet.
    fn key(&mut self, name: &str) -> Result<&mut Key, Refused> {
        let key = self.keys.get_mut(&name.to_ascii_lowercase()).ok_or_else(|| missing(name))?;
        if key.absent > 0 {
            key.absent -= 1;
            return Err(missing(name));
        }
        Ok(key)
    }

    /// The place of the version that is asked for among those of its key; without one the newest.
    fn place(&mut self, asked: &Asked<'_>) -> Result<usize, Refused> {
        self.key(asked.name)?;
        self.find(asked)
    }

    fn find(&self, asked: &Asked<'_>) -> Result<usize, Refused> {
        let unknown = || missing(&format!("{}/{}", asked.name, asked.version));
        let key = self.keys.get(&asked.name.to_ascii_lowercase()).ok_or_else(unknown)?;
        if asked.version.is_empty() {
            return Ok(key.versions.len() - 1);
        }
        let found = key.versions.iter().position(|version| version.id == asked.version);
        found.ok_or_else(unknown)
    }

    /// A version that is made for this.
    fn usable(&mut self, asked: &Asked<'_>, operation: &str) -> Result<&Version, Refused> {
        let place = self.place(asked)?;
        let version = &self.key(asked.name)?.versions[place];
        if !version.operations.as_array().unwrap().iter().any(|one| one == operation) {
            let words = format!("Operation {operation} is not permitted on this key.");
            return Err(Refusal::Forbidden.precisely("KeyOperationForbidden", &words));
        }
        Ok(version)
    }

    fn is_free(&self, name: &str) -> Result<(), Refused> {
        let conflict = |inner, words: &str| Err(Refusal::Conflict.precisely(inner, words));
        let id = name.to_ascii_lowercase();
        if self.keys.get(&id).is_some_and(|key| key.absent > 0) {
            let words = format!("Key {name} is currently being recovered.");
            return conflict("ObjectIsBeingRecovered", &words);
        }
        match self.deleted.get(&id) {
            None => Ok(()),
            Some(deleted) if deleted.absent > 0 => {
                let words = format!("Key {name} is currently being deleted.");
                conflict("ObjectIsBeingDeleted", &words)
            }
            Some(_) => {
                let words = format!(
                    "Key {name} is currently in a deleted but recoverable state, and its name \
                     cannot be reused; in this state, the key can only be recovered or purged."
                );
                conflict("ObjectIsDeletedButRecoverable", &words)
            }
        }
    }

    fn is_deleted(&self, name: &str) -> Result<(), Refused> {
        match self.deleted.get(&name.to_ascii_lowercase()) {
            None => Err(missing(name)),
            Some(deleted) if deleted.absent > 0 => {
                let words = format!("Key {name} is currently being deleted.");
                Err(Refusal::Conflict.precisely("ObjectIsBeingDeleted", &words))
            }
            Some(_) => Ok(()),
        }
    }

    fn show(&self, name: &str, place: Option<usize>) -> Value {
        let key = &self.keys[&name.to_ascii_lowercase()];
        key.show(&self.base, self.keep_days, place.unwrap_or(key.versions.len() - 1))
    }

    fn kid(&self, name: &str, place: Option<usize>) -> Value {
        self.show(name, place)["key"]["kid"].clone()
    }
}

impl Key {
    fn show(&self, base: &str, keep_days: i64, place: usize) -> Value {
        let version = &self.versions[place];
        let mut key = version.pair.jwk();
        let hardware = if version.hardware { "-HSM" } else { "" };
        key["kid"] = format!("{base}/keys/{}/{}", self.name, version.id).into();
        key["kty"] = format!("{}{hardware}", version.pair.kty()).into();
        key["key_ops"] = version.operations.clone();
        // One a second, so that their ages tell them apart.
        let created = NOW + i64::try_from(place).unwrap();
        json!({
            "key": key,
            "attributes": {
                "enabled": version.enabled,
                "created": created,
                "updated": created,
                "recoveryLevel": "CustomizedRecoverable+Purgeable",
                "recoverableDays": keep_days,
                "exportable": false,
                "hsmPlatform": if version.hardware { "2" } else { "0" },
            },
            "tags": version.tags,
        })
    }
}

impl Version {
    fn asked(body: &Value) -> Result<Self, Refused> {
        let kind = Kind::asked(body)?;
        let all = match kind {
            Kind::Ec(_) => json!(["sign", "verify"]),
            Kind::Rsa(_) => {
                json!(["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"])
            }
        };
        let operations = if body["key_ops"].is_array() { body["key_ops"].clone() } else { all };
        Ok(Self {
            id: random_hex(),
            pair: Pair::generate(kind),
            hardware: text(&body["kty"]).ends_with("-HSM"),
            enabled: body["attributes"]["enabled"].as_bool().unwrap_or(true),
            operations,
            tags: if body["tags"].is_object() { body["tags"].clone() } else { json!({}) },
        })
    }
}

impl Deleted {
    fn show(&self, base: &str) -> Value {
        let mut shown = self.key.show(base, self.keep_days, self.key.versions.len() - 1);
        shown["recoveryId"] = format!("{base}/deletedkeys/{}", self.key.name).into();
        shown["deletedDate"] = NOW.into();
        shown["scheduledPurgeDate"] = (NOW + self.keep_days * DAY).into();
        shown
    }
}

/// Some of `all`, and where the rest is. There is a page with nothing on it before each next one:
/// the service has such pages, and a client that ends there has not seen everything.
fn page(url: &str, all: &[Value], query: &BTreeMap<String, String>) -> Answered {
    let bad = |words: &str| Refusal::BadParameter.because(words);
    let size = match query.get("maxresults").map(|text| text.parse()) {
        None => LARGEST_PAGE,
        Some(Ok(size @ 1..=LARGEST_PAGE)) => size,
        Some(_) => return Err(bad("maxresults must be between 1 and 25")),
    };
    let token = query.get("$skiptoken").map_or("from-0", String::as_str);
    let (kind, from) = token.split_once('-').unwrap_or_default();
    let from: usize = from.parse().map_err(|_| bad("The skip token is invalid."))?;
    let (values, next) = if kind == "none" {
        (&all[..0], Some(format!("from-{from}")))
    } else {
        let end = all.len().min(from + size.min(LONGEST_PAGE));
        (all.get(from..end).unwrap_or_default(), (end < all.len()).then(|| format!("none-{end}")))
    };
    let version = &query["api-version"];
    let next = next
        .map(|token| format!("{url}?api-version={version}&$skiptoken={token}&maxresults={size}"));
    Ok(json!({ "value": values, "nextLink": next }))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn bytes(value: &Value, name: &str) -> Result<Vec<u8>, Refused> {
    let decoded = URL_SAFE_NO_PAD.decode(text(value).trim_end_matches('='));
    decoded.map_err(|_| {
        let words = format!("Property {name} has invalid value: it is not base64url.");
        Refusal::BadParameter.because(&words)
    })
}
