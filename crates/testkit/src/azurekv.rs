//! An Azure Key Vault of our own, as the service publishes itself: HTTPS with its challenge, its
//! paths, words and refusals, deletion that can be taken back, real signatures, and permissions as
//! access policies give them to each application. It makes access tokens as Entra ID does, and can
//! be told to misbehave. The vendor's own client for Python drives it too.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use skink_x509::KeyAlgorithm;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::{Shape, TestAuthority, TestKey, machine_time};

mod crypto;
mod entra;
mod paths;
mod refusal;
mod world;

use entra::Directory;
use paths::Routed;
pub use refusal::error;
use refusal::{Refusal, Refused};
use world::{Answered, Asked, World};

/// The call that signs, by its name in an access policy.
pub const SIGN: &str = "sign";
/// The call that reads a key.
pub const GET: &str = "get";
/// What tokens are asked for.
const RESOURCE: &str = "https://vault.azure.net";

/// Whoever has an application of their own, and what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Everything.
    Administrator,
    /// Looks at keys, and signs with them.
    Signer,
    /// Looks at keys, and changes their attributes.
    Custodian,
    /// Nothing.
    Stranger,
}

/// What happens to a call instead of an answer, or to its answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is answered with this status, this `Retry-After` and this body.
    Answer(u16, Option<u32>, String),
    /// It is taken and never answered.
    Silence,
    /// It is taken, and the connection ends.
    Cut,
    /// It is done, and the answer is changed on its way.
    Mangle(fn(&mut Value)),
}

/// A call that came with an access token.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The call's name in an access policy.
    pub call: &'static str,
    /// The caller's own id of the call, which the service writes into its log.
    pub client_request_id: Option<String>,
    /// The service's id of the call.
    pub request_id: String,
}

/// A running vault; it ends when dropped.
pub struct AzureKv {
    address: SocketAddr,
    ca_pem: String,
    shared: Arc<Mutex<Shared>>,
    server: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

struct Shared {
    world: World,
    directory: Directory,
    fault: Option<(&'static str, Fault)>,
    seen: Vec<Seen>,
}

impl AzureKv {
    /// Starts one on a free port of the loopback, in a thread of its own.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let authority =
            TestAuthority::root("Vault Test Root", KeyAlgorithm::EcP256, machine_time());
        let tls = TlsAcceptor::from(Arc::new(tls(&authority)));
        let shared = Arc::new(Mutex::new(Shared {
            world: World::new(&format!("https://{address}")),
            directory: Directory::new(),
            fault: None,
            seen: Vec::new(),
        }));
        let (stop, stopped) = oneshot::channel();
        let sharing = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_all().build().unwrap().block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = serve(listener, tls, sharing) => {}
                    _ = stopped => {}
                }
            });
        });
        let ca_pem = authority.certificate.to_pem();
        Self { address, ca_pem, shared, server: Some((stop, thread)) }
    }

    /// The vault's URL, without a slash at its end. Tokens are made there too.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The certificate of the authority that vouches for it.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The tenant of its applications.
    pub fn tenant(&self) -> &'static str {
        entra::TENANT
    }

    /// An access token of an application, good for as long as it runs.
    pub fn token(&self, part: Part) -> String {
        self.shared.lock().unwrap().directory.token(part)
    }

    /// An access token of an application that was good once.
    pub fn expired_token(&self) -> String {
        self.shared.lock().unwrap().directory.expired_token()
    }

    /// The id and the secret of an application.
    pub fn application(&self, part: Part) -> (String, String) {
        self.shared.lock().unwrap().directory.application(part)
    }

    /// From now on it does so to every call of this name, until it is told otherwise.
    pub fn misbehave(&self, call: &'static str, fault: Fault) {
        self.shared.lock().unwrap().fault = Some((call, fault));
    }

    /// From now on it behaves.
    pub fn behave(&self) {
        self.shared.lock().unwrap().fault = None;
    }

    /// From now on a key that is deleted or brought back is looked at so often before it is so.
    pub fn take_time(&self, looks: u32) {
        self.shared.lock().unwrap().world.looks = looks;
    }

    /// From now on what is deleted can be brought back for so many days, 7 to 90.
    pub fn keep_deleted(&self, days: i64) {
        self.shared.lock().unwrap().world.keep_days = days;
    }

    /// A key as its administrator may make it by other means: `asked` is the body of a call that
    /// creates. Gives its URL, with the version.
    pub fn make(&self, name: &str, asked: &Value) -> String {
        let query = BTreeMap::new();
        let asked = Asked { name, version: "", query: &query, body: asked };
        let made = self.shared.lock().unwrap().world.create(&asked);
        let made = made.unwrap_or_else(|refused| panic!("{}", refused.body));
        made["key"]["kid"].as_str().unwrap().to_owned()
    }

    /// The calls of a name that came with an access token.
    pub fn seen(&self, call: &str) -> Vec<Seen> {
        self.shared.lock().unwrap().seen.iter().filter(|seen| seen.call == call).cloned().collect()
    }

    /// It and all of its connections are gone.
    pub fn kill(&mut self) {
        if let Some((stop, thread)) = self.server.take() {
            drop(stop);
            thread.join().unwrap();
        }
    }
}

impl Drop for AzureKv {
    fn drop(&mut self) {
        self.kill();
    }
}

impl fmt::Debug for AzureKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AzureKv").field(&self.url()).finish()
    }
}

fn tls(authority: &TestAuthority) -> ServerConfig {
    let key = TestKey::generate(KeyAlgorithm::EcP256);
    let shape = Shape::named("vault.test").dns("localhost").ip("127.0.0.1");
    let chain = vec![CertificateDer::from(authority.issue(&key, &shape).der().to_vec())];
    let key = PrivatePkcs8KeyDer::from(key.pkcs8_der().to_vec());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    builder.with_single_cert(chain, key.into()).unwrap()
}

/// Dropped with everything in it, connections too.
async fn serve(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Mutex<Shared>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, tls.clone(), Arc::clone(&shared)));
    }
}

async fn connection(stream: TcpStream, tls: TlsAcceptor, shared: Arc<Mutex<Shared>>) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
    let served = hyper::server::conn::http1::Builder::new();
    let _ = served.serve_connection(TokioIo::new(stream), service).await;
}

/// The connection ends instead of an answer.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Cut {}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Mutex<Shared>>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let header =
        |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let (method, path) = (head.method.clone(), head.uri.path().to_owned());
    if let Some(tenant) = path.strip_suffix("/oauth2/v2.0/token") {
        let given = shared.lock().unwrap().directory.grant(tenant, &body);
        let (status, body) = given.unwrap_or_else(|refused| (refused.status, refused.body));
        return Ok(Answer::plain(status, body.to_string()).respond());
    }
    let mut answer = Answer::plain(200, String::new());
    answer.request_id = random_guid();
    answer.client_request_id = header("x-ms-client-request-id");
    let known = paths::route(&method, &path);
    let token = header(AUTHORIZATION.as_str());
    let mut mangle = None;
    // Faults are of the service itself: whoever shows no token gets no further than its door.
    if let (Some(routed), true) = (&known, token.is_some()) {
        let fault = {
            let mut shared = shared.lock().unwrap();
            shared.seen.push(Seen {
                call: routed.permission,
                client_request_id: answer.client_request_id.clone(),
                request_id: answer.request_id.clone(),
            });
            shared.fault.clone().filter(|(call, _)| routed.permission == *call)
        };
        match fault.map(|(_, fault)| fault) {
            Some(Fault::Answer(status, retry, body)) => {
                (answer.status, answer.retry, answer.body) = (status, retry, body);
                return Ok(answer.respond());
            }
            Some(Fault::Silence) => std::future::pending().await,
            Some(Fault::Cut) => return Err(Cut),
            Some(Fault::Mangle(change)) => mangle = Some(change),
            None => {}
        }
    }
    let query = paths::query(head.uri.query().unwrap_or_default());
    // RSA keys take their time, and nobody else shall wait for them.
    let done = tokio::task::spawn_blocking(move || {
        let mut shared = shared.lock().unwrap();
        done(&mut shared, known, token.as_deref(), &query, &body)
    });
    let mut value = match done.await.unwrap() {
        Ok(value) => value,
        Err(refused) => {
            (answer.status, answer.challenge) = (refused.status, refused.challenge);
            refused.body
        }
    };
    if let Some(mangle) = mangle {
        mangle(&mut value);
    }
    answer.body = if value.is_null() { String::new() } else { value.to_string() };
    if value.is_null() {
        answer.status = 204;
    }
    Ok(answer.respond())
}

fn done(
    shared: &mut Shared,
    known: Option<Routed>,
    token: Option<&str>,
    query: &BTreeMap<String, String>,
    body: &[u8],
) -> Answered {
    let who = shared.directory.who(token).map_err(|refused| Refused {
        challenge: Some(format!(
            r#"Bearer authorization="{}/{}", resource="{RESOURCE}""#,
            shared.world.base(),
            entra::TENANT
        )),
        ..refused
    })?;
    let Some(routed) = known else {
        return Err(Refusal::NotFound.because("There is no such path."));
    };
    if !who.may(routed.permission) {
        let words = format!(
            "The user, group or application 'appid={};oid={};iss=https://sts.windows.net/{}/' \
             does not have keys {} permission on key vault 'fake;location=westeurope'. For help \
             resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287",
            entra::id(who),
            entra::id(who),
            entra::TENANT,
            routed.permission
        );
        return Err(Refusal::Forbidden.precisely("ForbiddenByPolicy", &words));
    }
    paths::known_version(query)?;
    let body = if body.is_empty() { Ok(json!({})) } else { serde_json::from_slice(body) };
    let body = body.map_err(|_| Refusal::BadParameter.because("Property has invalid value"))?;
    let asked = Asked { name: &routed.name, version: &routed.version, query, body: &body };
    (routed.call)(&mut shared.world, &asked)
}

struct Answer {
    status: u16,
    retry: Option<u32>,
    challenge: Option<String>,
    request_id: String,
    client_request_id: Option<String>,
    body: String,
}

impl Answer {
    fn plain(status: u16, body: String) -> Self {
        let request_id = String::new();
        Self { status, retry: None, challenge: None, request_id, client_request_id: None, body }
    }

    fn respond(self) -> Response<Full<Bytes>> {
        let mut response = Response::builder()
            .status(self.status)
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .header("cache-control", "no-cache")
            .header("x-ms-keyvault-region", "westeurope")
            .header("x-ms-keyvault-service-version", "2.2.1234.1")
            .header("x-ms-request-id", self.request_id);
        if let Some(id) = self.client_request_id {
            response = response.header("x-ms-client-request-id", id);
        }
        if let Some(seconds) = self.retry {
            response = response.header(RETRY_AFTER, seconds);
        }
        if let Some(challenge) = self.challenge {
            response = response.header(WWW_AUTHENTICATE, challenge);
        }
        response.body(Full::new(Bytes::from(self.body))).unwrap()
    }
}

fn random_hex() -> String {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).unwrap();
    hex::encode(random)
}

fn random_guid() -> String {
    let hex = random_hex();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
