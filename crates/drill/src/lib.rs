//! A compromise on purpose: a fleet at work, a thief with the issuing key, and operators who drive
//! the incident through the API of a server that runs as a process of its own.
//!
//! It sees only what the API and the wire show. Randomness: the seed fixes choices and schedule,
//! not bytes.

mod agents;
mod attack;
mod battlefield;
mod clock;
mod command;
mod crash;
mod csr;
mod error;
mod fleet;
mod headquarters;
mod operator;
mod options;
mod outcome;
mod places;
mod process;
mod progress;
mod publications;
mod report;
mod rng;
mod run;
mod score;
mod stage;
mod table;
mod thief;

pub use error::DrillError;
pub use fleet::LEAST_OF_EACH;
pub use options::{DrillOptions, DrilledPlan, Sabotage, UnknownProtection};
pub use progress::{Progress, Silent};
pub use report::Report;
pub use run::run;
pub use skink_api::Incident;
pub use stage::Stage;
pub use table::render;
pub use thief::stolen::ThiefKind;
