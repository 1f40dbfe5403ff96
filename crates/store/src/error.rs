//! What can go wrong, split by who must act.

use std::fmt::Display;
use std::path::PathBuf;

use skink_model::{
    AgentName, AttemptId, AuthorityId, AuthorityState, CertificateId, EndpointName, IncidentId,
    Time,
};
use skink_x509::KeyDigest;

use crate::dialect::{self, Meaning};

/// The database did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The rules do not allow it; nothing was changed.
    #[error(transparent)]
    Refused(Refusal),
    /// There is no such row.
    #[error("there is no {kind} {id}")]
    NotFound {
        /// What was looked for.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// There is such a row already.
    #[error("{kind} {id} exists already")]
    Exists {
        /// What was to be made.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// No room on the disk. What was acknowledged is safe; nothing of this was written.
    #[error("the disk that holds the database is full; nothing was changed")]
    Full,
    /// Somebody else held the database for too long.
    #[error("the database is busy; try again")]
    Busy,
    /// The database's server is not there. Whether what was under way was committed is not known.
    #[error("the database does not answer; try again")]
    Away(#[source] SqlError),
    /// Another server has this folder, or this file, to itself.
    #[error("another server uses {path}: a folder and its database have one server")]
    Locked {
        /// The folder or the file.
        path: PathBuf,
    },
    /// The database was written by a later program.
    #[error(
        "the database has schema version {found}, this program knows {known}: use a newer program"
    )]
    UnknownSchema {
        /// The version found.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// A migration was altered after it was applied.
    #[error("migration {version} of the database is not the one that this program has")]
    AlteredSchema {
        /// Its version.
        version: i64,
    },
    /// What is there is no database of ours.
    #[error("{place} is not a Skink database")]
    NotSkink {
        /// The file or server.
        place: String,
    },
    /// A copy goes into an empty database.
    #[error("{place} is not empty: a copy goes into a new database")]
    NotEmpty {
        /// The database.
        place: String,
    },
    /// The database cannot be opened.
    #[error("cannot open the database {place}")]
    Open {
        /// The database.
        place: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A snapshot cannot be written.
    #[error("cannot write the snapshot {path}")]
    Snapshot {
        /// The snapshot.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row does not hold what it should.
    #[error("column {column} of the database cannot be understood")]
    Corrupt {
        /// The column.
        column: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A statement failed.
    #[error("the database refused a statement")]
    Query(#[source] SqlError),
}

/// What a driver says of a statement or of a connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlError {
    /// SQLite.
    #[error(transparent)]
    File(#[from] rusqlite::Error),
    /// The driver of PostgreSQL, or that of migrations.
    #[error(transparent)]
    Server(#[from] sqlx::Error),
    /// No connection was free in time.
    #[error("no connection to the database was free in time")]
    TimedOut,
    /// The database was closed.
    #[error("the database is closed")]
    Closed,
    /// A statement answered nothing that was to answer a row.
    #[error("a row is not there")]
    NoRow,
    /// A column is missing, or of another kind than was thought.
    #[error("a column is not of the kind that was expected")]
    Shape,
}

/// A rule that says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The authority's life has no such turn.
    #[error("authority {authority} is {from} and cannot become {to}")]
    Transition {
        /// The authority.
        authority: AuthorityId,
        /// Its state.
        from: AuthorityState,
        /// The state that was wanted.
        to: AuthorityState,
    },
    /// Too few people have approved.
    #[error("step {step} of {incident} needs two people; {approvals} approved")]
    NeedsTwoPeople {
        /// The incident.
        incident: IncidentId,
        /// The step.
        step: String,
        /// Different people who may and did approve.
        approvals: usize,
    },
    /// The incident does not concern this authority, or is over.
    #[error("incident {incident} does not run for authority {authority}")]
    NotItsIncident {
        /// The incident.
        incident: IncidentId,
        /// The authority.
        authority: AuthorityId,
    },
    /// An incident holds the authority frozen.
    #[error(
        "incident {incident} holds authority {authority} frozen: stand the incident down, or let it end"
    )]
    FrozenByIncident {
        /// The authority.
        authority: AuthorityId,
        /// The incident.
        incident: IncidentId,
    },
    /// The attempt was settled before, or never asked.
    #[error("attempt {0} is not open")]
    AttemptNotOpen(AttemptId),
    /// The same certificate is on its way, or was issued.
    #[error("the same certificate was asked for before: {0}")]
    AskedAlready(CertificateId),
    /// The certificate has no signature on record.
    #[error("certificate {0} was not signed by an attempt on record")]
    NotSigned(CertificateId),
    /// No such token, or another secret. The two are not told apart.
    #[error("the enrolment token is not known")]
    TokenUnknown,
    /// The token let somebody in before.
    #[error("the enrolment token was used already")]
    TokenUsed,
    /// The token's minutes are over.
    #[error("the enrolment token expired at {at}")]
    TokenExpired {
        /// When.
        at: Time,
    },
    /// The token is older than its agent's exclusion.
    #[error("the agent {agent} was shut out after the enrolment token was made")]
    TokenOfShutOut {
        /// The agent.
        agent: AgentName,
    },
    /// The token would change who tends an endpoint in a way that whoever made it did not say.
    #[error("who tends {endpoint} has changed since the enrolment token was made")]
    TokenOutOfDate {
        /// The endpoint.
        endpoint: EndpointName,
    },
    /// The token would leave an endpoint of its agent out.
    #[error("{agent} tends {endpoint} too: its enrolment token has to name that as well")]
    TokenLeavesOut {
        /// The agent.
        agent: AgentName,
        /// The endpoint.
        endpoint: EndpointName,
    },
    /// The escrow or list does not outrank what is out there.
    #[error("number {number} of {scope} does not outrank number {last}")]
    DoesNotOutrank {
        /// The list's scope.
        scope: String,
        /// The number that was brought.
        number: u64,
        /// The highest number so far.
        last: u64,
    },
    /// The escrow was voided by a later ceremony, or is released already.
    #[error("escrow {number} of {scope} cannot be released: it is {why}")]
    EscrowSpent {
        /// The list's scope.
        scope: String,
        /// Its number.
        number: u64,
        /// `void` or `released`.
        why: &'static str,
    },
    /// The list may have been overtaken by one that a restored database has forgotten.
    #[error(
        "{scope} is held: the database was restored from a backup of {taken_at}, and the newest list \
         that was out has not been given"
    )]
    Held {
        /// The list's scope.
        scope: String,
        /// When the backup was taken.
        taken_at: Time,
    },
    /// A package of this or a later version is out.
    #[error("package {epoch}.{version} does not follow {last_epoch}.{last_version}")]
    PackageOrder {
        /// Epoch of the package.
        epoch: u64,
        /// Version of the package.
        version: u64,
        /// Epoch of the last package.
        last_epoch: u64,
        /// Version of the last package.
        last_version: u64,
    },
    /// Somebody else acts.
    #[error("{name} is held by {holder} until {until}")]
    Leased {
        /// What is held.
        name: String,
        /// By whom.
        holder: String,
        /// Until when.
        until: Time,
    },
    /// The lease passed to somebody else.
    #[error("the lease on {name} was lost")]
    LeaseLost {
        /// What was held.
        name: String,
    },
    /// The stream went on meanwhile.
    #[error("stream {stream} stands at event {found}, not {expected}")]
    StreamMoved {
        /// The stream.
        stream: String,
        /// Where the caller thought it stands.
        expected: u64,
        /// Where it stands.
        found: u64,
    },
    /// The response was imported before, or nobody waits for it.
    #[error("ceremony {id} is {state} and takes no response")]
    CeremonyOver {
        /// The ceremony.
        id: String,
        /// Its state.
        state: &'static str,
    },
    /// The public key is blocked for good.
    #[error("the key {digest} is blocked: {reason}")]
    KeyBlocked {
        /// Its digest.
        digest: KeyDigest,
        /// Why.
        reason: String,
    },
    /// The key was certified for or used before.
    #[error("a new authority needs a new key; this one belongs to {0}")]
    KeyReused(AuthorityId),
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl StoreError {
    /// Whether the same transaction may succeed a moment later.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(self, Self::Busy | Self::Away(_))
    }

    /// From a failed statement.
    pub(crate) fn query(error: impl Into<SqlError>) -> Self {
        let error = error.into();
        match dialect::meaning(&error) {
            Meaning::Full => Self::Full,
            Meaning::Busy | Meaning::Conflict => Self::Busy,
            Meaning::Away => Self::Away(error),
            Meaning::Exists | Meaning::Other => Self::Query(error),
        }
    }

    /// From a failed insert of `kind` `id`.
    pub(crate) fn insert(kind: &'static str, id: impl Display, error: SqlError) -> Self {
        match dialect::meaning(&error) {
            Meaning::Exists => Self::Exists { kind, id: id.to_string() },
            _ => Self::query(error),
        }
    }

    pub(crate) fn not_found(kind: &'static str, id: impl Display) -> Self {
        Self::NotFound { kind, id: id.to_string() }
    }
}
