//! Whether a session that was promised is really resumed.

use std::time::Duration;

use rustls::client::{Resumption, Tls12Resumption};
use rustls::{HandshakeKind, SupportedProtocolVersion};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use super::probe::Prober;
use crate::connect::open;
use crate::fetch::{Capture, Identity, config, handshake};
use crate::{FetchError, Options, Place};

/// A server sends its tickets right after the handshake.
const TICKETS: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(20);

/// Resumption in TLS 1.3. Nothing if no handshake was finished.
pub(super) async fn tls13(place: &Place, options: &Options) -> Option<bool> {
    resumes(place, options, &rustls::version::TLS13, Tls12Resumption::Disabled).await.ok()
}

/// Resumption in TLS 1.2 by session id.
pub(super) async fn by_id(place: &Place, options: &Options) -> Option<bool> {
    resumes(place, options, &rustls::version::TLS12, Tls12Resumption::SessionIdOnly).await.ok()
}

/// Resumption in TLS 1.2 by ticket: it is offered, and it is taken.
pub(super) async fn by_ticket(
    place: &Place,
    options: &Options,
    prober: &Prober<'_>,
) -> Option<bool> {
    if !prober.offers_ticket().await? {
        return Some(false);
    }
    let both = Tls12Resumption::SessionIdOrTickets;
    resumes(place, options, &rustls::version::TLS12, both).await.ok()
}

async fn resumes(
    place: &Place,
    options: &Options,
    version: &'static SupportedProtocolVersion,
    how: Tls12Resumption,
) -> Result<bool, FetchError> {
    let identity = options.identity.as_ref().map(Identity::certified).transpose()?;
    let mut config = config(&Capture::new(identity), options, &[version]);
    // Copies of a configuration share the store of its sessions.
    config.resumption = Resumption::in_memory_sessions(8).tls12_resumption(how);
    let name = place.server_name(&options.sni)?;
    let mut first = handshake(open(place, options).await?, &config, place, name.as_deref()).await?;
    wait_for_tickets(&mut first).await;
    drop(first);
    let second = handshake(open(place, options).await?, &config, place, name.as_deref()).await?;
    Ok(second.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed))
}

async fn wait_for_tickets(stream: &mut TlsStream<TcpStream>) {
    let deadline = Instant::now() + TICKETS;
    let tls13 = Some(rustls::ProtocolVersion::TLSv1_3);
    while stream.get_ref().1.protocol_version() == tls13
        && stream.get_ref().1.tls13_tickets_received() == 0
        && Instant::now() < deadline
    {
        // A ticket is no data: reading it returns nothing.
        if let Ok(Ok(0) | Err(_)) = tokio::time::timeout(LOOK, stream.read(&mut [0; 256])).await {
            break;
        }
    }
}
