//! `skink.toml`: raw text becomes validated settings once, at load.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skink_authority::ProfileConfig;
use skink_signer::{KeyUri, Quotas};
use skink_store::{Lock, Place, StoreError};

mod rules;

/// The file's name in the data directory.
pub(crate) const FILE: &str = "skink.toml";

/// How long a recovery kit, and what a standby stands by with, is good for: two years.
const STANDBY_S: u64 = 2 * 365 * 24 * 3600;

/// What the file says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The trust domain: a DNS-like name that packages, ceremonies and the server's own DNS name
    /// (`skink.DOMAIN`) carry.
    pub domain: String,
    /// Where the three listeners bind.
    #[serde(default)]
    pub listen: Listen,
    /// What relying parties are told.
    pub public: Public,
    /// How long things live.
    #[serde(default)]
    pub lifetimes: Lifetimes,
    /// How an incident measures.
    #[serde(default)]
    pub incident: IncidentTimings,
    /// People to be told, by the name of the notice's addressee: `management`, `operations`, …
    #[serde(default)]
    pub contacts: BTreeMap<String, Vec<String>>,
    /// The regulations that apply: `gdpr`, `nis2`, …
    #[serde(default)]
    pub regulations: Vec<String>,
    /// How authorities' revocation lists are made.
    #[serde(default, skip_serializing_if = "Lists::are_whole")]
    pub crl: Lists,
    /// Where what the server knows is kept.
    #[serde(default, skip_serializing_if = "Database::is_file")]
    pub database: Database,
    /// Keys that are not in files of the server's.
    #[serde(default)]
    pub keys: KeyPlaces,
    /// Profiles beside, or instead of, those that come with Skink.
    #[serde(default, rename = "profile")]
    pub profiles: Vec<ProfileConfig>,
}

/// Where the three listeners bind; port 0 takes a free one, which `ports.json` then names.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Operators' HTTPS.
    pub api: SocketAddr,
    /// Agents' HTTPS.
    pub agent: SocketAddr,
    /// Plain HTTP for `/crl`, `/ocsp`, `/aia`, `/trust`, `/healthz`, `/readyz`.
    pub public: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self { api: local(7443), agent: local(7444), public: local(7480) }
    }
}

/// How authorities' revocation lists are made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lists {
    /// How many lists share the revocations of a generation, 1 to 1024. A certificate names its own
    /// for good, so that this is about generations that are made from now on: with a million
    /// certificates, 128 lists of 8,000 entries at most instead of one of 40 MB.
    pub partitions: u32,
}

impl Default for Lists {
    fn default() -> Self {
        Self { partitions: 1 }
    }
}

impl Lists {
    const fn are_whole(&self) -> bool {
        self.partitions == 1
    }
}

/// Where what the server knows is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `postgres://USER@HOST:PORT/DATABASE`, which any number of servers may share; without it, a
    /// file in the server's folder. No password: that comes from the environment, as for
    /// PostgreSQL's own tools (`PGPASSWORD`, `PGPASSFILE`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Database {
    fn is_file(&self) -> bool {
        self.url.is_none()
    }
}

/// Keys that are not in files of the server's. Credentials stand in no configuration: they come from
/// the environment, by the variables of each service's own tools.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeyPlaces {
    /// The places, one of each service, by any key there or by the place alone: `vault:transit/`,
    /// `pkcs11:token=LABEL`.
    pub places: Vec<KeyUri>,
    /// For each service a key whose only use is to show, when another was disabled there, that the
    /// service and our credential for it still work.
    pub control: Vec<KeyUri>,
    /// The file that OpenBao or Vault writes its record of calls to, where the server can read it: it
    /// is held against the ledger as it grows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit_log: Option<PathBuf>,
    /// How many signatures a second the keys of a service make at most (`awskms = 1000`), or one key
    /// (`"vault:transit/issuer-1?version=1" = 50`). A service that is not named here has its own
    /// default; 0 is no limit.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub quota: BTreeMap<String, u32>,
}

/// What relying parties are told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Public {
    /// `http://host:port` without a path: the base of every distribution point.
    pub base_url: String,
    /// Hosts by which agents and operators reach the server; DNS names or addresses.
    pub hosts: Vec<String>,
    /// `https://host:port` that enrolment tokens name; made of the first host and the agents' port
    /// unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_url: Option<String>,
}

/// How long things live. All in seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lifetimes {
    /// Of a CRL.
    pub crl_s: u64,
    /// How often it is renewed.
    pub crl_refresh_s: u64,
    /// Of an OCSP response.
    pub ocsp_s: u64,
    /// Of a trust package.
    pub package_s: u64,
    /// How often it is renewed.
    pub package_refresh_s: u64,
    /// Of an end-entity certificate, where the profile says nothing.
    pub end_entity_s: u64,
    /// How far `notBefore` and `thisUpdate` lie back, for slow clocks.
    pub backdate_s: u64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const HOUR: u64 = 3600;
        Self {
            crl_s: 7 * 24 * HOUR,
            crl_refresh_s: 24 * HOUR,
            ocsp_s: HOUR,
            package_s: 5 * 24 * HOUR,
            package_refresh_s: 24 * HOUR,
            end_entity_s: 30 * 24 * HOUR,
            backdate_s: 300,
        }
    }
}

/// How an incident measures. A drill sets them short; their defaults suit real daemons.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IncidentTimings {
    /// Consecutive full handshakes that prove an endpoint past a generation.
    pub probe_handshakes: u32,
    /// Least time between the first and the last of them.
    pub settle_ms: u64,
    /// How long no endpoint may have seen a peer with an old certificate before distrust; longer
    /// than clocks may be off.
    pub quiet_ms: u64,
    /// Endpoints re-issued at a time.
    pub wave_size: u32,
    /// How often an incident's driver looks, when nothing wakes it.
    pub tick_ms: u64,
    /// How far an agent's clock may be off.
    pub clock_offset_max_ms: u64,
    /// After this time `cutover` revokes regardless.
    pub cutover_deadline_s: u64,
    /// Least time between two re-issues of one endpoint.
    pub retry_after_s: u64,
}

impl Default for IncidentTimings {
    fn default() -> Self {
        Self {
            probe_handshakes: 3,
            settle_ms: 1000,
            quiet_ms: 60_000,
            wave_size: 100,
            tick_ms: 1000,
            clock_offset_max_ms: 30_000,
            cutover_deadline_s: 1800,
            retry_after_s: 5,
        }
    }
}

/// The configuration, checked, with the directory it governs.
#[derive(Clone, Debug)]
pub struct Settings {
    dir: PathBuf,
    config: Config,
    place: Place,
}

/// Why the configuration is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file does not parse.
    #[error("the configuration {path} is not understood")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A value breaks a rule.
    #[error("configuration: {field} {rule}")]
    Invalid {
        /// The value's place.
        field: &'static str,
        /// The rule.
        rule: String,
    },
}

impl Settings {
    /// Reads `skink.toml` of the data directory.
    pub fn load(dir: &Path) -> Result<Self, ConfigError> {
        let path = dir.join(FILE);
        let text = fs_err::read_to_string(&path)
            .map_err(|source| ConfigError::Read { path: path.clone(), source })?;
        let config = toml::from_str(&text)
            .map_err(|source| ConfigError::Parse { path, source: Box::new(source) })?;
        Self::new(dir, config)
    }

    /// Takes the folder of a server whose database does not say by itself that it is in use: a file
    /// of SQLite's has a lock of its own.
    pub(crate) fn lock(&self) -> Result<Option<Lock>, StoreError> {
        match self.place().file() {
            Some(_) => Ok(None),
            None => Lock::folder(self.dir()).map(Some),
        }
    }

    /// Checks a configuration.
    pub fn new(dir: &Path, config: Config) -> Result<Self, ConfigError> {
        rules::check(&config)?;
        let place = match &config.database.url {
            None => Place::File(dir.join(skink_store::FILE_NAME)),
            Some(url) => rules::server(url)?,
        };
        Ok(Self { dir: dir.to_owned(), config, place })
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The trust domain.
    pub fn domain(&self) -> &str {
        &self.config.domain
    }

    /// The DNS name of the server under control.
    pub fn server_name(&self) -> String {
        format!("skink.{}", self.config.domain)
    }

    /// Where the listeners bind.
    pub fn listen(&self) -> &Listen {
        &self.config.listen
    }

    /// Hosts by which the server is reached.
    pub fn hosts(&self) -> &[String] {
        &self.config.public.hosts
    }

    /// The URL that enrolment tokens name, given the port that the agents' listener got.
    pub fn agent_url(&self, port: u16) -> String {
        self.config.public.agent_url.clone().unwrap_or_else(|| {
            let host = self.hosts().first().map_or("127.0.0.1", String::as_str);
            if host.contains(':') {
                format!("https://[{host}]:{port}")
            } else {
                format!("https://{host}:{port}")
            }
        })
    }

    /// Base of the distribution points, without a trailing slash.
    pub fn base_url(&self) -> &str {
        self.config.public.base_url.trim_end_matches('/')
    }

    /// How many lists share the revocations of a new generation.
    pub fn crl_partitions(&self) -> u32 {
        self.config.crl.partitions
    }

    /// Life of a CRL.
    pub fn crl_life(&self) -> Duration {
        Duration::from_secs(self.config.lifetimes.crl_s)
    }

    /// Age at which a CRL is renewed.
    pub fn crl_refresh(&self) -> Duration {
        Duration::from_secs(self.config.lifetimes.crl_refresh_s)
    }

    /// Life of an OCSP response.
    pub fn ocsp_life(&self) -> Duration {
        Duration::from_secs(self.config.lifetimes.ocsp_s)
    }

    /// Life of a trust package.
    pub fn package_life(&self) -> Duration {
        Duration::from_secs(self.config.lifetimes.package_s)
    }

    /// Age at which a trust package is renewed.
    pub fn package_refresh(&self) -> Duration {
        Duration::from_secs(self.config.lifetimes.package_refresh_s)
    }

    /// Life of an end-entity certificate unless the profile says another.
    pub fn end_entity_life(&self) -> Duration {
        Duration::from_secs(self.config.lifetimes.end_entity_s)
    }

    /// How far `notBefore` and `thisUpdate` lie back.
    pub fn backdate(&self) -> Duration {
        Duration::from_secs(self.config.lifetimes.backdate_s)
    }

    /// How an incident measures.
    pub fn incident(&self) -> &IncidentTimings {
        &self.config.incident
    }

    /// The contact book.
    pub fn contacts(&self) -> &BTreeMap<String, Vec<String>> {
        &self.config.contacts
    }

    /// The regulations that apply.
    pub fn regulations(&self) -> &[String] {
        &self.config.regulations
    }

    /// Profiles of the configuration.
    pub fn profiles(&self) -> &[ProfileConfig] {
        &self.config.profiles
    }

    /// How long the list of a standby speaks, which nobody can renew while it stands by.
    pub fn standby_life(&self) -> Duration {
        Duration::from_secs(STANDBY_S)
    }

    /// The key of nonces.
    pub fn nonce_key(&self) -> PathBuf {
        self.dir.join("credentials").join("nonce.key")
    }

    /// The database.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The software provider's keys.
    pub fn keys(&self) -> PathBuf {
        self.dir.join("keys")
    }

    /// The file with the credential that opens them.
    pub fn credential(&self) -> PathBuf {
        self.dir.join("credentials").join("software.key")
    }

    /// Where `skink init` leaves the operators' files, to be handed out.
    pub fn operator_files(&self) -> PathBuf {
        self.dir.join("operators")
    }

    /// Places of keys beside the server's own directory.
    pub fn key_places(&self) -> &[KeyUri] {
        &self.config.keys.places
    }

    /// Keys for control signatures there.
    pub fn control_keys(&self) -> &[KeyUri] {
        &self.config.keys.control
    }

    /// A key service's own record of what it signed.
    pub fn audit_log(&self) -> Option<&Path> {
        self.config.keys.audit_log.as_deref()
    }

    /// How fast keys may sign: the services' defaults, and what the configuration says instead.
    pub fn quotas(&self) -> Quotas {
        let set = &self.config.keys.quota;
        set.iter().fold(Quotas::of_services(), |quotas, (of, per_second)| {
            match (of.parse::<KeyUri>(), *per_second) {
                (Ok(key), 1..) => quotas.of_key(key, *per_second),
                (Ok(_), 0) => quotas,
                (Err(_), 0) => quotas.unlimited(of),
                (Err(_), 1..) => quotas.of_provider(of, *per_second),
            }
        })
    }

    /// Where the credential lies that disables the keys of a service, if it is entrusted to the
    /// server.
    pub fn disabling(&self, scheme: &str) -> PathBuf {
        self.dir.join("credentials").join("disabling").join(format!("{scheme}.key"))
    }

    /// The credentials of keys that came out of recovery kits.
    pub fn adopted(&self) -> PathBuf {
        self.dir.join("credentials").join("adopted")
    }

    /// Published lists and files.
    pub fn published(&self) -> PathBuf {
        self.dir.join("published")
    }

    /// Reports, notices and evidence of incidents.
    pub fn incidents(&self) -> PathBuf {
        self.dir.join("incidents")
    }

    /// The server's own TLS certificates and keys.
    pub fn tls(&self) -> PathBuf {
        self.dir.join("tls")
    }
}

#[cfg(test)]
mod tests;
