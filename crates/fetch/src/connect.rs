//! From a name to a connection on which TLS may begin.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::plain::Plain;
use crate::{Family, FetchError, Options, Place, Stage};

/// Where several addresses are to be tried, one that swallows packets may not take all the time.
const SHARE: Duration = Duration::from_secs(3);

/// A connection on which TLS may begin.
pub(crate) struct Way {
    pub(crate) stream: TcpStream,
    /// The other end: the server, or the proxy.
    pub(crate) peer: SocketAddr,
    pub(crate) deadline: Deadline,
}

/// How long all of it may take.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn within(limit: Duration) -> Self {
        Self { at: Instant::now() + limit, limit }
    }

    /// The value of `work`, or that it took too long at `stage`.
    pub(crate) async fn hold<T>(
        self,
        stage: Stage,
        work: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<T, FetchError> {
        let limit = self.limit;
        timeout_at(self.at, work).await.unwrap_or(Err(FetchError::Timeout { stage, limit }))
    }
}

/// Connects, by the proxy if there is one, and asks for TLS in the words of the protocol.
pub(crate) async fn open(place: &Place, options: &Options) -> Result<Way, FetchError> {
    let deadline = Deadline::within(options.timeout);
    let near = options.proxy.as_ref().map_or_else(|| place.clone(), crate::Proxy::place);
    // A proxy's own address is of whatever family it is.
    let family = if options.proxy.is_some() { Family::Any } else { options.family };
    let addresses = deadline.hold(Stage::Resolve, resolve(&near, family)).await?;
    let (stream, peer) = tcp(&addresses, deadline).await?;
    let mut plain = Plain::new(stream);
    if let Some(proxy) = &options.proxy {
        deadline.hold(Stage::Proxy, proxy.open(&mut plain, place)).await?;
    }
    let name = place.server_name(&options.sni).ok().flatten();
    let host = name.as_deref().unwrap_or(&place.host);
    deadline.hold(Stage::StartTls, place.protocol.start(&mut plain, host)).await?;
    Ok(Way { stream: plain.into_stream(), peer, deadline })
}

async fn resolve(place: &Place, family: Family) -> Result<Vec<SocketAddr>, FetchError> {
    let what = match family {
        Family::Any => "address",
        Family::V4 => "IPv4 address",
        Family::V6 => "IPv6 address",
    };
    let none = |source| FetchError::NoAddress { host: place.host.clone(), what, source };
    let found = tokio::net::lookup_host((place.host.as_str(), place.port)).await;
    let mut found: Vec<_> = found.map_err(|error| none(Some(error)))?.collect();
    found.retain(|address| match family {
        Family::Any => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    });
    if found.is_empty() { Err(none(None)) } else { Ok(found) }
}

/// The first address that takes the connection.
async fn tcp(
    addresses: &[SocketAddr],
    deadline: Deadline,
) -> Result<(TcpStream, SocketAddr), FetchError> {
    let mut failed = None;
    for (index, address) in addresses.iter().enumerate() {
        let dial = async {
            let stream = TcpStream::connect(address).await;
            stream.map_err(|source| FetchError::Connect { address: *address, source })
        };
        let last = index + 1 == addresses.len();
        let own = if last { deadline } else { Deadline::within(SHARE.min(deadline.limit)) };
        match deadline.hold(Stage::Connect, own.hold(Stage::Connect, dial)).await {
            Ok(stream) => {
                // Small messages go out at once; without it everything works, slower.
                let _ = stream.set_nodelay(true);
                return Ok((stream, *address));
            }
            // A refusal says more than silence.
            Err(error @ FetchError::Connect { .. }) => failed = Some(error),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    Err(failed.unwrap_or(FetchError::Closed {
        stage: Stage::Connect,
        source: Some(io::ErrorKind::AddrNotAvailable.into()),
    }))
}
