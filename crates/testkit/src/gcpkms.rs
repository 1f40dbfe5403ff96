//! A Google Cloud KMS of our own, as the service publishes itself: its paths, words and states, its
//! checksums, real signatures, and permissions for each access token as IAM gives them. It can be
//! told to misbehave when it is asked to sign. The vendor's own client for Python drives it too.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use skink_x509::PublicKey;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

mod crypto;
mod identity;
mod refusal;
mod symmetric;
pub mod words;
mod world;

pub use crypto::crc32c;
pub use identity::DISABLING_ROLE;
use identity::{Grants, Who};
pub use refusal::error;
use refusal::{Refusal, Refused, reason};
use world::{Answered, Asked, World};

/// The one key ring that is there.
pub const RING: &str = "projects/pki/locations/europe-west3/keyRings/authorities";

/// What happens to every attempt at a signature.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is answered with this status, this `Retry-After` and this body.
    Answer(u16, Option<u32>, String),
    /// It is taken and never answered.
    Silence,
    /// It is taken, and the connection ends.
    Cut,
    /// The key signs, and the answer is changed on its way.
    Mangle(fn(&mut Value)),
}

/// A call that came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The permission that it needs, which is what it is called by here.
    pub call: &'static str,
    /// What the service writes into its audit log.
    pub reason: Option<String>,
}

/// The service, stopped when dropped.
pub struct Fake {
    /// Where it answers.
    pub address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    server: AbortHandle,
}

#[derive(Default)]
struct Shared {
    world: World,
    grants: Grants,
    fault: Option<(&'static str, Fault)>,
    seen: Vec<Seen>,
}

type Call = fn(&mut World, &Asked<'_>) -> Answered;

/// Every call that is known: method, shape of the path, permission, and what does it.
const CALLS: [(Method, &str, &str, Call); 18] = [
    (Method::POST, "cryptoKeys", "cryptoKeys.create", World::create_key),
    (Method::GET, "cryptoKeys", "cryptoKeys.list", World::list_keys),
    (Method::GET, "cryptoKeys/K", "cryptoKeys.get", World::get_key),
    (Method::GET, "cryptoKeys/K:getIamPolicy", "cryptoKeys.getIamPolicy", World::policy),
    (Method::POST, "cryptoKeys/K:encrypt", "cryptoKeyVersions.useToEncrypt", World::encrypt),
    (
        Method::POST,
        "cryptoKeys/K/cryptoKeyVersions/N:encrypt",
        "cryptoKeyVersions.useToEncrypt",
        World::encrypt,
    ),
    (Method::POST, "cryptoKeys/K:decrypt", "cryptoKeyVersions.useToDecrypt", World::decrypt),
    (Method::POST, "cryptoKeys/K:updatePrimaryVersion", "cryptoKeys.update", World::elect),
    (Method::POST, "cryptoKeys/K:setIamPolicy", "cryptoKeys.setIamPolicy", World::set_policy),
    // It answers for whoever asks.
    (Method::POST, "cryptoKeys/K:testIamPermissions", TEST, World::policy),
    (
        Method::POST,
        "cryptoKeys/K/cryptoKeyVersions",
        "cryptoKeyVersions.create",
        World::create_version,
    ),
    (Method::GET, "cryptoKeys/K/cryptoKeyVersions", "cryptoKeyVersions.list", World::list_versions),
    (Method::GET, "cryptoKeys/K/cryptoKeyVersions/N", "cryptoKeyVersions.get", World::get_version),
    (
        Method::PATCH,
        "cryptoKeys/K/cryptoKeyVersions/N",
        "cryptoKeyVersions.update",
        World::update_version,
    ),
    (
        Method::GET,
        "cryptoKeys/K/cryptoKeyVersions/N/publicKey",
        "cryptoKeyVersions.viewPublicKey",
        World::public_key,
    ),
    (
        Method::POST,
        "cryptoKeys/K/cryptoKeyVersions/N:destroy",
        "cryptoKeyVersions.destroy",
        World::destroy_version,
    ),
    (
        Method::POST,
        "cryptoKeys/K/cryptoKeyVersions/N:restore",
        "cryptoKeyVersions.restore",
        World::restore_version,
    ),
    (
        Method::POST,
        "cryptoKeys/K/cryptoKeyVersions/N:asymmetricSign",
        "cryptoKeyVersions.useToSign",
        World::sign,
    ),
];
/// What signing is called by here.
pub const SIGN: &str = "cryptoKeyVersions.useToSign";
const TEST: &str = "cryptoKeys.testIamPermissions";
const SHOW: &str = "cryptoKeyVersions.viewPublicKey";

impl Fake {
    /// Starts one with an empty key ring.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Mutex<Shared>>::default();
        shared.lock().unwrap().world.add_ring(RING);
        let serving = serve(listener, Arc::clone(&shared));
        Self { address, shared, server: tokio::spawn(serving).abort_handle() }
    }

    /// Whoever shows no credential is the administrator.
    pub fn let_anybody_in(&self) {
        self.shared.lock().unwrap().grants.anybody = true;
    }

    /// A service account that may sign.
    pub fn trust(&self, account: &str, key: &PublicKey) {
        self.shared.lock().unwrap().grants.accounts.insert(account.to_owned(), key.clone());
    }

    /// A service account has this role on every key, as it might from the project.
    pub fn grant_everywhere(&self, account: &str, role: &'static str) {
        self.shared.lock().unwrap().grants.inherited.push((account.to_owned(), role));
    }

    /// From now on every answer to such a call is changed on its way.
    pub fn misencrypt(&self, call: &'static str, change: fn(&mut Value)) {
        self.shared.lock().unwrap().fault = Some((call, Fault::Mangle(change)));
    }

    /// From now on it does so to every attempt at a signature.
    pub fn misbehave(&self, fault: Fault) {
        self.shared.lock().unwrap().fault = Some((SIGN, fault));
    }

    /// From now on every public key is changed on its way.
    pub fn misshow(&self, change: fn(&mut Value)) {
        let fault = (SHOW, Fault::Mangle(change));
        self.shared.lock().unwrap().fault = Some(fault);
    }

    /// From now on a new version is looked at so often before there is something in it.
    pub fn take_time(&self, looks: u32) {
        self.shared.lock().unwrap().world.pending = looks;
    }

    /// A key as its administrator may make it by other means.
    ///
    /// Gives the resource name of its first version.
    pub fn make(&self, id: &str, key: &Value) -> String {
        let query = BTreeMap::from([("cryptoKeyId".to_owned(), id.to_owned())]);
        let asked =
            Asked { ring: RING, key: "", version: "", query: &query, body: key, numbers: false };
        let made = self.shared.lock().unwrap().world.create_key(&asked);
        assert!(made.is_ok());
        format!("{RING}/cryptoKeys/{id}/cryptoKeyVersions/1")
    }

    /// The calls of this kind that came.
    pub fn seen(&self, call: &str) -> Vec<Seen> {
        self.shared.lock().unwrap().seen.iter().filter(|seen| seen.call == call).cloned().collect()
    }

    /// It and all of its connections are gone.
    pub fn kill(&self) {
        self.server.abort();
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Dropped with everything in it, connections too.
async fn serve(listener: TcpListener, shared: Arc<Mutex<Shared>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, Arc::clone(&shared)));
    }
}

async fn connection(stream: TcpStream, shared: Arc<Mutex<Shared>>) {
    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
    let served = hyper::server::conn::http1::Builder::new();
    let _ = served.serve_connection(TokioIo::new(stream), service).await;
}

/// The connection ends instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut")]
struct Cut;

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Mutex<Shared>>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let known = route(&head.method, head.uri.path());
    let account = impersonated(&head.method, head.uri.path());
    let fault = {
        let mut shared = shared.lock().unwrap();
        if let Some(routed) = &known {
            let reason = head.headers.get("x-goog-request-reason");
            let reason = reason.map(|reason| reason.to_str().unwrap().to_owned());
            shared.seen.push(Seen { call: routed.permission, reason });
        }
        let permission = known.as_ref().map(|routed| routed.permission);
        shared.fault.clone().filter(|(call, _)| permission == Some(*call)).map(|(_, fault)| fault)
    };
    let mangle = match fault {
        Some(Fault::Answer(status, retry, body)) => return Ok(respond(status, retry, body)),
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::Cut) => return Err(Cut),
        Some(Fault::Mangle(mangle)) => Some(mangle),
        None => None,
    };
    let token = head.headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    let query = query(head.uri.query().unwrap_or_default());
    // RSA keys take their time, and nobody else shall wait for them.
    let done = tokio::task::spawn_blocking(move || {
        let mut shared = shared.lock().unwrap();
        let who = shared.grants.who(token.as_deref())?;
        match account {
            Some(account) => shared.grants.mint(&who, &account, &json(&body)?),
            None => done(&mut shared, known, &who, &query, &json(&body)?),
        }
    });
    let (status, mut value) = match done.await.unwrap() {
        Ok(value) => (200, value),
        Err(Refused { status, body }) => (status, body),
    };
    if let Some(mangle) = mangle {
        mangle(&mut value);
    }
    Ok(respond(status, None, value.to_string()))
}

fn done(
    shared: &mut Shared,
    known: Option<Routed>,
    who: &Who,
    query: &BTreeMap<String, String>,
    body: &Value,
) -> Answered {
    let Some(routed) = known else {
        return Err(Refusal::Unimplemented.because("There is no such call."));
    };
    let policy = shared.world.policy_of(&routed.ring, &routed.key);
    if routed.permission == TEST {
        let asked = body["permissions"].as_array().into_iter().flatten();
        let has = |full: &&Value| {
            let name = full.as_str().and_then(|name| name.strip_prefix("cloudkms."));
            name.is_some_and(|name| shared.grants.allow(who, name, policy))
        };
        return Ok(json!({ "permissions": asked.filter(has).collect::<Vec<_>>() }));
    }
    if !shared.grants.allow(who, routed.permission, policy) {
        let words = format!(
            "Permission 'cloudkms.{}' denied on resource '{}' (or it may not exist).",
            routed.permission, routed.ring
        );
        return Err(Refusal::PermissionDenied.with(&words, &[reason("IAM_PERMISSION_DENIED")]));
    }
    let numbers = query.get("$alt").is_some_and(|alt| alt == "json;enum-encoding=int");
    let asked = Asked {
        ring: &routed.ring,
        key: &routed.key,
        version: &routed.version,
        query,
        body,
        numbers,
    };
    (routed.call)(&mut shared.world, &asked)
}

fn json(body: &[u8]) -> Result<Value, Refused> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body)
        .map_err(|_| Refusal::InvalidArgument.because("Invalid JSON payload"))
}

/// The service account for which an access token is wanted: another service's call, which is here
/// too.
fn impersonated(method: &Method, path: &str) -> Option<String> {
    let account = path.strip_prefix("/v1/projects/-/serviceAccounts/")?;
    let account = account.strip_suffix(":generateAccessToken")?;
    (method == Method::POST).then(|| account.replace("%40", "@"))
}

/// What a path and a method mean.
struct Routed {
    permission: &'static str,
    call: Call,
    ring: String,
    key: String,
    version: String,
}

fn route(method: &Method, path: &str) -> Option<Routed> {
    let path = path.strip_prefix("/v1/")?;
    let parts: Vec<&str> = path.split('/').collect();
    let [_, _, _, _, _, _, rest @ ..] = &parts[..] else { return None };
    let ring = parts[..6].join("/");
    let (mut key, mut version) = (String::new(), String::new());
    let mut shape = Vec::new();
    for (place, part) in rest.iter().enumerate() {
        let (name, verb) =
            part.split_once(':').map_or((*part, None), |(name, verb)| (name, Some(verb)));
        let letter = match place {
            1 => {
                name.clone_into(&mut key);
                "K"
            }
            3 => {
                name.clone_into(&mut version);
                "N"
            }
            _ => name,
        };
        shape.push(verb.map_or_else(|| letter.to_owned(), |verb| format!("{letter}:{verb}")));
    }
    let shape = shape.join("/");
    let found = CALLS.into_iter().find(|(verb, path, ..)| verb == method && *path == shape);
    found.map(|(.., permission, call)| Routed { permission, call, ring, key, version })
}

fn query(text: &str) -> BTreeMap<String, String> {
    let decoded = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            (bytes, rest) = match (first, after.split_at_checked(2)) {
                (b'%', Some((digits, after))) => {
                    bytes.extend(hex::decode(digits).unwrap());
                    (bytes, after)
                }
                (byte, _) => {
                    bytes.push(if *byte == b'+' { b' ' } else { *byte });
                    (bytes, after)
                }
            };
        }
        String::from_utf8(bytes).unwrap()
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn respond(status: u16, retry: Option<u32>, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    response = response.header(CONTENT_TYPE, "application/json; charset=UTF-8");
    if let Some(seconds) = retry {
        response = response.header("retry-after", seconds);
    }
    response.body(Full::new(Bytes::from(body))).unwrap()
}
