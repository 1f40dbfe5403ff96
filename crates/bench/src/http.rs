//! A connection that stays open: HTTP/1.1 over TCP or TLS, one request after another. It does as
//! little as it can, so that what is measured is the server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where a server listens, and how it is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Its name, for messages.
    pub(crate) whom: &'static str,
    pub(crate) address: SocketAddr,
    /// With TLS: the configuration and the server's name.
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// A header line that proves who asks, or nothing.
    pub(crate) credential: String,
}

impl Target {
    /// A request with JSON, ready to be sent.
    pub(crate) fn request(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        self.typed(method, path, "application/json", body)
    }

    /// A request for what everybody may have.
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address).into_bytes()
    }

    /// A request with a body of some media type.
    pub(crate) fn typed(&self, method: &str, path: &str, media: &str, body: &[u8]) -> Vec<u8> {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\n{}content-type: {media}\r\n\
             content-length: {length}\r\n\r\n",
            self.address, self.credential
        );
        [head.as_bytes(), body].concat()
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// An open connection.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(target: &Target) -> io::Result<Self> {
        let tcp = TcpStream::connect(target.address).await?;
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &target.tls {
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                Box::new(connector.connect(name.clone(), tcp).await?)
            }
            None => Box::new(tcp),
        };
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a whole request and reads the whole answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
        self.buffer.drain(..end + 4);
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| odd("no status"))?;
        let field = |name: &str| {
            head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).map(str::to_owned)
        };
        let body = if field("transfer-encoding:").as_deref() == Some("chunked") {
            self.chunks().await?
        } else {
            let length = field("content-length:").map_or(Ok(0), |text| text.parse());
            self.exactly(length.map_err(|_| odd("a content-length that is no number"))?).await?
        };
        Ok(Answer { status, body })
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(at) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                    break at;
                }
                self.more().await?;
            };
            let size = String::from_utf8_lossy(&self.buffer[..end]).trim().to_owned();
            let size = usize::from_str_radix(&size, 16).map_err(|_| odd("a chunk's size"))?;
            self.buffer.drain(..end + 2);
            let chunk = self.exactly(size + 2).await?;
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.more().await?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

fn odd(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answered(with: &'static [u8]) -> io::Result<Answer> {
        let (near, mut far) = tokio::io::duplex(64);
        let serving = tokio::spawn(async move {
            let mut asked = [0; 3];
            far.read_exact(&mut asked).await.unwrap();
            far.write_all(with).await.unwrap();
        });
        let mut connection = Connection { stream: Box::new(near), buffer: Vec::new() };
        let answer = connection.ask(b"ask").await;
        serving.await.unwrap();
        answer
    }

    #[tokio::test]
    async fn bodies_of_a_known_length_and_in_chunks_are_read_whole() {
        let known = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await.unwrap();
        assert_eq!((known.status, &known.body[..]), (200, &b"hello"[..]));
        let chunked = b"HTTP/1.1 400 No\r\nTransfer-Encoding: chunked\r\n\r\n\
            3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
        let chunked = answered(chunked).await.unwrap();
        assert_eq!((chunked.status, &chunked.body[..]), (400, &b"hello"[..]));
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_an_error() {
        let broken = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello").await;
        assert_eq!(broken.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
