//! A handshake's first half by our own hand: a client hello, and what a server answers to it.
//!
//! Up to TLS 1.2 a server sends its whole chain in the clear before it needs anything of the
//! client, so this also reads servers that no present-day library speaks to. No key is agreed on.

mod answer;
mod hello;
pub(crate) mod names;

pub(crate) use answer::{Reply, ServerSaid};
pub(crate) use hello::Hello;

use tokio::io::AsyncWriteExt as _;

use crate::connect::{Way, open};
use crate::{FetchError, Options, Place, Stage};

/// Says `hello` on a connection of its own and gives the answer.
pub(crate) async fn ask(
    place: &Place,
    options: &Options,
    hello: &Hello,
) -> Result<Reply, FetchError> {
    let Way { mut stream, deadline, .. } = open(place, options).await?;
    let bytes = hello.to_record();
    let talk = async {
        // Whoever closes at once may have sent an alert before.
        let sent = stream.write_all(&bytes).await;
        match answer::read(&mut stream).await {
            Err(_) if sent.is_err() => Ok(Reply::Closed),
            Err(source) if is_close(&source) => Ok(Reply::Closed),
            Err(source) => {
                Err(FetchError::Closed { stage: Stage::Handshake, source: Some(source) })
            }
            Ok(reply) => Ok(reply),
        }
    };
    deadline.hold(Stage::Handshake, talk).await
}

fn is_close(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}
