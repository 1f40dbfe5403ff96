//! The data that the fleet exchanges: one HTTP/1.1 request and its answer at a time.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

const REQUEST: &[u8] = b"GET /work HTTP/1.1\r\nHost: fleet\r\nContent-Length: 0\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
const HEAD_LIMIT: usize = 8 * 1024;

/// Sends one request and waits for its `200`; the connection stays open.
pub(crate) async fn request<S>(stream: &mut S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(REQUEST).await?;
    stream.flush().await?;
    let head = read_head(stream).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    if !head.starts_with(b"HTTP/1.1 200") {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is not a 200"));
    }
    let mut body = [0; 3];
    stream.read_exact(&mut body).await?;
    Ok(())
}

/// Answers requests until the peer closes; returns how many there were.
pub(crate) async fn answer<S>(stream: &mut S, served: impl Fn()) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while read_head(stream).await?.is_some() {
        stream.write_all(ANSWER).await?;
        stream.flush().await?;
        served();
    }
    Ok(())
}

/// Reads up to and including the blank line that ends a head; `None` at a clean end of stream.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::with_capacity(128);
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).await? == 0 {
            return if head.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
        head.push(byte[0]);
        if head.len() > HEAD_LIMIT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the head is too long"));
        }
    }
    Ok(Some(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_are_answered_until_the_peer_closes() {
        let (mut client, mut server) = tokio::io::duplex(256);
        let count = std::sync::atomic::AtomicUsize::new(0);
        let serving = answer(&mut server, || {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        });
        let asking = async {
            request(&mut client).await.unwrap();
            request(&mut client).await.unwrap();
            drop(client);
        };
        let (answered, ()) = tokio::join!(serving, asking);
        answered.unwrap();
        assert_eq!(count.into_inner(), 2);
    }

    #[tokio::test]
    async fn an_end_of_stream_instead_of_an_answer_is_an_error() {
        let (mut client, server) = tokio::io::duplex(256);
        drop(server);
        assert!(request(&mut client).await.is_err());
    }
}
