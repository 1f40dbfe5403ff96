//! The store's behaviour, through its public functions on a real file.

mod fixture;
mod statements;
mod walk;
