//! The server: where it all meets. Three listeners, the use cases behind them, the jobs beside
//! them, and the drivers of incidents.
//!
//! Use cases are modules of this crate (`issue`, `revoke`, `package`, `ceremonies`, `fleet`, …);
//! `http` unpacks requests for them and `db` runs their transactions.

mod ambient;
mod app;
mod authorities;
mod batch;
mod ceremonies;
mod certificates;
mod config;
mod crl;
pub mod databases;
mod db;
mod endpoints;
mod failure;
mod files;
mod fleet;
mod http;
mod identity;
mod ids;
mod incident;
mod init;
mod issue;
mod jobs;
mod journal;
mod kept;
mod keys;
mod ledger;
mod logging;
mod metrics;
mod news;
mod ocsp;
mod operators;
mod overview;
mod package;
mod published;
mod reconcile;
mod replicas;
mod responders;
mod revoke;
mod secrets;
mod serve;
mod statuses;
mod tokens;
mod views;
mod words;

pub use ambient::{SystemClock, SystemRng};
pub use app::App;
pub use ceremonies::Elsewhere;
pub use config::{
    Config, ConfigError, Database, IncidentTimings, KeyPlaces, Lifetimes, Listen, Lists, Public,
    Settings,
};
pub use failure::Failure;
pub use http::tls::TlsError;
pub use init::{InitError, InitOptions, Initialised, KeysElsewhere, anchors, init};
pub use logging::init as init_logging;
pub use serve::{Running, ServeError, serve, signals};
