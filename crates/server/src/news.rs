//! Wakes whoever waits for something to happen: long polls and incident drivers, here and in other
//! servers on the same database. A wake says only "look again"; the truth is in the database.

use std::str::FromStr;

use tokio::sync::watch;

/// What can be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A package.
    Agents,
    /// Orders to renew, of whichever agents.
    Orders,
    /// Something that a gate may wait for.
    Incidents,
    /// A list or a certificate that everybody may fetch.
    Published,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] =
        [Self::Agents, Self::Orders, Self::Incidents, Self::Published];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Orders => "orders",
            Self::Incidents => "incidents",
            Self::Published => "published",
        }
    }
}

/// A word of a later program's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownKind)
    }
}

/// The channels, each a counter that goes up.
#[derive(Debug)]
pub struct News {
    agents: watch::Sender<u64>,
    incidents: watch::Sender<u64>,
    /// By kind, what other servers are to be told.
    others: watch::Sender<[u64; Kind::ALL.len()]>,
}

impl Default for News {
    fn default() -> Self {
        Self {
            agents: watch::Sender::new(0),
            incidents: watch::Sender::new(0),
            others: watch::Sender::new([0; Kind::ALL.len()]),
        }
    }
}

impl News {
    /// There is a new package.
    pub fn tell_agents(&self) {
        self.tell(Kind::Agents);
    }

    /// Something came in that a gate may wait for.
    pub fn tell_incidents(&self) {
        self.tell(Kind::Incidents);
    }

    /// Agents have to look for orders; here they know by themselves.
    pub(crate) fn tell_orders(&self) {
        self.tell(Kind::Orders);
    }

    /// A list or a certificate is out.
    pub fn tell_published(&self) {
        self.tell(Kind::Published);
    }

    fn tell(&self, kind: Kind) {
        self.heard(kind);
        self.others.send_modify(|counts| {
            for (count, one) in counts.iter_mut().zip(Kind::ALL) {
                *count += u64::from(one == kind);
            }
        });
    }

    /// Another server has told it.
    pub(crate) fn heard(&self, kind: Kind) {
        match kind {
            Kind::Agents => self.agents.send_modify(|count| *count += 1),
            Kind::Incidents => self.incidents.send_modify(|count| *count += 1),
            Kind::Orders | Kind::Published => {}
        }
    }

    /// Changes after each [`Self::tell_agents`].
    pub fn for_agents(&self) -> watch::Receiver<u64> {
        self.agents.subscribe()
    }

    /// Changes after each [`Self::tell_incidents`].
    pub fn for_incidents(&self) -> watch::Receiver<u64> {
        self.incidents.subscribe()
    }

    /// Changes after each word that this server says, and counts them by kind.
    pub(crate) fn for_others(&self) -> watch::Receiver<[u64; Kind::ALL.len()]> {
        self.others.subscribe()
    }
}
