//! Real programs for tests: `skink` itself, nginx, curl, `openssl s_client`. Loopback only, on free
//! ports, ended by process id.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says why it is skipped"
)]

mod clients;
mod nginx;
mod peers;
mod server;

pub use clients::{Curl, Presented, SClient};
pub use nginx::Nginx;
pub use server::{CUSTODIANS, CommandFailed, DOMAIN, TestServer};

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

/// Whether all these programs are installed. Under `CI=true` a missing one is a failure.
///
/// # Panics
///
/// When one is missing under `CI=true`.
pub fn installed(programs: &[&str]) -> bool {
    let missing: Vec<&&str> = programs.iter().filter(|name| find(name).is_none()).collect();
    if missing.is_empty() {
        return true;
    }
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!ci, "missing: {missing:?}; `cargo xtask test` installs them");
    eprintln!("skipped: missing {missing:?}; `cargo xtask test` installs them");
    false
}

/// Where a program stands; daemons live where an ordinary user's path does not look.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// An address on loopback that nobody listens on now. Daemons do not take port 0.
///
/// # Panics
///
/// When loopback has no free port.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap()
}

fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}
