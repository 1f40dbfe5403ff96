//! AWS, by a real moto: for the calls that ministack does not have, and for no others.

use std::net::SocketAddr;
use std::process::Command;

use crate::service::{Service, program};

/// A service of its own, empty, that lets everybody do everything.
#[derive(Debug)]
pub struct Moto {
    /// The running service.
    pub service: Service,
}

impl Moto {
    /// Starts one; none where it is not installed.
    pub fn start() -> Option<Self> {
        let moto = program("moto_server", "pip install 'moto[server]==5.2.5'")?;
        let command = |address: SocketAddr| {
            let mut command = Command::new(&moto);
            command.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]);
            command
        };
        let service = Service::start_http(command, "/moto-api/data.json");
        Some(Self { service })
    }

    /// The service's URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.service.address)
    }
}
