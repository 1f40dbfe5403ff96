//! nginx, curl and `openssl s_client` join the fleet, tended by an agent: software that knows
//! nothing of Skink survives the theft of an issuing key under the same gates as everybody.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use skink_testnet::{Curl, Nginx, Presented, SClient, TestServer, free_address, installed};

const NAME: &str = "web.test.skink.internal";
const LIMIT: Duration = Duration::from_mins(2);

/// The thief has openssl, the key file and the credential that lies beside it on the disk.
const STEAL: &str = "set -e
openssl pkcs8 -in $1/keys/workloads-g1.key.pem -passin file:$1/credentials/software.key -out stolen.key
cdp=$(openssl x509 -in $3 -noout -ext crlDistributionPoints | sed -n 's/.*URI://p')
mint() { openssl ecparam -name prime256v1 -genkey -noout -out $1.key
  openssl req -new -key $1.key -subj /CN=$1 -out $1.csr
  printf 'subjectAltName=DNS:%s\\nextendedKeyUsage=%s\\nkeyUsage=critical,digitalSignature\\nauthorityKeyIdentifier=keyid\\ncrlDistributionPoints=URI:%s\\n' $2 $3 $cdp > $1.ext
  openssl x509 -req -in $1.csr -CA issuing.pem -CAkey stolen.key -set_serial 0x$(openssl rand -hex 15) -days 9 -extfile $1.ext -out $1.pem
  cat $1.pem issuing.pem > $1-chain.pem; }
mint rogue-client thief.test.skink.internal clientAuth
mint rogue-server $2 serverAuth
touch index; echo 40000000000000000000000000000000000000 > number
printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index\\ncrlnumber=number\\ndefault_md=sha256\\ndefault_crl_days=9\\ncrl_extensions=x\\n[x]\\nauthorityKeyIdentifier=keyid\\n' > ca.cnf
openssl ca -config ca.cnf -gencrl -keyfile stolen.key -cert issuing.pem -out empty.crl";

/// Three endpoints on one host with one agent.
struct Host {
    dir: PathBuf,
    agent: Child,
    nginx: Nginx,
    curl: Curl,
    s_client: SClient,
}

impl Host {
    fn join(server: &TestServer, skink: &Path, dir: &Path) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let files = |name: &str| dir.join(name).join("files");
        let nginx = Nginx::configure(&dir.join("nginx"), &files("web"));
        let (curl, s_client) = (Curl::new(&files("curl")), SClient::new(&files("s-client")));
        let mut config = format!("dir = '{}'\n", dir.join("agent").display());
        let mut endpoints = String::new();
        let address = format!("address = \"{}\"\n", nginx.address());
        for (name, host, role, address, commands) in [
            ("web", NAME, "server", address.as_str(), nginx.commands()),
            ("curl", "curl.test.skink.internal", "client", "", curl.commands()),
            ("s-client", "s-client.test.skink.internal", "client", "", s_client.commands()),
        ] {
            let (commands, files) = (toml::to_string(&commands).unwrap(), files(name));
            writeln!(config, "[endpoints.{name}]\ndir = '{}'", files.display()).unwrap();
            writeln!(config, "[endpoints.{name}.commands]\n{commands}").unwrap();
            writeln!(
                endpoints,
                "[[endpoint]]\nname = \"{name}\"\nrole = \"{role}\"\nmechanism = \"parent-crl\"\n\
                 service = \"shop\"\nissuer = \"workloads\"\nprofile = \"{role}\"\n\
                 names = [\"{host}\"]\n{address}"
            )
            .unwrap();
        }
        std::fs::write(dir.join("agent.toml"), config).unwrap();
        std::fs::write(dir.join("endpoints.toml"), endpoints).unwrap();
        let described = dir.join("endpoints.toml");
        let create = ["token", "create", "host-1", "--endpoints", described.to_str().unwrap()];
        let token = server.skink("operator", &create).unwrap();
        std::fs::write(dir.join("token"), token["token"].as_str().unwrap()).unwrap();
        let enrol = ["agent", "enroll", "--config", "agent.toml", "--token-file", "token"];
        let enrolled = Command::new(skink).args(enrol).current_dir(dir).output().unwrap();
        assert!(enrolled.status.success(), "{}", String::from_utf8_lossy(&enrolled.stderr));
        let log = std::fs::File::create(dir.join("agent.log")).unwrap();
        let agent = Command::new(skink)
            .args(["agent", "run", "--config", "agent.toml"])
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { dir: dir.to_owned(), agent, nginx, curl, s_client }
    }

    /// Both clients, until the agent has brought everything up.
    fn wait_until_it_works(&self) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let both = (
                self.curl.get(self.nginx.address(), NAME),
                self.s_client.get(self.nginx.address(), NAME),
            );
            if both.0.accepted() && both.1.accepted() {
                return;
            }
            let log = || std::fs::read_to_string(self.dir.join("agent.log")).unwrap();
            assert!(Instant::now() < deadline, "{both:?}\n{}\n{}", self.nginx.error_log(), log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }
}

/// Calls without pause until stopped; every refusal is kept.
struct Traffic {
    stop: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Vec<String>>>,
}

impl Traffic {
    fn begin(host: &Host) -> Self {
        let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let address = host.nginx.address();
        let curl = Curl::new(&host.dir.join("curl/files"));
        let s_client = SClient::new(&host.dir.join("s-client/files"));
        let callers: [Box<dyn Fn() -> Presented + Send>; 2] = [
            Box::new(move || curl.get(address, NAME)),
            Box::new(move || s_client.get(address, NAME)),
        ];
        let threads = callers.into_iter().map(|call| {
            let (stop, calls) = (Arc::clone(&stop), Arc::clone(&calls));
            std::thread::spawn(move || {
                let mut refused = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    if let Presented::Refused(reason) = call() {
                        refused.push(reason);
                    }
                    calls.fetch_add(1, Ordering::SeqCst);
                }
                refused
            })
        });
        let threads = threads.collect();
        Self { stop, calls, threads }
    }

    fn end(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::SeqCst);
        let refused = self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        (self.calls.load(Ordering::SeqCst), refused)
    }
}

/// What the thief made, and a server of his own.
struct Thief {
    dir: PathBuf,
    client: (PathBuf, PathBuf),
    server: Child,
    address: std::net::SocketAddr,
}

impl Thief {
    fn steal(server: &TestServer, host: &Host, dir: &Path) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let shown = server.skink("lead", &["authority", "show", "workloads-g1"]).unwrap();
        let issuing = shown["certificate_pem"].as_str().unwrap();
        std::fs::write(dir.join("issuing.pem"), issuing).unwrap();
        let (from, some) = (server.server_dir(), host.dir.join("curl/files/cert.pem"));
        let stolen = Command::new("sh")
            .args(["-c", STEAL, "steal", from.to_str().unwrap(), NAME, some.to_str().unwrap()])
            .current_dir(dir)
            .output()
            .unwrap();
        assert!(stolen.status.success(), "{}", String::from_utf8_lossy(&stolen.stderr));
        let address = free_address();
        let accept = address.to_string();
        let rogue =
            ["-cert", "rogue-server.pem", "-cert_chain", "issuing.pem", "-key", "rogue-server.key"];
        let server = Command::new("openssl")
            .args(["s_server", "-www", "-quiet", "-accept", &accept])
            .args(rogue)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let client = (dir.join("rogue-client-chain.pem"), dir.join("rogue-client.key"));
        Self { dir: dir.to_owned(), client, server, address }
    }

    /// The rogue server at a client that has the thief's own CRL too, empty and of number 2¹⁵⁰:
    /// what the parent says decides.
    fn convince(&self, host: &Host) -> String {
        let (theirs, ours) = (host.dir.join("curl/files"), self.dir.join("files"));
        std::fs::create_dir_all(&ours).unwrap();
        std::fs::copy(theirs.join("anchors.pem"), ours.join("anchors.pem")).unwrap();
        let empty = std::fs::read_to_string(self.dir.join("empty.crl")).unwrap();
        let held = std::fs::read_to_string(theirs.join("crls.pem")).unwrap();
        std::fs::write(ours.join("crls.pem"), format!("{empty}{held}")).unwrap();
        let own = (theirs.join("cert.pem"), theirs.join("key.pem"));
        match Curl::new(&ours).get_as(self.address, NAME, &own) {
            Presented::Refused(reason) => reason,
            Presented::Accepted => panic!("the thief's CRL convinces"),
        }
    }

    /// The rogue client at nginx, and the rogue server at both clients.
    fn attack(&self, host: &Host) -> [Presented; 3] {
        [
            host.curl.get_as(host.nginx.address(), NAME, &self.client),
            host.curl.get(self.address, NAME),
            host.s_client.get(self.address, NAME),
        ]
    }
}

impl Drop for Thief {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A person's word at the command line is a new certificate in the daemon, of the same authority.
#[test]
fn an_order_to_renew_reaches_the_daemon() {
    if !installed(&["nginx", "curl", "openssl", "python3"]) {
        return;
    }
    let skink = Path::new(env!("CARGO_BIN_EXE_skink"));
    let dir = tempfile::tempdir().unwrap();
    let mut server = TestServer::init(skink, dir.path());
    server.start();
    let host = Host::join(&server, skink, &dir.path().join("host"));
    host.wait_until_it_works();
    let shown = || server.skink("operator", &["endpoint", "show", "web"]).unwrap();
    let until = |what: &str, holds: &dyn Fn(&serde_json::Value) -> bool| {
        let deadline = Instant::now() + LIMIT;
        loop {
            let shown = shown();
            if holds(&shown) {
                return shown;
            }
            assert!(Instant::now() < deadline, "{what}: {shown:#}");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let before = until("it has one", &|shown| shown["certificate"].is_string());
    for _ in 0..2 {
        let before = shown();
        server.skink("operator", &["endpoint", "renew", "web", "--reason", "stolen"]).unwrap();
        until("it has another", &|shown| shown["certificate"] != before["certificate"]);
        assert!(host.curl.get(host.nginx.address(), NAME).accepted());
    }
    let after = shown();
    assert_eq!(
        (&before["authority"], &after["authority"]),
        (&"workloads-g1".into(), &"workloads-g1".into())
    );
    let listed = server.skink("lead", &["certificate", "list", NAME]).unwrap();
    let leaves = listed.as_array().unwrap().iter().filter(|one| one["profile"] == "server");
    assert_eq!(leaves.count(), 3, "one for each order and the first: {listed:#}");
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn nginx_curl_and_openssl_survive_a_stolen_key() {
    if !installed(&["nginx", "curl", "openssl", "python3"]) {
        return;
    }
    let skink = Path::new(env!("CARGO_BIN_EXE_skink"));
    let dir = tempfile::tempdir().unwrap();
    let mut server = TestServer::init(skink, dir.path());
    server.start();

    // 1. Everybody is issued to, and works.
    let host = Host::join(&server, skink, &dir.path().join("host"));
    host.wait_until_it_works();
    let traffic = Traffic::begin(&host);

    // 2. The key is stolen: before, the thief is believed everywhere.
    let thief = Thief::steal(&server, &host, &dir.path().join("thief"));
    std::thread::sleep(Duration::from_millis(300));
    for (attack, presented) in thief.attack(&host).iter().enumerate() {
        assert!(presented.accepted(), "attack {attack} fails already: {presented:?}");
    }

    // 3. Two people see the incident through.
    let declare = ["incident", "declare", "--authority", "workloads-g1", "--trigger", "copied"];
    let declared = server.skink("lead", &declare).unwrap();
    let closed = server.drive(declared["id"].as_str().unwrap(), LIMIT, |_| false);
    assert_eq!(closed["certificates"]["reissued"], 3, "{closed:#}");

    // 4. Afterwards nobody believes him, for a reason of certificates, and everybody works.
    for presented in thief.attack(&host) {
        assert!(!presented.accepted(), "the thief is still believed");
    }
    let log = host.nginx.error_log();
    assert!(log.contains("client SSL certificate verify error"), "{log}");
    let reason = thief.convince(&host);
    assert!(reason.contains("certificate revoked"), "{reason}");
    assert!(host.curl.get(host.nginx.address(), NAME).accepted());
    assert!(host.s_client.get(host.nginx.address(), NAME).accepted());

    // 5. No call has failed all the while.
    let (calls, refused) = traffic.end();
    assert!(calls > 20, "only {calls} calls were made");
    assert_eq!(refused, Vec::<String>::new(), "of {calls} calls");

    // 6. Were the server lost now, the root could say again what the host holds.
    assert_eq!(server.terminate(), Some(0));
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let held = path(&host.dir.join("agent/trust-state.json"));
    let (folder, out) = (path(&server.root_dir()), path(&dir.path().join("package")));
    let package = ["root", "package", "--held", &held, "--out", &out, "--dir", &folder];
    let passphrases = path(&server.passphrases());
    let said = server.skink("lead", &[&package[..], &["--passphrase-file", &passphrases]].concat());
    assert_eq!(said.unwrap()["epoch"], 2);
    assert!(dir.path().join("package/package").is_file());
}
