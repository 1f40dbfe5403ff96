//! What is told about keys, authorities and people.

mod key;
mod server;

pub use key::{
    Deletion, Exportable, Grant, KeyFacts, KeyKind, LogFacts, Origin, Protection, SecretFacts,
    Signs, Standing, Work,
};
pub use server::{
    AuthorityFacts, AuthorityStanding, KitFacts, OperatorFacts, ProfileFacts, Publication,
    PublicationKind, ServerFacts,
};

/// Everything that the rules read.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The keys.
    pub keys: Vec<KeyFacts>,
    /// Secrets: tokens and passwords, and how old they are.
    pub secrets: Vec<SecretFacts>,
    /// The records that key services keep of uses.
    pub logs: Vec<LogFacts>,
    /// What a server tells; none where none was asked: then its rules are not run, and the report
    /// says so.
    pub server: Option<ServerFacts>,
}
