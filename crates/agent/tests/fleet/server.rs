//! The server's side of the agents' channel.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use skink_api::agent::{
    Ack, BarrierProof, CertificateAnswer, CertificateRequest, DistrustProof, EndpointReport,
    EnrollRequest, Enrolled, Installed, PackageRef, PollAnswer, PollQuery, Purpose, RenewNow,
    Report,
};
use skink_api::token::EnrolmentToken;
use skink_api::{Code, Criticality, EndpointRole, EndpointSpec, Mechanism, Problem};
use skink_deploy::tls::provider;
use skink_testkit::{Shape, TestAuthority, TestKey, machine_time};
use skink_trust::{
    Anchors, AnchorsPart, AuthorityEntry, AuthorityKind, AuthorityState, CrlEntry, Digest, Edition,
    Envelope, Manifest, Parts, RootSignature, Status, epoch_extension,
};
use skink_x509::{Certificate, Csr, Extensions, KeyAlgorithm, KeyDigest, KeyUsage, PublicKey, oid};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub(crate) const NAME: &str = "skink.test";

/// What the server is.
pub(crate) struct Fake {
    pub(crate) root: TestAuthority,
    pub(crate) control: TestAuthority,
    pub g1: TestAuthority,
    pub g2: TestAuthority,
    trust_key: TestKey,
    trust_certificate: Certificate,
    pub(crate) server_key: TestKey,
    pub(crate) said: Mutex<Said>,
    bell: watch::Sender<u64>,
    listening: Mutex<Option<tokio::task::AbortHandle>>,
    address: Mutex<Option<SocketAddr>>,
}

/// What it says, and what it was told.
pub(crate) struct Said {
    pub(crate) specs: Vec<EndpointSpec>,
    pub(crate) states: [AuthorityState; 2],
    pub(crate) denied: Vec<KeyDigest>,
    pub(crate) revoked: bool,
    pub(crate) version: u64,
    pub(crate) server_keys: Option<Vec<KeyDigest>>,
    pub(crate) orders: BTreeMap<String, RenewNow>,
    pub(crate) barrier_closed: bool,
    /// Certificates for leaves are issued, and this is said instead of them.
    pub(crate) instead: Option<Code>,
    /// The key of each request for a leaf that was answered or lost.
    pub(crate) leaf_keys: Vec<KeyDigest>,
    pub(crate) package: Option<(PackageRef, Vec<u8>, Parts)>,
    pub(crate) agent_key: Option<PublicKey>,
    pub(crate) issued: Vec<Certificate>,
    pub(crate) reports: Vec<Report>,
}

impl Fake {
    pub(crate) async fn start(specs: Vec<EndpointSpec>) -> Arc<Self> {
        let root = TestAuthority::root("Test Root", KeyAlgorithm::EcP256, machine_time());
        let control = root.subordinate("control-g1", KeyAlgorithm::EcP256);
        let g1 = root.subordinate("workloads-g1", KeyAlgorithm::EcP256);
        let g2 = root.subordinate("workloads-g2", KeyAlgorithm::EcP256);
        let trust_key = TestKey::generate(KeyAlgorithm::EcP256);
        let mut spec = root.spec("trust", &trust_key, Duration::from_hours(24 * 30));
        spec.extensions = Extensions::new()
            .end_entity()
            .key_usage(KeyUsage::DIGITAL_SIGNATURE)
            .extended_key_usages(&[oid::SKINK_TRUST])
            .raw(oid::SKINK_EPOCH, false, epoch_extension(1).unwrap());
        let trust_certificate = root.certify(&spec);
        let said = Said {
            specs,
            states: [AuthorityState::Active, AuthorityState::Prepared],
            denied: vec![],
            revoked: false,
            version: 0,
            server_keys: None,
            orders: BTreeMap::new(),
            barrier_closed: false,
            instead: None,
            leaf_keys: vec![],
            package: None,
            agent_key: None,
            issued: vec![],
            reports: vec![],
        };
        let fake = Arc::new(Self {
            root,
            control,
            g1,
            g2,
            trust_key,
            trust_certificate,
            server_key: TestKey::generate(KeyAlgorithm::EcP256),
            said: Mutex::new(said),
            bell: watch::channel(0).0,
            listening: Mutex::new(None),
            address: Mutex::new(None),
        });
        fake.publish(|_| {});
        fake.listen(&fake.server_key).await;
        fake
    }

    pub(crate) fn token(&self) -> EnrolmentToken {
        EnrolmentToken {
            id: "t1".into(),
            secret: "hush".into(),
            domain: "example".into(),
            root: self.root.certificate.fingerprint().to_string(),
            epoch: 1,
            version: 1,
            url: format!("https://{}", self.address.lock().unwrap().unwrap()),
            server_name: NAME.into(),
            agent: "host-1".into(),
        }
    }

    /// Changes what is said, and publishes it as the next version.
    pub(crate) fn publish(&self, change: impl FnOnce(&mut Said)) {
        let mut said = self.said.lock().unwrap();
        change(&mut said);
        said.version += 1;
        let version = said.version;
        let package = self.package(&said, version);
        said.package = Some(package);
        drop(said);
        self.ring();
    }

    pub(crate) fn ring(&self) {
        self.bell.send_modify(|count| *count += 1);
    }

    /// Moves an endpoint to a generation.
    pub(crate) fn order(&self, endpoint: &str, authority: &str) {
        self.tell_to_renew(endpoint, authority, false);
    }

    /// Wants a new certificate of the generation.
    pub(crate) fn order_anew(&self, endpoint: &str, authority: &str) {
        self.tell_to_renew(endpoint, authority, true);
    }

    fn tell_to_renew(&self, endpoint: &str, authority: &str, anew: bool) {
        let mut said = self.said.lock().unwrap();
        let order = RenewNow {
            endpoint: endpoint.into(),
            authority: authority.into(),
            number: newest(&said) + 1,
            at_ms: machine_time().as_millis(),
            anew,
        };
        said.orders.insert(endpoint.into(), order);
        drop(said);
        self.ring();
    }

    pub(crate) fn package(&self, said: &Said, version: u64) -> (PackageRef, Vec<u8>, Parts) {
        let mut parts = Parts::new();
        let mut crls = Vec::new();
        let revoked = [self.root.revoked(&self.g1.certificate)];
        let of_g1 = if said.revoked { revoked.to_vec() } else { vec![] };
        let all = [
            (&self.root, "root/root", vec![]),
            (&self.root, "root/workloads-g1", of_g1),
            (&self.root, "root/workloads-g2", vec![]),
            (&self.root, "root/control-g1", vec![]),
            (&self.g1, "workloads-g1/p0", vec![]),
            (&self.g2, "workloads-g2/p0", vec![]),
        ];
        for (issuer, name, entries) in all {
            let scope = format!("/crl/{name}.crl");
            let crl = issuer.crl(version, Some(&format!("http://pki.test{scope}")), entries);
            let digest = parts.insert(crl.der().to_vec());
            crls.push(CrlEntry { scope, digest, size: crl.der().len().try_into().unwrap() });
        }
        let entry = |authority: &TestAuthority, generation, kind, state| {
            let id = authority.certificate.subject().common_name().unwrap();
            AuthorityEntry {
                issuer: id.split("-g").next().unwrap().to_owned(),
                id,
                generation,
                kind,
                state,
                certificate: authority.certificate.to_pem(),
            }
        };
        let own = vec![self.server_key.public().digest()];
        let status = Status {
            authorities: vec![
                entry(&self.g1, 1, AuthorityKind::Issuing, said.states[0]),
                entry(&self.g2, 2, AuthorityKind::Issuing, said.states[1]),
                entry(&self.control, 1, AuthorityKind::Control, AuthorityState::Active),
            ],
            crls,
            denied_keys: said.denied.clone(),
            server_keys: said.server_keys.clone().unwrap_or(own),
            journal_head: "00".into(),
        };
        let anchors = Anchors {
            domain: "example".into(),
            ceremony: 1,
            roots: vec![self.root.certificate.to_pem()],
            successors: vec![],
            reinstated: vec![],
        };
        let body = anchors.to_body().unwrap();
        let signature = self.root.key.sign(&Anchors::signing_input(&body));
        let signature = RootSignature::new(&self.root.certificate, &signature);
        let now = machine_time();
        let manifest = Manifest {
            domain: "example".into(),
            stream: "main".into(),
            edition: Edition::new(1, version),
            issued_at_ms: now.as_millis(),
            not_after_ms: now.plus(Duration::from_hours(24 * 5)).as_millis(),
            anchors: parts.insert(AnchorsPart::assemble(body, vec![signature]).unwrap()),
            status: parts.insert(status.to_part().unwrap()),
        };
        let body = manifest.to_body().unwrap();
        let signature = self.trust_key.sign(&Manifest::signing_input(&body));
        let envelope = Envelope::assemble(body, &self.trust_certificate, &signature).unwrap();
        let digest = Digest::of(&envelope).to_string();
        (PackageRef { epoch: 1, version, digest }, envelope, parts)
    }

    /// Listens with that key under control; at the same address as before, if there was one.
    pub(crate) async fn listen(self: &Arc<Self>, key: &TestKey) {
        let before = *self.address.lock().unwrap();
        let address = before.unwrap_or_else(|| "127.0.0.1:0".parse().unwrap());
        let listener = TcpListener::bind(address).await.unwrap();
        *self.address.lock().unwrap() = Some(listener.local_addr().unwrap());
        let shape = Shape::named("server").dns(NAME).purposes(&[oid::SERVER_AUTH]);
        let leaf = self.control.issue(key, &shape);
        let chain = [&leaf, &self.control.certificate, &self.root.certificate];
        let chain = chain.map(|it| CertificateDer::from(it.der().to_vec())).to_vec();
        let mut control = rustls::RootCertStore::empty();
        control.add(CertificateDer::from(self.control.certificate.der().to_vec())).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(control), provider())
            .allow_unauthenticated()
            .build()
            .unwrap();
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, PrivateKeyDer::Pkcs8(key.pkcs8_der().to_vec().into()))
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let router = self.router();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, router) = (acceptor.clone(), router.clone());
                connections.spawn(async move {
                    let Ok(tls) = acceptor.accept(tcp).await else { return };
                    let service = TowerToHyperService::new(router);
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(tls), service)
                        .await;
                });
            }
        });
        *self.listening.lock().unwrap() = Some(task.abort_handle());
    }

    /// The server is gone, with every connection.
    pub(crate) async fn go_away(&self) {
        let task = self.listening.lock().unwrap().take().unwrap();
        task.abort();
        while !task.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/agent/v1/enroll", post(enroll))
            .route("/agent/v1/poll", get(poll))
            .route("/agent/v1/package", get(package))
            .route("/agent/v1/part/{digest}", get(part))
            .route("/agent/v1/certificates", post(certificate))
            .route("/agent/v1/report", post(report))
            .with_state(Arc::clone(self))
    }

    /// The newest of what was reported about an endpoint.
    fn newest<T>(&self, endpoint: &str, find: impl Fn(&EndpointReport) -> Option<T>) -> Option<T> {
        let said = self.said.lock().unwrap();
        let reports = said.reports.iter().rev().flat_map(|report| &report.endpoints);
        reports.filter(|report| report.endpoint == endpoint).find_map(find)
    }

    pub(crate) fn ack(&self, endpoint: &str, version: u64) -> Option<Ack> {
        let of_version = |ack: &Ack| ack.version == version;
        self.newest(endpoint, |report| report.ack.clone().filter(of_version))
    }

    pub(crate) fn barrier(&self, endpoint: &str, authority: &str) -> Option<BarrierProof> {
        self.newest(endpoint, |report| {
            report.barrier.iter().find(|proof| proof.authority == authority).cloned()
        })
    }

    pub(crate) fn distrust(&self, endpoint: &str, authority: &str) -> Option<DistrustProof> {
        self.newest(endpoint, |report| {
            report.distrust.iter().find(|proof| proof.authority == authority).cloned()
        })
    }

    pub(crate) fn installed(&self, endpoint: &str, authority: &str) -> Option<Installed> {
        let wanted = |installed: &Installed| installed.authority == authority;
        self.newest(endpoint, |report| report.installed.clone().filter(wanted))
    }

    /// The last word on what is wrong, empty when nothing is.
    pub(crate) fn error(&self, endpoint: &str) -> Option<String> {
        self.newest(endpoint, |report| Some(report.error.clone().unwrap_or_default()))
    }

    fn active(&self, said: &Said) -> Option<&TestAuthority> {
        let at = said.states.iter().position(|state| *state == AuthorityState::Active)?;
        Some([&self.g1, &self.g2][at])
    }
}

pub(crate) fn spec(name: &str, role: EndpointRole, mechanism: Mechanism) -> EndpointSpec {
    EndpointSpec {
        name: name.into(),
        role,
        mechanism,
        service: "payments".into(),
        issuer: "workloads".into(),
        profile: "server-client".into(),
        names: vec![format!("{name}.test")],
        address: None,
        owner: String::new(),
        criticality: Criticality::Normal,
        agent: Some("host-1".into()),
    }
}

type App = State<Arc<Fake>>;

fn refuse(code: Code, detail: &str) -> Response {
    let problem = Problem::new(code, detail);
    let status = StatusCode::from_u16(problem.status).unwrap();
    (status, Json(problem)).into_response()
}

async fn enroll(State(fake): App, Json(request): Json<EnrollRequest>) -> Response {
    if request.secret != "hush" {
        return refuse(Code::TokenInvalid, "unknown");
    }
    let csr = Csr::from_pem(&request.csr_pem).unwrap();
    csr.verify().unwrap();
    let leaf = certify(&fake.control, &csr, "host-1", &["host-1.agent.skink".into()]);
    let mut said = fake.said.lock().unwrap();
    said.agent_key = Some(csr.public_key().clone());
    Json(Enrolled {
        agent: "host-1".into(),
        domain: "example".into(),
        certificate_pem: leaf.to_pem(),
        chain_pem: fake.control.certificate.to_pem(),
        root_pem: fake.root.certificate.to_pem(),
        endpoints: said.specs.clone(),
        package: said.package.as_ref().unwrap().0.clone(),
        server_time_ms: machine_time().as_millis(),
    })
    .into_response()
}

fn certify(authority: &TestAuthority, csr: &Csr, name: &str, names: &[String]) -> Certificate {
    let own = authority.certificate.subject().common_name().unwrap();
    let key = TestKey::generate(KeyAlgorithm::EcP256);
    let mut spec = authority.spec(name, &key, Duration::from_hours(24));
    spec.public_key = csr.public_key().clone();
    let names: Vec<_> =
        names.iter().map(|name| skink_x509::GeneralName::Dns(name.clone())).collect();
    spec.extensions = Extensions::new()
        .end_entity()
        .key_usage(KeyUsage::DIGITAL_SIGNATURE)
        .extended_key_usages(&[oid::SERVER_AUTH, oid::CLIENT_AUTH])
        .subject_alt_names(&names)
        .subject_key_id(&csr.public_key().key_id())
        .authority_key_id(&authority.key.public().key_id())
        .crl_distribution_points(&[format!("http://pki.test/crl/{own}/p0.crl")]);
    authority.certify(&spec)
}

fn newest(said: &Said) -> u64 {
    said.orders.values().map(|order| order.number).max().unwrap_or(0)
}

async fn poll(State(fake): App, Query(query): Query<PollQuery>) -> Json<PollAnswer> {
    let mut bell = fake.bell.subscribe();
    let until = tokio::time::Instant::now() + Duration::from_millis(query.wait_ms);
    loop {
        bell.borrow_and_update();
        let answer = {
            let said = fake.said.lock().unwrap();
            PollAnswer {
                package: said.package.as_ref().unwrap().0.clone(),
                renew: said.orders.values().cloned().collect(),
                order: newest(&said),
                nonce: "n1".into(),
                server_time_ms: machine_time().as_millis(),
                retry_after_ms: 0,
            }
        };
        if answer.package.version > query.version || answer.order > query.order {
            return Json(answer);
        }
        tokio::select! {
            _ = bell.changed() => {}
            () = tokio::time::sleep_until(until) => return Json(answer),
        }
    }
}

async fn package(State(fake): App) -> Vec<u8> {
    fake.said.lock().unwrap().package.as_ref().unwrap().1.clone()
}

async fn part(State(fake): App, Path(digest): Path<String>) -> Response {
    let said = fake.said.lock().unwrap();
    let parts = &said.package.as_ref().unwrap().2;
    match parts.find(digest.parse().unwrap()) {
        Some(part) => Bytes::copy_from_slice(part).into_response(),
        None => refuse(Code::NotFound, "no such part"),
    }
}

async fn certificate(State(fake): App, Json(request): Json<CertificateRequest>) -> Response {
    let csr = Csr::from_pem(&request.csr_pem).unwrap();
    csr.verify().unwrap();
    let mut said = fake.said.lock().unwrap();
    if said.barrier_closed && request.purpose == Purpose::Leaf {
        return refuse(Code::BarrierClosed, "later");
    }
    let Some(authority) = fake.active(&said) else {
        return refuse(Code::NoActiveAuthority, "none");
    };
    let names: Vec<String> = said.specs.iter().flat_map(|spec| spec.names.clone()).collect();
    let leaf = certify(authority, &csr, "endpoint", &names);
    said.issued.push(leaf.clone());
    if request.purpose == Purpose::Leaf {
        said.leaf_keys.push(csr.public_key().digest());
        if let Some(code) = said.instead {
            return refuse(code, "lost on the way");
        }
    }
    Json(CertificateAnswer {
        certificate_id: "c1".into(),
        authority: authority.certificate.subject().common_name().unwrap(),
        certificate_pem: leaf.to_pem(),
        chain_pem: authority.certificate.to_pem(),
        staple: None,
    })
    .into_response()
}

async fn report(State(fake): App, Json(report): Json<Report>) -> StatusCode {
    fake.said.lock().unwrap().reports.push(report);
    StatusCode::NO_CONTENT
}
