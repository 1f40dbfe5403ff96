//! A server in a temporary directory, with its root beside it.

use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use reqwest::Method;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use skink_api::Role;
use skink_api::token::EnrolmentToken;
use skink_server::{
    Config, Database, IncidentTimings, InitOptions, Initialised, KeyPlaces, KeysElsewhere,
    Lifetimes, Listen, Lists, Public, Running, SystemClock, SystemRng,
};
use skink_signer::Credential;
use skink_signer::sealed::Custodian;
use skink_x509::{Certificate, CsrSpec, GeneralName, KeyAlgorithm, Name, PublicKey, assemble};

pub(crate) struct TestServer {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) made: Initialised,
    pub(crate) running: Running,
}

pub(crate) fn config() -> Config {
    let any = "127.0.0.1:0".parse().unwrap();
    Config {
        crl: Lists::default(),
        database: Database::default(),
        domain: "example.test".into(),
        listen: Listen { api: any, agent: any, public: any },
        public: Public {
            base_url: "http://pki.example.test".into(),
            hosts: vec!["127.0.0.1".into(), "localhost".into()],
            agent_url: None,
        },
        lifetimes: Lifetimes::default(),
        incident: IncidentTimings::default(),
        contacts: std::collections::BTreeMap::new(),
        regulations: Vec::new(),
        keys: KeyPlaces::default(),
        profiles: Vec::new(),
    }
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(config()).await
    }

    pub(crate) async fn start_with(config: Config) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let person = |name: &str| Custodian {
            name: name.into(),
            passphrase: format!("passphrase of {name}").into(),
        };
        let options = InitOptions {
            config,
            root_dir: dir.path().join("root"),
            root_credential: Credential::from_text("the root's own passphrase"),
            custodians: vec![person("lea"), person("cid")],
            issuers: vec!["workloads".parse().unwrap()],
            key_algorithm: KeyAlgorithm::EcP256,
            operators: vec![
                ("oscar".parse().unwrap(), Role::Operator),
                ("lea".parse().unwrap(), Role::PkiLead),
                ("cid".parse().unwrap(), Role::Ciso),
                ("vic".parse().unwrap(), Role::Viewer),
                ("ada".parse().unwrap(), Role::Auditor),
            ],
            elsewhere: KeysElsewhere::default(),
        };
        let server = dir.path().join("server");
        let (clock, rng) = (Arc::new(SystemClock), Arc::new(SystemRng));
        let made = skink_server::init(&server, options, clock.clone(), rng.clone()).await.unwrap();
        let running = Running::start(&server, clock, rng).await.unwrap();
        Self { dir, made, running }
    }

    /// Stops the server and starts it anew on what it left.
    pub(crate) async fn restart(self) -> Self {
        self.restart_after(|| ()).await
    }

    /// The same, with something done while it is down.
    pub(crate) async fn restart_after(self, meanwhile: impl FnOnce()) -> Self {
        let dir = self.server_dir();
        let Self { dir: kept, made, running } = self;
        running.stop().await;
        meanwhile();
        let running =
            Running::start(&dir, Arc::new(SystemClock), Arc::new(SystemRng)).await.unwrap();
        Self { dir: kept, made, running }
    }

    pub(crate) fn server_dir(&self) -> PathBuf {
        self.dir.path().join("server")
    }

    pub(crate) fn token(&self, operator: &str) -> String {
        let mut people = self.made.operators.iter();
        let found = people.find(|created| created.operator.name == operator).unwrap();
        found.token.clone().unwrap()
    }

    /// An operator's client.
    pub(crate) fn operator(&self, name: &str) -> Api {
        let http = client(&self.made.root_pem, None);
        let base = format!("https://{}", self.running.ports().api);
        Api { http, base, token: Some(self.token(name)) }
    }

    /// A client of the agents' listener with (or without) a certificate.
    pub(crate) fn agent(&self, identity: Option<(&str, &TestKey)>) -> Api {
        let http = client(&self.made.root_pem, identity);
        Api { http, base: format!("https://{}", self.running.ports().agent), token: None }
    }

    /// A client of the plain listener.
    pub(crate) fn public(&self) -> Api {
        let http = client(&self.made.root_pem, None);
        Api { http, base: format!("http://{}", self.running.ports().public), token: None }
    }

    /// Enrols an agent with one server endpoint.
    pub(crate) async fn enroll(&self, agent: &str) -> Enrolled {
        let lead = self.operator("oscar");
        let spec = json!({
            "name": format!("{agent}-tls"), "role": "server", "mechanism": "anchor",
            "service": "web", "issuer": "workloads", "profile": "server-client",
            "names": [format!("{agent}.example.test"), "127.0.0.1"],
        });
        let made =
            lead.post("/api/v1/tokens", &json!({"agent": agent, "endpoints": [spec]})).await.ok();
        let token = EnrolmentToken::decode(made["token"].as_str().unwrap()).unwrap();
        let key = TestKey::new();
        let request = json!({
            "token_id": token.id, "secret": token.secret, "agent": agent,
            "csr_pem": key.csr(agent, &[]), "version": "test",
        });
        let answer = self.agent(None).post("/agent/v1/enroll", &request).await.ok();
        let chain = format!(
            "{}\n{}",
            answer["certificate_pem"].as_str().unwrap(),
            answer["chain_pem"].as_str().unwrap()
        );
        Enrolled { api: self.agent(Some((&chain, &key))), key, answer, token, request }
    }
}

pub(crate) struct Enrolled {
    pub(crate) api: Api,
    pub(crate) key: TestKey,
    pub(crate) answer: Value,
    pub(crate) token: EnrolmentToken,
    pub(crate) request: Value,
}

/// A P-256 key.
pub(crate) struct TestKey {
    pair: EcdsaKeyPair,
    pkcs8: Vec<u8>,
}

impl TestKey {
    pub(crate) fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let pkcs8 = pair.to_pkcs8v1().unwrap().as_ref().to_vec();
        Self { pair, pkcs8 }
    }

    pub(crate) fn public(&self) -> PublicKey {
        use aws_lc_rs::encoding::AsDer as _;
        PublicKey::from_spki_der(self.pair.public_key().as_der().unwrap().as_ref()).unwrap()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let rng = aws_lc_rs::rand::SystemRandom::new();
        self.pair.sign(&rng, message).unwrap().as_ref().to_vec()
    }

    pub(crate) fn csr(&self, common_name: &str, dns: &[&str]) -> String {
        let spec = CsrSpec {
            subject: Name::from_common_name(common_name).unwrap(),
            public_key: self.public(),
            subject_alt_names: dns.iter().map(|n| GeneralName::Dns((*n).into())).collect(),
        };
        let tbs = spec.tbs_der().unwrap();
        let der = assemble(&tbs, spec.signature_algorithm(), &self.sign(&tbs)).unwrap();
        skink_x509::Csr::from_der(&der).unwrap().to_pem()
    }

    pub(crate) fn rustls(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.pkcs8.clone()))
    }
}

pub(crate) fn client(root: &str, identity: Option<(&str, &TestKey)>) -> reqwest::Client {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => config.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = Certificate::all_from_pem(chain).unwrap();
            let chain = chain.iter().map(|c| CertificateDer::from(c.der().to_vec())).collect();
            config.with_client_auth_cert(chain, key.rustls()).unwrap()
        }
    };
    reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy().build().unwrap()
}

#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) http: reqwest::Client,
    pub(crate) base: String,
    pub(crate) token: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        assert!(self.status < 300, "{} {text}", self.status);
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
    }

    #[track_caller]
    pub(crate) fn problem(self, code: &str) -> Value {
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        assert!(self.status >= 400, "{} {text}", self.status);
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(problem["code"], code, "{text}");
        problem
    }
}

impl Api {
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        Answer { status, bytes: response.bytes().await.unwrap().to_vec() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(serde_json::to_vec(body).unwrap())).await
    }
}
