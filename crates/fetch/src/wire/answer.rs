//! What a server answers to a client hello: up to its `ServerHelloDone`, its first message of TLS
//! 1.3, or an alert.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::names::{TLS12, key_exchange};
use crate::Alert;
use crate::plain::shown;

/// The answer.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// It goes on with the handshake.
    Hello(Box<ServerSaid>),
    /// It gives up and says why.
    Alert(Alert),
    /// It closes the connection.
    Closed,
    /// It speaks something else; how that begins.
    NotTls(Option<String>),
}

/// What a server says of itself in the clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an extension that is there or not")]
pub(crate) struct ServerSaid {
    pub(crate) version: u16,
    pub(crate) cipher: u16,
    pub(crate) compression: u8,
    /// The group of the key exchange, where it names one.
    pub(crate) group: Option<u16>,
    /// The bits of the prime of an exchange by Diffie and Hellman.
    pub(crate) dh_bits: Option<usize>,
    pub(crate) renegotiation_info: bool,
    pub(crate) extended_master_secret: bool,
    pub(crate) session_ticket: bool,
    pub(crate) session_id: bool,
    pub(crate) alpn: Option<String>,
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) stapled: Option<Vec<u8>>,
    /// The names of the authorities whose clients it takes, if it asks for certificates.
    pub(crate) client_authorities: Option<Vec<Vec<u8>>>,
}

/// Much more than any server has to say.
const ALL: usize = 512 * 1024;

/// The random of a hello that asks to try again (RFC 8446 section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// Reads as far as a server goes without a client's next message.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Reply> {
    let mut said = ServerSaid::default();
    let mut messages = Vec::new();
    let mut total = 0;
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head).await?;
        let [kind, major, _, high, low] = head;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !(20..=24).contains(&kind) || major != 3 || length > (1 << 14) + 2048 {
            return Ok(Reply::NotTls(text(stream, &head).await));
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        total += length;
        match kind {
            // A warning, as `unrecognized_name`, is followed by the handshake.
            ALERT if body.first() == Some(&1) && body.get(1) != Some(&0) => {}
            ALERT => return Ok(Reply::Alert(Alert(body.get(1).copied().unwrap_or_default()))),
            HANDSHAKE => messages.extend(body),
            // The change of cipher for the sake of middleboxes.
            _ => {}
        }
        if total > ALL {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "too long an answer"));
        }
        while let Some(message) = take(&mut messages) {
            let done = said.hear(message[0], &message[4..]);
            let done = done.ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, "a message that cannot be read")
            })?;
            if done {
                return Ok(Reply::Hello(Box::new(said)));
            }
        }
    }
}

/// How something that is not TLS begins, if it is text.
async fn text(stream: &mut (impl AsyncRead + Unpin), head: &[u8]) -> Option<String> {
    let mut more = [0; 75];
    let read = stream.read(&mut more).await.unwrap_or_default();
    let all = [head, &more[..read]].concat();
    let line = all.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let readable = line.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    readable.then(|| shown(line))
}

/// The next whole message, with its head.
fn take(messages: &mut Vec<u8>) -> Option<Vec<u8>> {
    let [_, a, b, c] = *messages.first_chunk::<4>()?;
    let end = 4 + (usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c));
    (messages.len() >= end).then(|| messages.drain(..end).collect())
}

impl ServerSaid {
    /// Takes in a message; whether it was the last one. Nothing if it cannot be read.
    fn hear(&mut self, kind: u8, body: &[u8]) -> Option<bool> {
        let mut body = Bytes(body);
        match kind {
            2 => return self.hello(&mut body),
            11 => {
                let mut list = Bytes(body.counted(3)?);
                while !list.0.is_empty() {
                    self.certificates.push(list.counted(3)?.to_vec());
                }
            }
            12 => self.key_exchange(&mut body),
            13 => self.client_authorities = Some(self.request(&mut body)?),
            14 => return Some(true),
            22 if body.byte()? == 1 => self.stapled = Some(body.counted(3)?.to_vec()),
            _ => {}
        }
        Some(false)
    }

    fn hello(&mut self, body: &mut Bytes<'_>) -> Option<bool> {
        self.version = body.word()?;
        let retry = body.take(32)? == RETRY;
        self.session_id = !body.counted(1)?.is_empty();
        self.cipher = body.word()?;
        self.compression = body.byte()?;
        let mut extensions = Bytes(if body.0.is_empty() { &[] } else { body.counted(2)? });
        while !extensions.0.is_empty() {
            let number = extensions.word()?;
            let mut value = Bytes(extensions.counted(2)?);
            match number {
                0xff01 => self.renegotiation_info = true,
                16 => {
                    let mut names = Bytes(value.counted(2)?);
                    self.alpn = Some(shown(names.counted(1)?));
                }
                23 => self.extended_master_secret = true,
                35 => self.session_ticket = true,
                43 => self.version = value.word()?,
                51 => self.group = value.word(),
                _ => {}
            }
        }
        Some(retry || self.version > TLS12)
    }

    /// A named curve, or the prime. What cannot be read is left out: nothing else depends on it.
    fn key_exchange(&mut self, body: &mut Bytes<'_>) {
        match key_exchange(self.cipher) {
            "ECDHE" | "ECDH_anon" if body.byte() == Some(3) => self.group = body.word(),
            "DHE" | "DH_anon" => {
                self.dh_bits = body.counted(2).map(|prime| {
                    let zeros = prime.iter().take_while(|byte| **byte == 0).count();
                    let first = prime.get(zeros).map_or(0, |byte| byte.leading_zeros());
                    (prime.len() - zeros) * 8 - usize::try_from(first).unwrap_or_default()
                });
            }
            _ => {}
        }
    }

    fn request(&self, body: &mut Bytes<'_>) -> Option<Vec<Vec<u8>>> {
        body.counted(1)?;
        if self.version >= TLS12 {
            body.counted(2)?;
        }
        let mut list = Bytes(body.counted(2)?);
        let mut names = Vec::new();
        while !list.0.is_empty() {
            names.push(list.counted(2)?.to_vec());
        }
        Some(names)
    }
}

/// Bytes from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|it| it[0])
    }

    fn word(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// What stands behind a count of `width` bytes.
    fn counted(&mut self, width: usize) -> Option<&'a [u8]> {
        let count = self.take(width)?;
        self.take(count.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn reply(bytes: &[u8]) -> io::Result<Reply> {
        read(&mut &bytes[..]).await
    }

    #[tokio::test]
    async fn an_alert_a_close_and_another_protocol_are_told_apart() {
        let alert = reply(b"\x15\x03\x01\x00\x02\x02\x46").await.unwrap();
        assert!(matches!(alert, Reply::Alert(Alert(70))), "{alert:?}");
        let other = reply(b"HTTP/1.1 400 Bad Request\r\n").await.unwrap();
        let Reply::NotTls(Some(said)) = other else { panic!("{other:?}") };
        assert_eq!(said, "HTTP/1.1 400 Bad Request");
        assert_eq!(reply(b"").await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_hello_that_lies_about_its_lengths_is_an_error() {
        // A server hello whose session id is said to be longer than the message.
        let mut message = vec![22, 3, 3, 0, 40, 2, 0, 0, 36, 3, 3];
        message.extend([0; 32]);
        message.extend([200, 0]);
        assert_eq!(reply(&message).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
