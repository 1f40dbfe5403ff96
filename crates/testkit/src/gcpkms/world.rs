//! Key rings, keys and versions, and what becomes of them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::crypto::{Input, Pair, crc32c};
use super::refusal::{Refusal, Refused};
use super::words::{ALGORITHMS, LEVELS, PURPOSES, STATES};

/// The fake's day: it never ends.
const NOW: i64 = 1_767_225_600;
const DAY: i64 = 24 * 60 * 60;
/// The service may give fewer at a time than were asked for.
const LONGEST_PAGE: usize = 7;

#[derive(Default)]
pub(super) struct World {
    rings: BTreeMap<String, BTreeMap<String, Key>>,
    /// How often a new version is looked at before there is something in it.
    pub(super) pending: u32,
}

pub(super) struct Key {
    purpose: &'static str,
    algorithm: &'static str,
    pub(super) level: &'static str,
    wait: i64,
    pub(super) versions: Vec<Version>,
    /// The version that encrypts.
    pub(super) primary: usize,
    policy: Value,
    /// How often the policy was set.
    edition: u32,
}

pub(super) struct Version {
    pub(super) state: &'static str,
    pending: u32,
    pair: Pair,
    /// What a symmetric key encrypts with.
    pub(super) secret: [u8; 32],
}

/// A request about a resource, taken apart.
pub(super) struct Asked<'a> {
    pub(super) ring: &'a str,
    pub(super) key: &'a str,
    pub(super) version: &'a str,
    pub(super) query: &'a BTreeMap<String, String>,
    pub(super) body: &'a Value,
    /// Whether the client wants numbers for words.
    pub(super) numbers: bool,
}

pub(super) type Answered = Result<Value, Refused>;

impl World {
    pub(super) fn add_ring(&mut self, name: &str) {
        self.rings.entry(name.to_owned()).or_default();
    }

    pub(super) fn create_key(&mut self, asked: &Asked<'_>) -> Answered {
        let ring = self.rings.get_mut(asked.ring).ok_or_else(|| missing(asked.ring))?;
        let id = asked.query.get("cryptoKeyId").map(String::as_str).unwrap_or_default();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if id.is_empty() || id.len() > 63 || !id.bytes().all(plain) {
            return Err(invalid("crypto_key_id does not match [a-zA-Z0-9_-]{1,63}"));
        }
        let name = format!("{}/cryptoKeys/{id}", asked.ring);
        if ring.contains_key(id) {
            let words = format!("CryptoKey {name} already exists.");
            return Err(Refusal::AlreadyExists.because(&words));
        }
        let template = &asked.body["versionTemplate"];
        let purpose = PURPOSES.read(&asked.body["purpose"]);
        let purpose = purpose.ok_or_else(|| invalid("CryptoKey.purpose is required."))?;
        let algorithm = ALGORITHMS.read(&template["algorithm"]).unwrap_or_default();
        if (purpose == "ASYMMETRIC_SIGN") != algorithm.contains("_SIGN_") {
            return Err(invalid("the algorithm is none of the purpose"));
        }
        let wait = match asked.body["destroyScheduledDuration"].as_str() {
            Some(text) => text.trim_end_matches('s').parse().unwrap(),
            None => 30 * DAY,
        };
        if !(DAY..=120 * DAY).contains(&wait) {
            return Err(invalid("destroy_scheduled_duration is between 24 hours and 120 days"));
        }
        let level = LEVELS.read(&template["protectionLevel"]).unwrap_or("SOFTWARE");
        let version = Version::new(algorithm, self.pending);
        let versions = vec![version];
        let policy = first_policy();
        let key = Key { purpose, algorithm, level, wait, versions, primary: 1, policy, edition: 0 };
        let shown = key.show(&name, asked.numbers);
        ring.insert(id.to_owned(), key);
        Ok(shown)
    }

    pub(super) fn get_key(&mut self, asked: &Asked<'_>) -> Answered {
        Ok(self.key(asked)?.show(&key_name(asked), asked.numbers))
    }

    pub(super) fn list_keys(&mut self, asked: &Asked<'_>) -> Answered {
        let ring = self.rings.get(asked.ring).ok_or_else(|| missing(asked.ring))?;
        let keys = ring
            .iter()
            .map(|(id, key)| key.show(&format!("{}/cryptoKeys/{id}", asked.ring), asked.numbers));
        page("cryptoKeys", &keys.collect::<Vec<_>>(), asked.query)
    }

    pub(super) fn create_version(&mut self, asked: &Asked<'_>) -> Answered {
        let pending = self.pending;
        let key = self.key(asked)?;
        key.versions.push(Version::new(key.algorithm, pending));
        let number = key.versions.len();
        Ok(key.show_version(&version_name(asked, number), number, asked.numbers))
    }

    pub(super) fn list_versions(&mut self, asked: &Asked<'_>) -> Answered {
        let key = self.key(asked)?;
        let shown = (1..=key.versions.len())
            .map(|number| key.show_version(&version_name(asked, number), number, asked.numbers));
        page("cryptoKeyVersions", &shown.collect::<Vec<_>>(), asked.query)
    }

    pub(super) fn get_version(&mut self, asked: &Asked<'_>) -> Answered {
        let (key, number) = self.version(asked)?;
        let version = &mut key.versions[number - 1];
        match version.pending {
            0 if version.state == "PENDING_GENERATION" => version.state = "ENABLED",
            0 => {}
            _ => version.pending -= 1,
        }
        Ok(key.show_version(&version_name(asked, number), number, asked.numbers))
    }

    /// Enabled ones can be disabled, and disabled ones enabled; nothing else is changed so.
    pub(super) fn update_version(&mut self, asked: &Asked<'_>) -> Answered {
        if asked.query.get("updateMask").map(String::as_str) != Some("state") {
            return Err(invalid("update_mask has to be \"state\"."));
        }
        let wanted = STATES.read(&asked.body["state"]);
        let wanted = wanted.filter(|word| ["ENABLED", "DISABLED"].contains(word));
        let wanted = wanted.ok_or_else(|| invalid("the state can be ENABLED or DISABLED"))?;
        self.turn(asked, &["ENABLED", "DISABLED"], wanted)
    }

    pub(super) fn destroy_version(&mut self, asked: &Asked<'_>) -> Answered {
        self.turn(asked, &["ENABLED", "DISABLED"], "DESTROY_SCHEDULED")
    }

    pub(super) fn restore_version(&mut self, asked: &Asked<'_>) -> Answered {
        self.turn(asked, &["DESTROY_SCHEDULED"], "DISABLED")
    }

    fn turn(&mut self, asked: &Asked<'_>, from: &[&str], to: &'static str) -> Answered {
        let (key, number) = self.version(asked)?;
        let name = version_name(asked, number);
        let version = &mut key.versions[number - 1];
        if !from.contains(&version.state) {
            return Err(not_in_state(&name, version.state, from));
        }
        version.state = to;
        Ok(key.show_version(&name, number, asked.numbers))
    }

    pub(super) fn public_key(&mut self, asked: &Asked<'_>) -> Answered {
        let (key, number) = self.version(asked)?;
        let name = version_name(asked, number);
        let version = &key.versions[number - 1];
        enabled(&name, version.state)?;
        let pem = version.pair.public_pem();
        Ok(json!({
            "algorithm": ALGORITHMS.write(key.algorithm, asked.numbers),
            "name": name,
            "pemCrc32c": crc32c(pem.as_bytes()).to_string(),
            "pem": pem,
            "protectionLevel": LEVELS.write(key.level, asked.numbers),
        }))
    }

    pub(super) fn sign(&mut self, asked: &Asked<'_>) -> Answered {
        let (key, number) = self.version(asked)?;
        let name = version_name(asked, number);
        let version = &key.versions[number - 1];
        enabled(&name, version.state)?;
        let (input, checked) = input(asked.body)?;
        let wrong = || invalid("The request is not one for the algorithm of the CryptoKeyVersion.");
        let signature = version.pair.sign(key.algorithm, &input).ok_or_else(wrong)?;
        let is_digest = matches!(input, Input::Digest(..));
        Ok(json!({
            "name": name,
            "protectionLevel": LEVELS.write(key.level, asked.numbers),
            "signatureCrc32c": crc32c(&signature).to_string(),
            "signature": STANDARD.encode(signature),
            "verifiedDigestCrc32c": checked && is_digest,
            "verifiedDataCrc32c": checked && !is_digest,
        }))
    }

    pub(super) fn policy(&mut self, asked: &Asked<'_>) -> Answered {
        Ok(self.key(asked)?.policy.clone())
    }

    pub(super) fn policy_of(&self, ring: &str, key: &str) -> Option<&Value> {
        self.rings.get(ring)?.get(key).map(|key| &key.policy)
    }

    /// Replaces the policy; who read an older one has to read again.
    pub(super) fn set_policy(&mut self, asked: &Asked<'_>) -> Answered {
        let key = self.key(asked)?;
        let wanted = &asked.body["policy"];
        let etag = wanted["etag"].as_str().unwrap_or_default();
        if !etag.is_empty() && key.policy["etag"] != etag {
            let words = "There were concurrent policy changes. Please retry the whole \
                         read-modify-write with exponential backoff.";
            return Err(Refusal::Aborted.because(words));
        }
        if !wanted["bindings"].is_array() {
            return Err(invalid("Policy bindings are required."));
        }
        key.edition += 1;
        key.policy = wanted.clone();
        key.policy["etag"] = STANDARD.encode(key.edition.to_be_bytes()).into();
        Ok(key.policy.clone())
    }

    pub(super) fn symmetric(&mut self, asked: &Asked<'_>) -> Result<&mut Key, Refused> {
        let wrong = || invalid("The CryptoKey's purpose is not ENCRYPT_DECRYPT.");
        let key = self.key(asked)?;
        if key.purpose == "ENCRYPT_DECRYPT" { Ok(key) } else { Err(wrong()) }
    }

    fn key(&mut self, asked: &Asked<'_>) -> Result<&mut Key, Refused> {
        let ring = self.rings.get_mut(asked.ring);
        ring.and_then(|ring| ring.get_mut(asked.key)).ok_or_else(|| missing(&key_name(asked)))
    }

    fn version(&mut self, asked: &Asked<'_>) -> Result<(&mut Key, usize), Refused> {
        let name = format!("{}/cryptoKeyVersions/{}", key_name(asked), asked.version);
        let key = self.key(asked)?;
        let number = asked.version.parse().ok();
        let number = number.filter(|number| (1..=key.versions.len()).contains(number));
        number.map(|number| (key, number)).ok_or_else(|| missing(&name))
    }
}

impl Key {
    pub(super) fn show(&self, name: &str, numbers: bool) -> Value {
        let mut shown = json!({
            "name": name,
            "purpose": PURPOSES.write(self.purpose, numbers),
            "createTime": time(NOW),
            "destroyScheduledDuration": format!("{}s", self.wait),
            "versionTemplate": {
                "protectionLevel": LEVELS.write(self.level, numbers),
                "algorithm": ALGORITHMS.write(self.algorithm, numbers),
            },
        });
        if self.purpose == "ENCRYPT_DECRYPT" {
            let primary = format!("{name}/cryptoKeyVersions/{}", self.primary);
            shown["primary"] = self.show_version(&primary, self.primary, numbers);
        }
        shown
    }

    fn show_version(&self, name: &str, number: usize, numbers: bool) -> Value {
        let version = &self.versions[number - 1];
        let mut shown = json!({
            "name": name,
            "state": STATES.write(version.state, numbers),
            "protectionLevel": LEVELS.write(self.level, numbers),
            "algorithm": ALGORITHMS.write(self.algorithm, numbers),
            "createTime": time(NOW),
        });
        match version.state {
            "PENDING_GENERATION" => {}
            _ => shown["generateTime"] = time(NOW),
        }
        if version.state == "DESTROY_SCHEDULED" {
            shown["destroyTime"] = time(NOW + self.wait);
        }
        shown
    }
}

impl Version {
    fn new(algorithm: &str, pending: u32) -> Self {
        let state = if pending == 0 { "ENABLED" } else { "PENDING_GENERATION" };
        let mut secret = [0; 32];
        aws_lc_rs::rand::fill(&mut secret).unwrap();
        Self { state, pending, pair: Pair::generate(algorithm), secret }
    }
}

/// What is to be signed, and whether its checksum was given, which must then be right.
fn input(body: &Value) -> Result<(Input, bool), Refused> {
    let bytes = |value: &Value| {
        let decoded = STANDARD.decode(value.as_str().unwrap_or_default());
        decoded.map_err(|_| invalid("Base64 decoding failed"))
    };
    let checked = |field: &str, bytes: &[u8]| {
        let told = &body[field];
        let told = told.as_str().and_then(|text| text.parse().ok()).or_else(|| told.as_i64());
        match told {
            None => Ok(false),
            Some(told) if told == i64::from(crc32c(bytes)) => Ok(true),
            Some(_) => Err(invalid(&format!("The checksum in field {field} did not match."))),
        }
    };
    if let Some(digest) = body.get("digest").filter(|digest| !digest.is_null()) {
        if body.get("data").is_some_and(|data| !data.as_str().unwrap_or_default().is_empty()) {
            return Err(invalid("Only one of digest and data can be given."));
        }
        let fields = [("sha256", 32), ("sha384", 48), ("sha512", 64)];
        let given = fields.into_iter().find(|(field, _)| digest.get(field).is_some());
        let (field, length) = given.ok_or_else(|| invalid("The digest is missing."))?;
        let digest = bytes(&digest[field])?;
        if digest.len() != length {
            return Err(invalid("The digest is not of the length of its hash."));
        }
        let checked = checked("digestCrc32c", &digest)?;
        return Ok((Input::Digest(field, digest), checked));
    }
    let data = bytes(&body["data"])?;
    if data.len() > 64 * 1024 {
        return Err(invalid("The data is longer than 64 KiB."));
    }
    let checked = checked("dataCrc32c", &data)?;
    Ok((Input::Data(data), checked))
}

fn page(field: &str, all: &[Value], query: &BTreeMap<String, String>) -> Answered {
    let number = |name: &str| query.get(name).filter(|text| !text.is_empty());
    let size = number("pageSize").map_or(0, |text| text.parse().unwrap());
    let size = if size == 0 { LONGEST_PAGE } else { size.min(LONGEST_PAGE) };
    let from = match number("pageToken") {
        None => 0,
        Some(token) => {
            let from = token.strip_prefix("from-").and_then(|from| from.parse().ok());
            from.filter(|from| *from < all.len()).ok_or_else(|| invalid("Invalid page_token."))?
        }
    };
    let to = all.len().min(from + size);
    let next = if to < all.len() { format!("from-{to}") } else { String::new() };
    Ok(json!({ field: all[from..to], "nextPageToken": next, "totalSize": all.len() }))
}

fn first_policy() -> Value {
    let binding = json!({
        "role": "roles/cloudkms.signer",
        "members": ["serviceAccount:signer@pki.iam.gserviceaccount.com"],
    });
    json!({ "version": 1, "etag": "BwXhqDA=", "bindings": [binding] })
}

pub(super) fn key_name(asked: &Asked<'_>) -> String {
    format!("{}/cryptoKeys/{}", asked.ring, asked.key)
}

pub(super) fn version_name(asked: &Asked<'_>, number: usize) -> String {
    format!("{}/cryptoKeyVersions/{number}", key_name(asked))
}

fn time(seconds: i64) -> Value {
    jiff::Timestamp::from_second(seconds).unwrap().to_string().into()
}

pub(super) fn enabled(name: &str, state: &str) -> Result<(), Refused> {
    if state == "ENABLED" { Ok(()) } else { Err(not_in_state(name, state, &["ENABLED"])) }
}

fn not_in_state(name: &str, state: &str, wanted: &[&str]) -> Refused {
    let wanted = wanted.join(" or ");
    Refusal::FailedPrecondition
        .because(&format!("{name} is not {wanted}, current state is: {state}."))
}

fn missing(name: &str) -> Refused {
    Refusal::NotFound.because(&format!("{name} not found."))
}

pub(super) fn invalid(words: &str) -> Refused {
    Refusal::InvalidArgument.because(words)
}
