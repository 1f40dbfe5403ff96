//! What a server speaks, beyond the one handshake that a client happens to make.

mod grade;
mod probe;
mod resume;

pub use grade::{Grade, Reason};

use serde::Serialize;

use crate::wire::names::{self, SSL3, TLS13, VERSIONS};
use crate::{FetchError, Options, Place, Presented, fetch};
use probe::Prober;

/// What a server speaks.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Scan {
    /// Every version, newest first.
    pub protocols: Vec<Spoken>,
    /// The groups that it takes for the key exchange, best first.
    pub groups: Vec<String>,
    /// The application protocols that it takes (ALPN), of those that are usual.
    pub alpn: Vec<String>,
    /// How often it stapled an OCSP response, of how many handshakes.
    pub stapled: Times,
    /// Resumption in TLS 1.3 by a ticket (PSK); nothing where that version is not spoken.
    pub resumes_tls13: Option<bool>,
    /// Resumption in TLS 1.2 by a ticket.
    pub resumes_by_ticket: Option<bool>,
    /// Resumption in TLS 1.2 by a session id.
    pub resumes_by_id: Option<bool>,
    /// Whether it negotiates anew safely (RFC 5746); nothing where only TLS 1.3 is spoken.
    pub secure_renegotiation: Option<bool>,
    /// Whether it binds sessions to their handshakes (RFC 7627).
    pub extended_master_secret: Option<bool>,
    /// Whether it compresses, which gives secrets away.
    pub compresses: bool,
    /// Bits of the smallest prime that it used for Diffie and Hellman.
    pub smallest_dh_bits: Option<usize>,
}

/// One version.
#[derive(Clone, Debug, Serialize)]
pub struct Spoken {
    /// `TLS 1.2`.
    pub version: String,
    /// Whether it is spoken.
    pub spoken: bool,
    /// What the server said instead, if it said something.
    pub refusal: Option<String>,
    /// The ciphers that are taken, in the order in which the server picks them.
    pub ciphers: Vec<String>,
    /// Whether the server picks by its own order; nothing where it cannot be told.
    pub server_prefers: Option<bool>,
}

/// How often, of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Times {
    /// How often it was so.
    pub seen: usize,
    /// Of how many.
    pub of: usize,
}

/// Application protocols that servers of the web speak.
const ALPN: [&str; 2] = ["h2", "http/1.1"];

/// Some servers fetch their first OCSP response when the first client asks.
const STAPLES: usize = 3;

impl Scan {
    fn speaks(&self, version: &str) -> bool {
        self.protocols.iter().any(|it| it.spoken && it.version == version)
    }

    /// The grade with its reasons.
    pub fn grade(&self) -> Grade {
        grade::of(self)
    }
}

/// Asks `place` many times and gives what it speaks, and what it presented first.
///
/// `progress` hears what is asked next.
pub async fn scan(
    place: &Place,
    options: &Options,
    mut progress: impl FnMut(&str),
) -> Result<(Presented, Scan), FetchError> {
    progress("certificates");
    let presented = fetch(place, options).await?;
    let prober = Prober::new(place, options)?;
    let mut scan = Scan::default();
    for (version, name) in VERSIONS {
        progress(name);
        scan.protocols.push(prober.version(version, &mut scan.smallest_dh_bits).await?);
    }
    progress("groups");
    scan.groups = prober.groups(scan.speaks("TLS 1.3")).await?;
    legacy_features(&prober, &mut scan).await?;
    progress("application protocols, stapling, resumption");
    for name in ALPN {
        let alpn = vec![name.to_owned()];
        let answer = fetch(place, &Options { alpn, ..options.clone() }).await;
        if answer.is_ok_and(|it| it.alpn.as_deref() == Some(name)) {
            scan.alpn.push(name.to_owned());
        }
    }
    scan.stapled = stapled(place, options, &presented).await;
    if scan.speaks("TLS 1.3") {
        scan.resumes_tls13 = resume::tls13(place, options).await;
    }
    if scan.speaks("TLS 1.2") {
        scan.resumes_by_id = resume::by_id(place, options).await;
        scan.resumes_by_ticket = resume::by_ticket(place, options, &prober).await;
    }
    Ok((presented, scan))
}

/// What only the versions up to 1.2 have.
async fn legacy_features(prober: &Prober<'_>, scan: &mut Scan) -> Result<(), FetchError> {
    let old = scan.protocols.iter().find(|it| it.spoken && it.version != names::version(TLS13));
    let Some(version) = old.and_then(|it| VERSIONS.iter().find(|(_, name)| *name == it.version))
    else {
        return Ok(());
    };
    if let Some(said) = prober.with_deflate(version.0).await? {
        scan.secure_renegotiation = Some(said.renegotiation_info);
        scan.extended_master_secret = (version.0 != SSL3).then_some(said.extended_master_secret);
        scan.compresses = said.compression != 0;
    }
    Ok(())
}

async fn stapled(place: &Place, options: &Options, first: &Presented) -> Times {
    let mut times = Times { seen: usize::from(first.stapled.is_some()), of: 1 };
    for _ in 1..STAPLES {
        if let Ok(presented) = fetch(place, options).await {
            times.of += 1;
            times.seen += usize::from(presented.stapled.is_some());
        }
    }
    times
}
