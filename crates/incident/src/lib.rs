//! The incident engine: what a compromise takes, step by step, as data.
//!
//! Sans-IO. An incident is a list of recorded events; [`State::fold`] turns it into a state,
//! [`decide`] says which effects may happen now, and [`observe`] turns what came of them into new
//! events. Whoever drives the engine executes effects and records events, and may stop at any
//! instruction: folding the events again goes on where it stopped, because every effect carries an
//! [`EffectKey`] of incident, step and subject, and is safe to execute twice.
//!
//! People speak to an incident by [`order`]. A [`Gate`] opens by a [`Measurement`] and by nothing
//! else; the waiver of a subject by name leaves the measurement of all the others in place.
#![warn(missing_docs)]

mod approval;
mod checkpoint;
mod command;
mod contact;
mod effect;
mod engine;
mod event;
mod forecast;
mod gate;
mod message;
mod notice;
mod observation;
mod plan;
mod regulation;
mod report;
mod scope;
mod settings;
mod state;
mod steps;

pub use approval::{ApprovalOf, Approver, UnknownApproval};
pub use checkpoint::{Checkpoint, FollowUp, checkpoints, follow_ups};
pub use command::{Command, Refusal, order};
pub use contact::{Audience, Contact, ContactBook};
pub use effect::{CrlRound, Disposal, Effect, EffectKey, EvidencePass, Stage};
pub use engine::{decide, next_wake, observe, tick};
pub use event::{Declaration, Event, Recorded, Waiver};
pub use forecast::{Capacity, Forecast, forecast, waves};
pub use gate::{Gate, GateKind, Measurement, UnknownGate};
pub use message::{Arguments, Catalogue, UnknownMessage};
pub use notice::{Notice, render_notice};
pub use observation::{Mismatch, Observation, Outcome, PublishedCrl, SnapshotFile};
pub use plan::{EffectDescription, StepDescription, current_step, describe};
pub use regulation::{Deadline, Due, From, Regulation, Regulations};
pub use report::{NotRehearsed, Report, TimelineEntry};
pub use scope::{Scope, Unmanaged};
pub use settings::Settings;
pub use state::{Done, Failure, OpenedGate, Phase, State};
pub use steps::StepName;
