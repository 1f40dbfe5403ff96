//! What a running server tells.

use std::time::Duration;

use skink_x509::Time;

use crate::Fact;

/// What a server tells about itself.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    /// Its trust domain.
    pub domain: String,
    /// Its authorities.
    pub authorities: Fact<Vec<AuthorityFacts>>,
    /// Its recovery kits that were not used up.
    pub kits: Fact<Vec<KitFacts>>,
    /// Its issuers, by name.
    pub issuers: Fact<Vec<String>>,
    /// When the last drill ended, if there ever was one.
    pub last_drill: Fact<Option<Time>>,
    /// Its profiles.
    pub profiles: Fact<Vec<ProfileFacts>>,
    /// Its operators who have access.
    pub operators: Fact<Vec<OperatorFacts>>,
    /// Digests of public keys that are blocked for good.
    pub blocked: Fact<Vec<String>>,
    /// That the root's folder lies on the server's machine, if it does.
    pub root_beside: Fact<Option<String>>,
    /// What it publishes, as it was read back.
    pub publications: Fact<Vec<Publication>>,
}

/// An authority.
#[derive(Clone, Debug)]
pub struct AuthorityFacts {
    /// `workloads-g1`.
    pub id: String,
    /// Its issuer's name.
    pub issuer: String,
    /// Who signed it; none for a root.
    pub parent: Option<String>,
    /// Where it stands in life.
    pub standing: AuthorityStanding,
    /// From when its certificate is valid.
    pub not_before: Fact<Time>,
    /// Until when.
    pub not_after: Fact<Time>,
    /// The place of its key: a service with its account, a token, a machine. None where the key is
    /// not the server's.
    pub place: Option<String>,
}

/// Where an authority stands, as far as rules care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorityStanding {
    /// It issues.
    Active,
    /// It stands by.
    Standby,
    /// It is out of use, or not in use yet.
    Past,
}

/// A recovery kit.
#[derive(Clone, Debug)]
pub struct KitFacts {
    /// The issuer that it saves.
    pub issuer: String,
    /// When it was made.
    pub created: Time,
    /// When what is in it ends.
    pub expires: Time,
}

/// A profile.
#[derive(Clone, Debug)]
pub struct ProfileFacts {
    /// Its name.
    pub name: String,
    /// How long its certificates live at most.
    pub max_life: Duration,
}

/// An operator who has access.
#[derive(Clone, Debug)]
pub struct OperatorFacts {
    /// His name.
    pub name: String,
    /// His role.
    pub role: String,
    /// Whether his role lets him change anything.
    pub changes: bool,
    /// What lets him in, a word each: `token`, `client-key`. One of them is enough.
    pub ways_in: Vec<&'static str>,
    /// How many of them are asked for at once.
    pub factors: u8,
}

/// A CRL or an OCSP answer.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Which.
    pub kind: PublicationKind,
    /// Where it was read.
    pub name: String,
    /// The authority that it is about.
    pub authority: String,
    /// Whether a root signs it, by ceremony: it may then be valid for long.
    pub by_root: bool,
    /// Whether it was there, is that authority's and has a good signature; otherwise what is wrong.
    pub sound: Fact<Result<(), String>>,
    /// From when it is.
    pub this_update: Fact<Time>,
    /// When the next is due; none if it does not say.
    pub next_update: Fact<Option<Time>>,
}

/// What is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicationKind {
    /// A list of revoked certificates.
    Crl,
    /// An answer about one certificate.
    Ocsp,
}
