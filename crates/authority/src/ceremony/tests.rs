//! A server's side and the root's side, in one process, exchanging files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use skink_model::{AuthorityId, ManualClock, Rng, Time};
use skink_signer::chain::Head;
use skink_signer::sealed::Custodian;
use skink_signer::{Credential, KeyProvider, KeyUri, SoftwareProvider, ToSign};
use skink_x509::crl::Crl;
use skink_x509::{Certificate, Csr, CsrSpec, KeyAlgorithm, Name, PublicKey, SignatureAlgorithm};

use super::*;
use crate::fixture::{NOW, openssl};
use crate::hierarchy::AuthorityKind;

mod crossing;
mod ground;
mod kits;
mod lists;
mod packages;
mod pkilint;

struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, into: &mut [u8]) {
        let key = Credential::generate().unwrap();
        let bytes = key.expose().as_bytes();
        into.iter_mut().zip(bytes.iter().cycle()).for_each(|(to, from)| *to = *from);
    }
}

fn custodians() -> Vec<Custodian> {
    ["ada", "bob"].map(custodian).to_vec()
}

fn custodian(name: &str) -> Custodian {
    Custodian { name: name.to_owned(), passphrase: format!("passphrase of {name}").into() }
}

/// The root's machine.
struct Offline {
    dir: tempfile::TempDir,
    credential: Credential,
    clock: Arc<ManualClock>,
}

impl Offline {
    async fn new() -> Self {
        Self::with(KeyAlgorithm::EcP384).await
    }

    async fn with(algorithm: KeyAlgorithm) -> Self {
        let this = Self {
            dir: tempfile::tempdir().unwrap(),
            credential: Credential::generate().unwrap(),
            clock: Arc::new(ManualClock::new(NOW)),
        };
        let mut config = RootConfig::new("example", "http://pki.example");
        config.key_algorithm = algorithm.to_string();
        let (clock, rng) = (this.clock.clone(), Arc::new(SystemRng));
        let credential = this.credential.clone();
        OfflineRoot::init(&this.root_dir(), credential, config, clock, rng).await.unwrap();
        this
    }

    fn root_dir(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    async fn open(&self) -> OfflineRoot {
        self.try_open().await.unwrap()
    }

    async fn try_open(&self) -> Result<OfflineRoot, RootError> {
        let (credential, rng) = (self.credential.clone(), Arc::new(SystemRng));
        OfflineRoot::open(&self.root_dir(), credential, self.clock.clone(), rng).await
    }

    /// Signs in a process of its own.
    async fn sign(&self, request: &str, server: &Server) -> Result<Ceremony, RootError> {
        let request = Request::from_json(request).map_err(RootError::Document)?;
        let options = SignOptions {
            custodians: &custodians(),
            confirmed_requester: Some(server.public_key.digest()),
            anchors: Some(&|input: &AnchorsInput| format!("{{\"ceremony\":{}}}", input.ceremony)),
        };
        self.open().await.sign(&request, &options).await
    }

    async fn refusal(&self, request: &str, server: &Server) -> CeremonyRefused {
        match self.sign(request, server).await {
            Err(RootError::Refused(refused)) => refused,
            other => panic!("{other:?}"),
        }
    }

    fn wait(&self, by: Duration) {
        let now = skink_model::Clock::now(self.clock.as_ref());
        self.clock.set(now.plus(by));
    }
}

/// The server's machine.
struct Server {
    dir: tempfile::TempDir,
    provider: SoftwareProvider,
    control: KeyUri,
    public_key: PublicKey,
    info: RootInfo,
    root: Certificate,
    last: u64,
    head: Option<Head>,
    requests: u32,
    keys: BTreeMap<AuthorityId, KeyUri>,
    credentials: BTreeMap<AuthorityId, Credential>,
}

impl Server {
    async fn new(offline: &Offline) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let credential = Credential::generate().unwrap();
        let (provider, _) = SoftwareProvider::init(&dir.path().join("keys"), credential).unwrap();
        let control = provider.create("requests", KeyAlgorithm::EcP256).await.unwrap();
        let public_key = provider.public_key(&control).await.unwrap();
        let info = OfflineRoot::info_of(&offline.root_dir()).unwrap();
        let root = Certificate::from_pem(&info.certificate).unwrap();
        Self {
            dir,
            provider,
            control,
            public_key,
            info,
            root,
            last: 0,
            head: None,
            requests: 0,
            keys: BTreeMap::new(),
            credentials: BTreeMap::new(),
        }
    }

    fn locations(&self) -> crate::Locations {
        crate::Locations::new(&self.info.config.public_url).unwrap()
    }

    fn body(&mut self, certify: Vec<Certify>) -> RequestBody {
        self.requests += 1;
        RequestBody {
            id: format!("{:032x}", self.requests),
            domain: "example".to_owned(),
            root: self.root.fingerprint().to_string(),
            created_at_ms: NOW.as_millis(),
            ceremonies: self.last,
            root_head: self.head.clone(),
            certify,
            revoke: Vec::new(),
            floors: Vec::new(),
            journal_head: Some("0123".to_owned()),
        }
    }

    async fn request(&self, body: &RequestBody) -> String {
        let input = body.signing_input().unwrap();
        let message = ToSign::Message(&input);
        let how = SignatureAlgorithm::EcdsaSha256;
        let signature = self.provider.sign(&self.control, how, message).await.unwrap().bytes;
        Request::assemble(body, &self.public_key, &signature).unwrap().to_json().unwrap()
    }

    async fn certify(&mut self, issuer: &str, generation: u32, kind: AuthorityKind) -> Certify {
        let issuer = issuer.parse().unwrap();
        let authority = AuthorityId::generation(&issuer, generation);
        let key = self.provider.create(authority.as_str(), KeyAlgorithm::EcP256).await.unwrap();
        let csr = self.csr(&key).await;
        self.keys.insert(authority.clone(), key);
        let epoch = (kind == AuthorityKind::Trust).then_some(u64::from(generation));
        Certify { authority, issuer, kind, csr, epoch, standby: None }
    }

    /// A standby of the next generation, its credential sealed for the root and then forgotten.
    async fn standby(&mut self, issuer: &str, generation: u32) -> Certify {
        let issuer = issuer.parse().unwrap();
        let authority = AuthorityId::generation(&issuer, generation);
        let (name, algorithm) = (authority.as_str(), KeyAlgorithm::EcP256);
        let (key, credential) = self.provider.create_standby(name, algorithm).await.unwrap();
        let csr = self.csr(&key).await;
        self.provider.lock(&key);
        let plain = credential.expose().as_bytes();
        let envelope = self.info.sealing_key.seal(plain, name.as_bytes()).unwrap();
        self.credentials.insert(authority.clone(), credential);
        self.keys.insert(authority.clone(), key);
        let standby = StandbyFor {
            replaces: AuthorityId::generation(&issuer, generation - 1),
            credential: Some(envelope),
        };
        let kind = AuthorityKind::Issuing;
        Certify { authority, issuer, kind, csr, epoch: None, standby: Some(standby) }
    }

    async fn csr(&self, key: &KeyUri) -> String {
        let spec = CsrSpec {
            subject: Name::from_common_name(key.name()).unwrap(),
            public_key: self.provider.public_key(key).await.unwrap(),
            subject_alt_names: Vec::new(),
        };
        let (tbs, how) = (spec.tbs_der().unwrap(), spec.signature_algorithm());
        let signature = self.provider.sign(key, how, ToSign::Message(&tbs)).await.unwrap().bytes;
        let der = skink_x509::assemble(&tbs, how, &signature).unwrap();
        Csr::from_der(&der).unwrap().to_pem()
    }

    /// Reads a response file against the request file.
    fn accept(&self, request: &str, response: &str) -> Result<Accepted, NotAccepted> {
        let request = Request::from_json(request).unwrap();
        let response = Response::from_json(response).unwrap();
        response.accept(&request, &self.root, &self.locations(), self.last)
    }

    fn take_in(&mut self, request: &str, ceremony: &Ceremony) -> Accepted {
        let accepted = self.accept(request, &ceremony.response.to_json().unwrap()).unwrap();
        self.last = accepted.ceremony;
        self.head = Some(accepted.root_head.clone());
        accepted
    }
}

/// Control, trust, workloads and a standby of workloads: what `init` asks for.
async fn first_request(server: &mut Server) -> String {
    let certify = vec![
        server.certify("control", 1, AuthorityKind::Control).await,
        server.certify("trust", 1, AuthorityKind::Trust).await,
        server.certify("workloads", 1, AuthorityKind::Issuing).await,
        server.standby("workloads", 2).await,
    ];
    let body = server.body(certify);
    server.request(&body).await
}

/// Both machines after the first ceremony.
async fn begun() -> (Offline, Server, Ceremony, Accepted) {
    let offline = Offline::new().await;
    let mut server = Server::new(&offline).await;
    let request = first_request(&mut server).await;
    let ceremony = offline.sign(&request, &server).await.unwrap();
    let accepted = server.take_in(&request, &ceremony);
    (offline, server, ceremony, accepted)
}

/// A later ceremony of whatever `change` makes of an empty request.
async fn later(
    offline: &Offline,
    server: &mut Server,
    change: impl FnOnce(&mut RequestBody),
) -> (Ceremony, Accepted) {
    let mut body = server.body(Vec::new());
    change(&mut body);
    let request = server.request(&body).await;
    let ceremony = offline.sign(&request, server).await.unwrap();
    let accepted = server.take_in(&request, &ceremony);
    (ceremony, accepted)
}

fn list<'a>(accepted: &'a Accepted, scope: &str) -> &'a Crl {
    &accepted.lists.iter().find(|(list, _)| list.scope == scope).unwrap().1
}

fn certificate<'a>(accepted: &'a Accepted, authority: &str) -> &'a Certificate {
    let mut certified = accepted.certified.iter();
    &certified.find(|(one, _)| one.authority.as_str() == authority).unwrap().1
}

fn kit<'a>(ceremony: &'a Ceremony, authority: &str) -> &'a KitFile {
    ceremony.kits.iter().find(|kit| kit.facts().authority.as_str() == authority).unwrap()
}

fn open(kit: &KitFile) -> KitContents {
    let share = |name| {
        let person = custodian(name);
        kit.sealed().open_share(&person.name, &person.passphrase).unwrap()
    };
    kit.open(&share("ada"), &share("bob")).unwrap()
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
