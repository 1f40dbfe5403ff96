use std::sync::Arc;

use skink_fetch::{FetchError, Options, Place, Protocol, Sni, fetch};

use crate::servers::Turn::{self, Hear, Say};
use crate::servers::{Clients, listen, play, tls};

/// A server that plays `script` and then goes on in TLS.
async fn server(script: &[Turn]) -> Place {
    let config = tls(Clients::NotAsked, b"").config;
    let script: Arc<[Turn]> = script.into();
    listen(move |stream| play(stream, Arc::clone(&script), Arc::clone(&config))).await
}

async fn ends_in_tls(protocol: Protocol, script: &[Turn]) {
    let place = server(script).await.speaking(protocol);
    let options = Options { sni: Sni::Name("corp.test".into()), ..Options::default() };
    let presented = fetch(&place, &options).await.unwrap_or_else(|e| panic!("{protocol}: {e}"));
    assert_eq!(presented.chain.len(), 2, "{protocol}");
}

async fn refusal(protocol: Protocol, script: &[Turn]) -> FetchError {
    let place = server(script).await.speaking(protocol);
    fetch(&place, &Options::default()).await.unwrap_err()
}

const EHLO: &[u8] = b"EHLO skink.invalid\r\n";

#[tokio::test]
async fn mail_is_asked_in_its_own_words() {
    let offers = b"250-mx at your service\r\n250-SIZE 1000\r\n250-starttls\r\n250 HELP\r\n";
    ends_in_tls(
        Protocol::Smtp,
        &[
            Say(b"220-mx\r\n220 ready\r\n"),
            Hear(EHLO),
            Say(offers),
            Hear(b"STARTTLS\r\n"),
            Say(b"220 go ahead\r\n"),
        ],
    )
    .await;
    ends_in_tls(
        Protocol::Imap,
        &[
            Say(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"),
            Hear(b"a1 STARTTLS\r\n"),
            Say(b"* NOTE\r\na1 OK begin\r\n"),
        ],
    )
    .await;
    let pop3 = &[Say(b"+OK ready\r\n"), Hear(b"STLS\r\n"), Say(b"+OK begin\r\n")];
    ends_in_tls(Protocol::Pop3, pop3).await;
    let ftp = &[Say(b"220 ready\r\n"), Hear(b"AUTH TLS\r\n"), Say(b"234 begin\r\n")];
    ends_in_tls(Protocol::Ftp, ftp).await;
}

#[tokio::test]
async fn directories_databases_and_chat_are_asked_in_theirs() {
    ends_in_tls(
        Protocol::Ldap,
        &[
            Hear(b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"),
            Say(b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"),
        ],
    )
    .await;
    ends_in_tls(Protocol::Postgres, &[Hear(&[0, 0, 0, 8, 4, 210, 22, 47]), Say(b"S")]).await;
    ends_in_tls(
        Protocol::Mysql,
        &[
            Say(
                b"\x26\0\0\0\x0a8.0.36\0\x01\0\0\0saltsalt\0\xff\xff\x2d\x02\0\xff\xc7\x15\0\0\0\0",
            ),
            Say(b"\0\0\0\0\0"),
            Hear(b"\x20\0\0\x01\x05\xaa\x08\0\0\0\0\x01\x2d"),
            Hear(&[0; 23]),
        ],
    )
    .await;
    ends_in_tls(
        Protocol::Xmpp,
        &[
            Hear(b"<?xml version='1.0'?><stream:stream xmlns='jabber:client'"),
            Hear(b" xmlns:stream='http://etherx.jabber.org/streams' to='corp.test' version='1.0'>"),
            Say(b"<?xml version='1.0'?><stream:stream from='corp.test'><stream:features>"),
            Say(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"),
            Hear(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
            Say(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_that_speaks_something_else() {
    let none = &[Say(b"220 mx\r\n"), Hear(EHLO), Say(b"250-mx\r\n250 SIZE\r\n")];
    let error = refusal(Protocol::Smtp, none).await;
    assert!(error.to_string().contains("does not list STARTTLS"), "{error}");
    let off = refusal(Protocol::Postgres, &[Hear(&[0, 0, 0, 8, 4, 210, 22, 47]), Say(b"N")]).await;
    assert!(off.to_string().contains("`ssl` is off"), "{off}");
    let unavailable = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00";
    let ldap = refusal(Protocol::Ldap, &[Hear(b"\x30\x1d\x02\x01\x01"), Say(unavailable)]).await;
    assert!(ldap.to_string().contains("unavailable (52)"), "{ldap}");
    let web = refusal(Protocol::Imap, &[Say(b"HTTP/1.1 400 Bad Request\r\n")]).await;
    assert!(matches!(web, FetchError::NotProtocol { .. }), "{web:?}");
    let blocked =
        b"\x44\0\0\0\xff\x6a\x04Host '10.0.0.1' is not allowed to connect to this MariaDB server.";
    let mysql = refusal(Protocol::Mysql, &[Say(blocked)]).await;
    assert!(mysql.to_string().contains("is not allowed to connect"), "{mysql}");
}
