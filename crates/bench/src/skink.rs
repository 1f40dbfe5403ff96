//! Our side: `skink init` of an empty folder, and `skink serve` over it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde_json::Value;
use skink_api::IssueRequest;
use skink_store::Place;
use skink_x509::Certificate;
use tokio::process::Command;

use crate::cores::{self, Core};
use crate::error::BenchError;
use crate::http::{Answer, Target};
use crate::material::{DOMAIN, Wanted};
use crate::process::{Server, free, succeed};

const WHOM: &str = "skink";
const ISSUER: &str = "workloads";
pub(crate) const PROFILE: &str = "server";
/// The generation that issues after `skink init`.
pub(crate) const AUTHORITY: &str = "workloads-g1";
const CUSTODIANS: [&str; 2] = ["carol", "dave"];

/// A hierarchy that `skink init` made, with nobody serving it.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    program: PathBuf,
    dir: PathBuf,
    place: Place,
}

/// A running server and the way to it.
#[derive(Debug)]
pub(crate) struct Skink {
    server: Server,
    pub(crate) target: Target,
    /// Lists and OCSP.
    pub(crate) public: Target,
    dir: PathBuf,
}

#[derive(Deserialize)]
struct Ports {
    api: SocketAddr,
    public: SocketAddr,
}

/// The parts of an operator file that are needed.
#[derive(Deserialize)]
struct OperatorFile {
    root: String,
    token: String,
    #[serde(default)]
    server_name: Option<String>,
}

impl Home {
    /// Makes a hierarchy below `dir`, in a file there or in the database at `url`, whose authorities
    /// have so many lists.
    pub(crate) async fn make(
        program: &Path,
        dir: &Path,
        url: Option<&str>,
        partitions: u32,
    ) -> Result<Self, BenchError> {
        init(program, dir, url, partitions).await?;
        let dir = dir.join("server");
        let place = match url {
            Some(url) => url.parse().map_err(|error| {
                let what = skink_model::with_causes(&error);
                BenchError::Answer { whom: "postgres".to_owned(), what }
            })?,
            None => Place::File(dir.join("skink.db")),
        };
        Ok(Self { program: program.to_owned(), dir, place })
    }

    /// Where its database is.
    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    /// Serves it from a core.
    pub(crate) async fn serve(&self, core: Core) -> Result<Skink, BenchError> {
        let log = fs_err::File::create(self.dir.with_file_name("serve.log"));
        let log = log.map_err(BenchError::file("open the server's log"))?;
        let file = self.dir.join("ports.json");
        if file.exists() {
            fs_err::remove_file(&file).map_err(BenchError::file("take old ports away"))?;
        }
        let mut command = Command::new(&self.program);
        command.arg("serve").arg("--dir").arg(&self.dir);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.into_file());
        cores::pin(core)?;
        let mut server = Server::start(command, "build it first")?;
        let ports: Ports = server
            .until(async || serde_json::from_str(&fs_err::read_to_string(&file).ok()?).ok())
            .await?;
        cores::pin(Core::Generator)?;
        let target = target(&self.dir, ports.api)?;
        let credential = String::new();
        let public = Target { whom: WHOM, address: ports.public, tls: None, credential };
        Ok(Skink { server, target, public, dir: self.dir.clone() })
    }
}

impl Skink {
    /// Makes a hierarchy below `dir` and serves it from the servers' core.
    pub(crate) async fn start(program: &Path, dir: &Path) -> Result<Self, BenchError> {
        Home::make(program, dir, None, 1).await?.serve(Core::Server).await
    }

    pub(crate) const fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Bytes that the database has grown to.
    pub(crate) fn database_bytes(&self) -> u64 {
        let files = fs_err::read_dir(&self.dir).into_iter().flatten().flatten();
        let databases = files.filter(|file| file.file_name().to_string_lossy().contains(".db"));
        databases.filter_map(|file| file.metadata().ok()).map(|data| data.len()).sum()
    }

    /// The request that has a certificate issued.
    pub(crate) fn issue(&self, wanted: &Wanted) -> Result<Vec<u8>, BenchError> {
        let body = IssueRequest {
            issuer: ISSUER.to_owned(),
            profile: PROFILE.to_owned(),
            csr_pem: wanted.csr.to_pem(),
            lifetime_s: None,
            endpoint: None,
            once: false,
            dry_run: false,
        };
        let body = serde_json::to_vec(&body);
        let body = body.map_err(|error| BenchError::Material(error.to_string()))?;
        Ok(self.target.request("POST", "/api/v1/certificates", &body))
    }

    /// The certificate in the answer.
    pub(crate) fn issued(answer: &Answer) -> Result<Certificate, BenchError> {
        certificate(WHOM, answer, "/certificate_pem")
    }

    pub(crate) async fn stop(self) -> Result<(), BenchError> {
        self.server.stop().await
    }
}

/// The PEM certificate at `pointer` in an answer.
pub(crate) fn certificate(
    whom: &str,
    answer: &Answer,
    pointer: &str,
) -> Result<Certificate, BenchError> {
    let failed = |what: String| BenchError::Answer { whom: whom.to_owned(), what };
    let body: Value =
        serde_json::from_slice(&answer.body).map_err(|error| failed(error.to_string()))?;
    let pem = body.pointer(pointer).and_then(Value::as_str);
    let pem = pem.ok_or_else(|| failed("no certificate".to_owned()))?;
    Certificate::from_pem(pem).map_err(|error| failed(error.to_string()))
}

async fn init(
    program: &Path,
    dir: &Path,
    url: Option<&str>,
    partitions: u32,
) -> Result<(), BenchError> {
    let passphrases = dir.join("passphrases");
    let people = CUSTODIANS.iter().chain(&["root"]);
    let lines: Vec<String> =
        people.map(|name| format!("{name}=a long passphrase that {name} keeps")).collect();
    fs_err::write(&passphrases, lines.join("\n"))
        .map_err(BenchError::file("write the passphrases of a hierarchy"))?;
    let mut command = Command::new(program);
    command.arg("init").arg("--dir").arg(dir.join("server"));
    command.arg("--root-dir").arg(dir.join("root")).args(["--domain", DOMAIN]);
    for name in CUSTODIANS {
        command.args(["--custodian", name]);
    }
    command.arg("--passphrase-file").arg(&passphrases);
    command.arg("--crl-partitions").arg(partitions.to_string());
    if let Some(url) = url {
        command.args(["--database", url]);
    }
    let addresses: [SocketAddr; 3] = free()?;
    for (flag, address) in ["--api", "--agents", "--public"].iter().zip(addresses) {
        command.arg(flag).arg(address.to_string());
    }
    succeed(command).await
}

fn target(home: &Path, address: SocketAddr) -> Result<Target, BenchError> {
    let failed = |what: String| BenchError::Answer { whom: "skink init".to_owned(), what };
    let text = fs_err::read_to_string(home.join("operators").join("lead.json"))
        .map_err(BenchError::file("read an operator file"))?;
    let file: OperatorFile =
        serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    let root = Certificate::from_pem(&file.root).map_err(|error| failed(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(root.der().to_vec())).map_err(BenchError::Tls)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(BenchError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = file.server_name.unwrap_or_else(|| format!("skink.{DOMAIN}"));
    let name = ServerName::try_from(name).map_err(|error| failed(error.to_string()))?;
    let credential = format!("authorization: Bearer {}\r\n", file.token);
    Ok(Target { whom: WHOM, address, tls: Some((Arc::new(config), name)), credential })
}
