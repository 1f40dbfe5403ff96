use std::sync::Arc;

use skink_fetch::{FetchError, Options, Place, fetch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;

use crate::servers::{Clients, finish, listen, tls};

/// A name that only the proxy can look up.
const INSIDE: &str = "inside.invalid:443";

async fn server() -> Place {
    let config = tls(Clients::NotAsked, b"").config;
    listen(move |stream| finish(stream, Arc::clone(&config))).await
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn hand_on(mut stream: TcpStream, server: &Place) {
    let mut onward = TcpStream::connect((server.host.as_str(), server.port)).await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut onward).await;
}

async fn through(proxy: String) -> Result<usize, FetchError> {
    let options = Options { proxy: Some(proxy.parse().unwrap()), ..Options::default() };
    fetch(&INSIDE.parse().unwrap(), &options).await.map(|presented| presented.chain.len())
}

#[tokio::test]
async fn a_web_proxy_opens_the_way_and_may_want_a_password() {
    let server = server().await;
    let proxy = listen(move |mut stream| {
        let server = server.clone();
        async move {
            let request = head(&mut stream).await;
            assert!(request.starts_with("CONNECT inside.invalid:443 HTTP/1.1\r\n"), "{request}");
            if request.contains("Proxy-Authorization: Basic bWU6c2VjcmV0\r\n") {
                stream.write_all(b"HTTP/1.1 200 Established\r\nVia: x\r\n\r\n").await.unwrap();
                hand_on(stream, &server).await;
            } else {
                let no = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
                stream.write_all(no).await.unwrap();
            }
        }
    });
    let proxy = proxy.await;
    assert_eq!(through(format!("http://me:secret@{proxy}")).await.unwrap(), 2);
    let error = through(format!("http://{proxy}")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the proxy http://{proxy} does not open the way: HTTP/1.1 407 Proxy Authentication \
             Required"
        )
    );
}

#[tokio::test]
async fn a_socks_proxy_looks_up_the_name() {
    let server = server().await;
    let proxy = listen(move |mut stream| {
        let server = server.clone();
        async move {
            let mut methods = [0; 3];
            stream.read_exact(&mut methods).await.unwrap();
            assert_eq!(methods, [5, 1, 0]);
            stream.write_all(&[5, 0]).await.unwrap();
            let mut request = vec![0; 4 + 1 + 14 + 2];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(request, [&[5, 1, 0, 3, 14][..], b"inside.invalid", &[1, 187]].concat());
            stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]).await.unwrap();
            hand_on(stream, &server).await;
        }
    });
    assert_eq!(through(format!("socks5://{}", proxy.await)).await.unwrap(), 2);
}

#[tokio::test]
async fn a_socks_proxy_may_refuse() {
    let proxy = listen(|mut stream| async move {
        stream.read_exact(&mut [0; 3]).await.unwrap();
        stream.write_all(&[5, 0]).await.unwrap();
        stream.read_exact(&mut [0; 21]).await.unwrap();
        stream.write_all(&[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
    });
    let error = through(format!("socks5h://{}", proxy.await)).await.unwrap_err();
    assert!(error.to_string().ends_with("its rules forbid it"), "{error}");
}
