//! What is spoken before TLS: lines and bytes, never more than is needed.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// No protocol needs a longer line before TLS.
const LINE: usize = 8 * 1024;

/// A connection before TLS.
///
/// Reads byte by byte where it does not know the length: what follows belongs to TLS.
pub(crate) struct Plain(TcpStream);

/// Why a talk before TLS did not end in TLS.
#[derive(Debug)]
pub(crate) enum Talk {
    /// The connection failed.
    Io(io::Error),
    /// The other side closed it.
    Ended,
    /// The other side speaks the protocol and says no.
    Said(String),
    /// The other side speaks something else.
    Foreign(String),
}

impl From<io::Error> for Talk {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Ended } else { Self::Io(error) }
    }
}

impl Plain {
    pub(crate) const fn new(stream: TcpStream) -> Self {
        Self(stream)
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.0
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Talk> {
        self.0.write_all(bytes).await?;
        Ok(())
    }

    /// A line without its end.
    pub(crate) async fn line(&mut self) -> Result<String, Talk> {
        let mut line = self.until(b"\n").await?;
        while line.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
            line.pop();
        }
        Ok(shown(&line))
    }

    /// Everything up to and with `end`.
    pub(crate) async fn until(&mut self, end: &[u8]) -> Result<Vec<u8>, Talk> {
        let mut read = Vec::new();
        while !read.ends_with(end) {
            if read.len() >= LINE {
                return Err(Talk::Foreign(shown(&read[..80])));
            }
            match self.0.read_u8().await {
                Ok(byte) => read.push(byte),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !read.is_empty() => {
                    return Err(Talk::Foreign(shown(&read)));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(read)
    }

    pub(crate) async fn exactly<const N: usize>(&mut self) -> Result<[u8; N], Talk> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).await?;
        Ok(bytes)
    }

    pub(crate) async fn bytes(&mut self, count: usize) -> Result<Vec<u8>, Talk> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).await?;
        Ok(bytes)
    }
}

/// Text of a peer as it may be shown: no control characters, not too long.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(200).collect::<String>().trim_end().to_owned()
}
