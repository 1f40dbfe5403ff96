//! How each protocol is asked to go on in TLS.

use std::fmt;
use std::str::FromStr;

use crate::plain::{Plain, Talk, shown};
use crate::{FetchError, Stage};

/// What is spoken before TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Nothing: TLS from the first byte.
    Tls,
    /// SMTP, RFC 3207.
    Smtp,
    /// LMTP, RFC 3207 in the words of RFC 2033.
    Lmtp,
    /// IMAP, RFC 9051.
    Imap,
    /// POP3, RFC 2595.
    Pop3,
    /// FTP, RFC 4217.
    Ftp,
    /// LDAP, RFC 4511 section 4.14.
    Ldap,
    /// `PostgreSQL`'s `SSLRequest`.
    Postgres,
    /// `MySQL`'s and `MariaDB`'s `SSLRequest`.
    Mysql,
    /// XMPP of clients, RFC 6120.
    Xmpp,
    /// XMPP between servers.
    XmppServer,
}

/// No protocol has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a protocol that is known; there are smtp, lmtp, imap, pop3, ftp, ldap, postgres, \
     mysql, xmpp, xmpp-server, and none"
)]
pub struct UnknownProtocol(String);

/// Name, what may stand before `://`, its usual port, ports by which it is recognised.
type Row = (Protocol, &'static str, &'static [&'static str], u16, &'static [u16]);

const PROTOCOLS: [Row; 11] = [
    (Protocol::Tls, "none", &["https", "tls", "ssl"], 443, &[]),
    (Protocol::Smtp, "smtp", &["smtp"], 25, &[25, 587]),
    (Protocol::Lmtp, "lmtp", &["lmtp"], 24, &[24]),
    (Protocol::Imap, "imap", &["imap"], 143, &[143]),
    (Protocol::Pop3, "pop3", &["pop3", "pop"], 110, &[110]),
    (Protocol::Ftp, "ftp", &["ftp"], 21, &[21]),
    (Protocol::Ldap, "ldap", &["ldap"], 389, &[389]),
    (Protocol::Postgres, "postgres", &["postgres", "postgresql"], 5432, &[5432]),
    (Protocol::Mysql, "mysql", &["mysql", "mariadb"], 3306, &[3306]),
    (Protocol::Xmpp, "xmpp", &["xmpp"], 5222, &[5222]),
    (Protocol::XmppServer, "xmpp-server", &["xmpp-server"], 5269, &[5269]),
];

/// Schemes that mean TLS from the first byte on a port of their own.
const IMPLICIT: [(&str, u16); 8] = [
    ("smtps", 465),
    ("imaps", 993),
    ("pop3s", 995),
    ("ftps", 990),
    ("ldaps", 636),
    ("xmpps", 5223),
    ("amqps", 5671),
    ("mqtts", 8883),
];

impl Protocol {
    /// The protocol that usually lives on a port.
    pub fn of_port(port: u16) -> Self {
        let found = PROTOCOLS.iter().find(|(.., ports)| ports.contains(&port));
        found.map_or(Self::Tls, |row| row.0)
    }

    /// The protocol of a scheme, and its port.
    pub(crate) fn of_scheme(scheme: &str) -> Option<(Self, u16)> {
        let scheme = scheme.to_ascii_lowercase();
        let implicit = IMPLICIT.iter().find(|(name, _)| *name == scheme);
        let implicit = implicit.map(|(_, port)| (Self::Tls, *port));
        implicit.or_else(|| {
            let found = PROTOCOLS.iter().find(|(_, _, names, ..)| names.contains(&scheme.as_str()));
            found.map(|row| (row.0, row.3))
        })
    }

    /// Asks the server to go on in TLS. `host` is whom the client means.
    pub(crate) async fn start(self, plain: &mut Plain, host: &str) -> Result<(), FetchError> {
        let done = match self {
            Self::Tls => Ok(()),
            Self::Smtp => smtp(plain, "EHLO").await,
            Self::Lmtp => smtp(plain, "LHLO").await,
            Self::Imap => imap(plain).await,
            Self::Pop3 => pop3(plain).await,
            Self::Ftp => ftp(plain).await,
            Self::Ldap => ldap(plain).await,
            Self::Postgres => postgres(plain).await,
            Self::Mysql => mysql(plain).await,
            Self::Xmpp => xmpp(plain, host, "jabber:client").await,
            Self::XmppServer => xmpp(plain, host, "jabber:server").await,
        };
        done.map_err(|talk| match talk {
            Talk::Io(source) => FetchError::Closed { stage: Stage::StartTls, source: Some(source) },
            Talk::Ended => FetchError::Closed { stage: Stage::StartTls, source: None },
            Talk::Said(said) => FetchError::NoStartTls { protocol: self, said },
            Talk::Foreign(said) => FetchError::NotProtocol { protocol: self, said },
        })
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = PROTOCOLS.iter().find(|(protocol, ..)| protocol == self);
        f.write_str(found.map_or("", |row| row.1))
    }
}

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        let text = text.to_ascii_lowercase();
        let found = PROTOCOLS
            .iter()
            .find(|(_, name, schemes, ..)| *name == text || schemes.contains(&text.as_str()));
        found.map(|row| row.0).ok_or(UnknownProtocol(text))
    }
}

/// An answer of SMTP or FTP: its last line; the lines before are `250-…`. Gives all.
async fn numbered(plain: &mut Plain) -> Result<Vec<String>, Talk> {
    let mut lines = Vec::new();
    loop {
        let line = plain.line().await?;
        let code = line.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
        let more = line.as_bytes().get(3) == Some(&b'-');
        // FTP may put lines without a number between.
        if code.is_none() && lines.is_empty() {
            return Err(Talk::Foreign(line));
        }
        lines.push(line.clone());
        if code.is_some() && !more {
            return Ok(lines);
        }
        if lines.len() > 200 {
            return Err(Talk::Foreign(line));
        }
    }
}

fn expect(lines: &[String], code: &str) -> Result<(), Talk> {
    let last = lines.last().cloned().unwrap_or_default();
    if last.starts_with(code) { Ok(()) } else { Err(Talk::Said(last)) }
}

async fn smtp(plain: &mut Plain, hello: &str) -> Result<(), Talk> {
    expect(&numbered(plain).await?, "220")?;
    plain.send(format!("{hello} skink.invalid\r\n").as_bytes()).await?;
    let offers = numbered(plain).await?;
    expect(&offers, "250")?;
    let word = |line: &String| line.get(4..).unwrap_or_default().trim().to_ascii_uppercase();
    if !offers.iter().any(|line| word(line) == "STARTTLS") {
        return Err(Talk::Said("it does not list STARTTLS among what it offers".into()));
    }
    plain.send(b"STARTTLS\r\n").await?;
    expect(&numbered(plain).await?, "220")
}

async fn ftp(plain: &mut Plain) -> Result<(), Talk> {
    expect(&numbered(plain).await?, "220")?;
    plain.send(b"AUTH TLS\r\n").await?;
    expect(&numbered(plain).await?, "234")
}

async fn imap(plain: &mut Plain) -> Result<(), Talk> {
    let greeting = plain.line().await?;
    if !greeting.starts_with("* ") {
        return Err(Talk::Foreign(greeting));
    }
    plain.send(b"a1 STARTTLS\r\n").await?;
    for _ in 0..100 {
        let line = plain.line().await?;
        if let Some(answer) = line.strip_prefix("a1 ") {
            return match answer.get(..2) {
                Some("OK") => Ok(()),
                _ => Err(Talk::Said(answer.to_owned())),
            };
        }
    }
    Err(Talk::Foreign(greeting))
}

async fn pop3(plain: &mut Plain) -> Result<(), Talk> {
    let greeting = plain.line().await?;
    if !greeting.starts_with("+OK") {
        return Err(Talk::Foreign(greeting));
    }
    plain.send(b"STLS\r\n").await?;
    let answer = plain.line().await?;
    if answer.starts_with("+OK") { Ok(()) } else { Err(Talk::Said(answer)) }
}

/// An extended request with the name 1.3.6.1.4.1.1466.20037.
const LDAP_START: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// The tags of an extended response and of an enumeration.
const EXTENDED_RESPONSE: u8 = 0x78;
const ENUMERATED: u8 = 0x0a;

async fn ldap(plain: &mut Plain) -> Result<(), Talk> {
    plain.send(LDAP_START).await?;
    let [tag, first] = plain.exactly::<2>().await?;
    if tag != 0x30 {
        return Err(Talk::Foreign(shown(&[tag, first])));
    }
    let length = match first {
        0x00..=0x7f => usize::from(first),
        0x81..=0x84 => {
            let bytes = plain.bytes(usize::from(first & 0x7f)).await?;
            bytes.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte))
        }
        _ => return Err(Talk::Foreign(shown(&[tag, first]))),
    };
    if length > 8 * 1024 {
        return Err(Talk::Foreign("an answer that is too long".into()));
    }
    let body = plain.bytes(length).await?;
    let Some(at) = body.iter().position(|byte| *byte == EXTENDED_RESPONSE) else {
        return Err(Talk::Foreign(shown(&body)));
    };
    let result = body[at..].windows(3).find(|it| it[0] == ENUMERATED && it[1] == 1);
    match result.map(|it| it[2]) {
        Some(0) => Ok(()),
        Some(2) => Err(Talk::Said("protocol error (2): it does not know StartTLS".into())),
        Some(52) => Err(Talk::Said("unavailable (52): it has no certificate to use".into())),
        Some(53) => Err(Talk::Said("unwilling to perform (53)".into())),
        Some(code) => Err(Talk::Said(format!("result code {code}"))),
        None => Err(Talk::Foreign(shown(&body))),
    }
}

/// Length 8, then the number of the `SSLRequest`, 80877103.
const POSTGRES_START: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

async fn postgres(plain: &mut Plain) -> Result<(), Talk> {
    plain.send(&POSTGRES_START).await?;
    match plain.exactly::<1>().await? {
        [b'S'] => Ok(()),
        [b'N'] => Err(Talk::Said("it answers N: `ssl` is off, or it has no certificate".into())),
        [b'E'] => Err(Talk::Said("it answers with an error: it is older than TLS".into())),
        [byte] => Err(Talk::Foreign(shown(&[byte]))),
    }
}

/// The flag by which a server says that it speaks TLS, and what a client says it can do.
const MYSQL_SSL: u16 = 0x0800;
const MYSQL_CLIENT: u32 = 0x0008_a205;

async fn mysql(plain: &mut Plain) -> Result<(), Talk> {
    let [a, b, c, sequence] = plain.exactly::<4>().await?;
    let length = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
    if length > 1024 || sequence != 0 {
        return Err(Talk::Foreign(shown(&[a, b, c, sequence])));
    }
    let greeting = plain.bytes(length).await?;
    if greeting.first() == Some(&0xff) {
        return Err(Talk::Said(shown(greeting.get(3..).unwrap_or_default())));
    }
    let version = greeting.get(1..).unwrap_or_default();
    let end = version.iter().position(|byte| *byte == 0);
    // Version and its end, connection id, eight bytes of salt and a filler stand before the flags.
    let flags = end.and_then(|end| version.get(end + 14..end + 16));
    let (Some(&10), Some(&[low, high])) = (greeting.first(), flags) else {
        return Err(Talk::Foreign(shown(&greeting)));
    };
    if u16::from_le_bytes([low, high]) & MYSQL_SSL == 0 {
        return Err(Talk::Said("it does not list TLS among what it can do".into()));
    }
    let mut request = vec![32, 0, 0, 1];
    request.extend((MYSQL_CLIENT | u32::from(MYSQL_SSL)).to_le_bytes());
    request.extend(0x0100_0000_u32.to_le_bytes());
    request.push(45);
    request.extend([0; 23]);
    plain.send(&request).await
}

async fn xmpp(plain: &mut Plain, host: &str, namespace: &str) -> Result<(), Talk> {
    let open = format!(
        "<?xml version='1.0'?><stream:stream xmlns='{namespace}' \
         xmlns:stream='http://etherx.jabber.org/streams' to='{}' version='1.0'>",
        host.replace(['<', '>', '&', '\'', '"'], "")
    );
    plain.send(open.as_bytes()).await?;
    // `<stream:features/>` is no answer of a server that has TLS.
    let features = plain.until(b"</stream:features>").await?;
    let features = String::from_utf8_lossy(&features);
    if !features.contains("urn:ietf:params:xml:ns:xmpp-tls") {
        return Err(Talk::Said("it does not list starttls among its features".into()));
    }
    plain.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await?;
    let answer = plain.until(b">").await?;
    let answer = String::from_utf8_lossy(&answer).trim_start().to_owned();
    if answer.starts_with("<proceed") { Ok(()) } else { Err(Talk::Said(answer)) }
}
