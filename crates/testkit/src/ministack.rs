//! AWS, by a real ministack that knows who asks and what each may.

use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use crate::service::{Service, program};

/// A service of its own, empty.
#[derive(Debug)]
pub struct Ministack {
    /// The running service.
    pub service: Service,
    _home: TempDir,
}

impl Ministack {
    /// The access key that may do everything.
    pub const ADMINISTRATOR: (&'static str, &'static str) = ("test", "test");

    /// Starts one that lets everybody do everything; none where it is not installed.
    pub fn start() -> Option<Self> {
        Self::start_with("false")
    }

    /// Starts one that looks at each request's signature, at the policies of keys and users and at
    /// the one that a session was given.
    pub fn start_guarded() -> Option<Self> {
        Self::start_with("true")
    }

    fn start_with(authorisation: &str) -> Option<Self> {
        let ministack = program("ministack", "pip install ministack==1.5.33 cryptography")?;
        let home = tempfile::tempdir().unwrap();
        let command = |address: SocketAddr| {
            let mut command = Command::new(&ministack);
            command
                .env_remove("AWS_ACCESS_KEY_ID")
                .env("AUTH", authorisation)
                .env("BIND_HOST", "127.0.0.1")
                .env("MINISTACK_HOST", "127.0.0.1")
                .env("GATEWAY_PORT", address.port().to_string())
                .envs([("CLOUDTRAIL_RECORDING", "1"), ("IOT_MTLS_ENABLED", "0")])
                .envs([("SFTP_ENABLED", "0"), ("DOCKER_HOST", "unix:///nonexistent")])
                .env("HOME", home.path())
                .current_dir(home.path());
            command
        };
        // It listens before it is ready.
        let service = Service::start_http(command, "/_ministack/health");
        Some(Self { service, _home: home })
    }

    /// The service's URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.service.address)
    }

    /// The command with the variables that lead to the service, as its administrator.
    pub fn lead<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let (id, secret) = Self::ADMINISTRATOR;
        command
            .env("AWS_ENDPOINT_URL", self.url())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs([("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)])
    }
}
