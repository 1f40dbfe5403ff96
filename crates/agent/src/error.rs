use skink_trust::Refusal;

use crate::channel::ChannelError;
use crate::key::KeyFault;
use crate::state::StateError;

/// Why an agent cannot enrol or start. Once it runs, it goes on through everything else.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The token cannot be read.
    #[error("the enrolment token cannot be read")]
    Token(#[source] skink_api::token::BadToken),
    /// The root that the server shows is not the token's.
    #[error("the server's root is not the one that the token names")]
    OtherRoot,
    /// What is kept on disk cannot be read or written.
    #[error("the agent's state cannot be used")]
    State(#[source] StateError),
    /// The server cannot be reached or says no.
    #[error("the server does not let the agent in")]
    Channel(#[source] ChannelError),
    /// The first trust package is not acceptable.
    #[error("the server's trust package is refused")]
    Package(#[source] Refusal),
    /// The server's own key is not in its trust package.
    #[error("the server that answers has a key that its trust package does not name")]
    ServerKey,
    /// A key cannot be made.
    #[error("the agent's key cannot be used")]
    Key(#[source] KeyFault),
    /// An endpoint has no target.
    #[error("nothing is configured to load the files of endpoint {0}")]
    NoTarget(String),
}
