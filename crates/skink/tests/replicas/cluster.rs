//! The servers, the database, and what happens to them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use skink_testkit::Postgres;
use skink_testnet::{TestServer, free_address};
use tempfile::TempDir;

/// How long a server may take to be ready once its database is.
const READY: Duration = Duration::from_secs(30);

/// Numbers from a seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Two servers, each with a folder of its own, on one database.
pub(crate) struct Cluster {
    pub(crate) postgres: Postgres,
    pub(crate) servers: [TestServer; 2],
    _dir: TempDir,
}

/// How the servers are spoken to.
pub(crate) struct Clients {
    http: reqwest::Client,
    operator: String,
    pub(crate) api: [String; 2],
    pub(crate) public: [String; 2],
}

impl Cluster {
    pub(crate) fn start(postgres: Postgres) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let skink = Path::new(env!("CARGO_BIN_EXE_skink"));
        let folder = |name: &str| {
            let path = dir.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let (one, two) = (folder("one"), folder("two"));
        let database = ["--database", &postgres.url()];
        let mut first = TestServer::init_with(skink, &one, &database, |command| command);
        let mut second = TestServer::over(skink, &two);
        copy(&first.server_dir(), &second.server_dir());
        // Keys in files are one folder's: what one server disables is disabled for all.
        fs::remove_dir_all(second.server_dir().join("keys")).unwrap();
        symlink(first.server_dir().join("keys"), second.server_dir().join("keys")).unwrap();
        listen_elsewhere(&second.server_dir());
        first.start();
        second.start();
        Self { postgres, servers: [first, second], _dir: dir }
    }

    pub(crate) fn clients(&self) -> Clients {
        let text = fs::read_to_string(self.servers[0].operator("operator")).unwrap();
        let operator: Value = serde_json::from_str(&text).unwrap();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let mut roots = rustls::RootCertStore::empty();
        let root = operator["root"].as_str().unwrap().as_bytes();
        roots.add(CertificateDer::from_pem_slice(root).unwrap()).unwrap();
        let tls = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let http = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy();
        let at = |scheme: &str, listener: &str| {
            self.servers.each_ref().map(|server| {
                let text = fs::read_to_string(server.server_dir().join("ports.json")).unwrap();
                let ports: Value = serde_json::from_str(&text).unwrap();
                format!("{scheme}://{}", ports[listener].as_str().unwrap())
            })
        };
        Clients {
            http: http.timeout(Duration::from_secs(8)).build().unwrap(),
            operator: operator["token"].as_str().unwrap().to_owned(),
            api: at("https", "api"),
            public: at("http", "public"),
        }
    }

    pub(crate) fn kill_server(&mut self, one: usize, pause: Duration) {
        println!("server {one} is killed for {pause:?}");
        self.servers[one].kill();
        std::thread::sleep(pause);
        self.servers[one].start();
    }

    pub(crate) fn crash_database(&mut self, pause: Duration) {
        println!("the database crashes for {pause:?}");
        self.postgres.crash();
        std::thread::sleep(pause);
        self.postgres.start_again();
    }

    pub(crate) fn crash_both(&mut self, one: usize, pause: Duration) {
        println!("server {one} is killed and the database crashes for {pause:?}");
        self.servers[one].kill();
        self.postgres.crash();
        std::thread::sleep(pause);
        self.postgres.start_again();
        self.servers[one].start();
    }

    /// For so long that the servers notice: they say so, and serve their lists.
    pub(crate) fn lose_the_database(&mut self, pause: Duration) {
        println!("the database is gone for {pause:?}");
        self.postgres.crash();
        let began = Instant::now();
        for public in self.clients().public {
            while status(&public, "/readyz") != "503" {
                assert!(began.elapsed() < pause + READY, "nobody noticed");
                std::thread::sleep(Duration::from_millis(100));
            }
            assert_eq!(status(&public, "/crl/workloads-g1/p0.crl"), "200");
        }
        std::thread::sleep(pause.saturating_sub(began.elapsed()));
        self.postgres.start_again();
    }

    /// By themselves: nobody restarts a server because of its database.
    pub(crate) fn wait_until_ready(&self) {
        let began = Instant::now();
        for public in self.clients().public {
            while status(&public, "/readyz") != "200" {
                assert!(began.elapsed() < READY, "{}", self.log());
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    pub(crate) fn log(&self) -> String {
        self.servers.each_ref().map(TestServer::log).join("\n--- the other server\n")
    }
}

impl Clients {
    pub(crate) fn ask(&self, method: Method, one: usize, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.api[one]);
        self.http.request(method, url).bearer_auth(&self.operator)
    }

    /// What the plain listener answers; nothing while it is down.
    pub(crate) async fn public(
        &self,
        one: usize,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        let url = format!("{}{path}", self.public[one]);
        let request = match body {
            Some(body) => self.http.post(url).body(body),
            None => self.http.get(url),
        };
        let answer = request.send().await.ok()?;
        let answer = answer.error_for_status().ok()?;
        Some(answer.bytes().await.ok()?.to_vec())
    }
}

/// The status of an answer, by a program of its own: this is no place for an async client.
fn status(base: &str, path: &str) -> String {
    let mut curl = std::process::Command::new("curl");
    curl.args(["-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*"]);
    let done = curl.arg(format!("{base}{path}")).output().unwrap();
    String::from_utf8(done.stdout).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn listen_elsewhere(dir: &Path) {
    let file = dir.join("skink.toml");
    let text = fs::read_to_string(&file).unwrap();
    let lines = text.lines().map(|line| {
        let name = ["api", "agent", "public"].into_iter().find(|name| {
            line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with("= \"127."))
        });
        name.map_or(line.to_owned(), |name| format!("{name} = \"{}\"", free_address()))
    });
    let changed = lines.collect::<Vec<_>>().join("\n");
    assert_ne!(changed, text.trim_end());
    fs::write(file, changed).unwrap();
}
