//! Reads a list back from its distribution point, as any reader would: over plain HTTP.

use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use skink_model::with_causes;
use skink_x509::crl::Crl;
use skink_x509::{Certificate, Fingerprint};
use tokio::net::TcpStream;

use crate::app::App;
use crate::crl;
use crate::incident::measure::Expected;

const TIMEOUT: Duration = Duration::from_secs(10);

/// The digest of what the distribution point hands out, once issuer, number, signature and
/// freshness are good; otherwise what is wrong with it.
pub(super) async fn list(app: &App, wanted: &Expected) -> Result<Fingerprint, String> {
    let base = app.settings().base_url();
    let path = crl::path(&wanted.scope);
    let got = tokio::time::timeout(TIMEOUT, get(base, &path, wanted.size)).await;
    let der = got.map_err(|_| "the distribution point did not answer in time".to_owned())??;
    check(app, wanted, &der).await?;
    Ok(Fingerprint::of(&der))
}

async fn check(app: &App, wanted: &Expected, der: &[u8]) -> Result<(), String> {
    let list = Crl::from_der(der).map_err(|error| error.to_string())?;
    let signer = signer(app, &wanted.scope).await?;
    if list.issuer() != signer.subject() {
        return Err("it is of another issuer".to_owned());
    }
    if list.verify_signed_by(signer.public_key()).is_err() {
        return Err("its signature does not verify".to_owned());
    }
    let number = list.number().map(ToString::to_string).unwrap_or_default();
    if number != wanted.number.to_string() {
        return Err(format!("its number is {number}, not {}", wanted.number));
    }
    let now = app.now();
    let fresh = list.this_update() <= now && list.next_update().is_some_and(|until| until > now);
    if fresh { Ok(()) } else { Err("it does not speak now".to_owned()) }
}

/// Who signs the lists of a scope: its first part says.
async fn signer(app: &App, scope: &str) -> Result<Certificate, String> {
    let id = scope.split('/').next().unwrap_or_default();
    let id = id.parse().map_err(|_| format!("{scope} is no scope"))?;
    let authority = app.authority(&id).await.map_err(|error| with_causes(&error))?;
    let pem = authority.certificate.ok_or_else(|| format!("{id} has no certificate"))?.pem;
    Certificate::from_pem(&pem).map_err(|error| error.to_string())
}

/// At most `most` bytes: whoever may write to a distribution point must not fill our memory.
async fn get(base: &str, path: &str, most: usize) -> Result<Bytes, String> {
    let host = base.strip_prefix("http://").unwrap_or(base);
    let address = if has_port(host) { host.to_owned() } else { format!("{host}:80") };
    let failed = |error: &dyn std::error::Error| with_causes(error);
    let stream = TcpStream::connect(&address).await.map_err(|error| failed(&error))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| failed(&e))?;
    let running = tokio::spawn(connection);
    let request = Request::get(path).header(hyper::header::HOST, host);
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| failed(&error))?;
    let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("the distribution point answered {status}"));
    }
    let body = Limited::new(response.into_body(), most).collect().await;
    drop(sender);
    running.abort();
    let longer = |_| format!("the distribution point broke off, or has more than {most} bytes");
    Ok(body.map_err(longer)?.to_bytes())
}

/// Whether an authority of a URL names its port; IPv6 literals have colons of their own.
fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(before, port)| {
        port.bytes().all(|b| b.is_ascii_digit()) && (!before.contains(':') || before.ends_with(']'))
    })
}
