use skink_x509::{KeyDigest, ParseError, Time};

use crate::{Digest, Edition};

/// Why a package is not accepted. Whoever holds the previous one goes on running it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// More bytes or entries than anybody needs.
    #[error("the {what} is larger than the {limit} that are read")]
    Oversize {
        /// What is too large.
        what: &'static str,
        /// The limit, in bytes or entries.
        limit: usize,
    },
    /// Not the JSON that this version reads.
    #[error("the {what} cannot be read")]
    Malformed {
        /// What cannot be read.
        what: &'static str,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A certificate inside cannot be read.
    #[error("the certificate of {subject} cannot be read")]
    Certificate {
        /// Whose.
        subject: String,
        /// Why.
        #[source]
        source: ParseError,
    },
    /// The envelope carries no signature of the key that it names.
    #[error("the package is not signed by the key that it names, or was altered after")]
    NotSigned,
    /// The key that signed is none that a root certified for trust packages.
    #[error("the key that signed the package may not: its certificate {reason}")]
    WrongKey {
        /// What is wrong with its certificate.
        reason: &'static str,
    },
    /// A package of somebody else.
    #[error("the package is for {offered}, not for {held}")]
    OtherDomain {
        /// Domain and stream of the package.
        offered: String,
        /// Domain and stream that are held.
        held: String,
    },
    /// An earlier package than the one that is held.
    #[error("the package is edition {offered}, older than {held}")]
    Older {
        /// Its edition.
        offered: Edition,
        /// The edition held, or the least that the enrolment token allows.
        held: Edition,
    },
    /// The very package that is held.
    #[error("the package is edition {0}, which is held already")]
    Replayed(Edition),
    /// Another package under the edition that is held: somebody else has the key.
    #[error("another package than the one held goes by the same edition {0}")]
    Equivocation(Edition),
    /// It had expired before it came.
    #[error("the package expired at {not_after}")]
    Expired {
        /// When.
        not_after: Time,
    },
    /// A part that the envelope or the status names did not come with it, or was altered.
    #[error("the {what} with digest {digest} is missing or was altered")]
    PartMissing {
        /// Which part.
        what: &'static str,
        /// Its digest.
        digest: Digest,
    },
    /// No root that is trusted, and no successor that it named, signed the anchors.
    #[error("the anchors are not signed by a root that is trusted here")]
    AnchorsNotSigned,
    /// Anchors of an earlier ceremony.
    #[error("the anchors are of ceremony {offered}, before {held}")]
    AnchorsOlder {
        /// Counter of the ceremony.
        offered: u64,
        /// Counter of the ceremony held.
        held: u64,
    },
    /// No root signed this authority.
    #[error("the authority {0} is not signed by a root of the package")]
    ForeignAuthority(String),
    /// One name is given to two things.
    #[error("{0} is in the package twice")]
    Twice(String),
    /// A CRL that is not what it is listed as.
    #[error("the CRL of scope {scope} {reason}")]
    BadCrl {
        /// The scope.
        scope: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The package would be valid longer than what is in it.
    #[error("the package would outlive the CRL of scope {scope}, due at {next_update}")]
    OutlivesCrl {
        /// The scope.
        scope: String,
        /// The CRL's nextUpdate.
        next_update: Time,
    },
    /// A root's own key among the denied: only a ceremony ends a root.
    #[error("the package denies the key {0} of a root")]
    DeniesRoot(KeyDigest),
    /// Whoever accepted it would trust nobody.
    #[error("the package would leave nothing trusted: no {0}")]
    NothingTrusted(&'static str),
}
