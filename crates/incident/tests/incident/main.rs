//! The incident engine as a whole.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod engine;
mod report;
mod story;
mod world;
