//! Programs that tests start, on free ports of the loopback, and stop by process id.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long one answer is waited for: whoever else has the port may give none.
const PATIENCE: Duration = Duration::from_secs(2);

/// A running program, killed when dropped.
#[derive(Debug)]
pub struct Service {
    child: Child,
    /// Where it answers.
    pub address: SocketAddr,
}

impl Service {
    /// Starts the program that `command` makes for an address, and waits until it answers there.
    pub fn start(command: impl Fn(SocketAddr) -> Command) -> Self {
        Self::start_until(command, |address| TcpStream::connect(address).is_ok())
    }

    /// The same for an HTTP service, until it answers 200 at `path`. Programs that take a second to
    /// start leave their port to others for so long: who listens there has to be the right one.
    pub fn start_http(command: impl Fn(SocketAddr) -> Command, path: &str) -> Self {
        let asked = format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n");
        Self::start_until(command, |address| {
            let answered = TcpStream::connect(address).and_then(|mut stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.write_all(asked.as_bytes())?;
                let mut answer = String::new();
                stream.read_to_string(&mut answer)?;
                Ok(answer)
            });
            answered.is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
        })
    }

    fn start_until(
        command: impl Fn(SocketAddr) -> Command,
        answers: impl Fn(SocketAddr) -> bool,
    ) -> Self {
        for _ in 0..5 {
            // Somebody else may take the port in between: then the program ends, and another try.
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let mut command = command(address);
            let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let mut service = Self { child, address };
            if service.is_ready(&answers) {
                return service;
            }
        }
        panic!("the service does not start");
    }

    /// Starts the program once more at the address that it had, after it has ended.
    pub(crate) fn start_again(&mut self, command: impl Fn(SocketAddr) -> Command) {
        for _ in 0..5 {
            let mut command = command(self.address);
            self.child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            if self.is_ready(|address| TcpStream::connect(address).is_ok()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("the service does not start again");
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) {
        let _ = self.child.wait();
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops it as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn is_ready(&mut self, answers: impl Fn(SocketAddr) -> bool) -> bool {
        let began = Instant::now();
        while began.elapsed() < READY_WITHIN {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if answers(self.address) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the service is not ready after {READY_WITHIN:?}");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program `name`, if it is on the path. Without it a test is skipped; where continuous
/// integration runs it fails instead.
pub fn program(name: &str, install: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file());
    missing_is_a_failure(found.is_none(), name, install);
    found
}

/// Says that a test is skipped; where continuous integration runs, that is a failure.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
pub fn missing_is_a_failure(missing: bool, name: &str, install: &str) {
    if missing {
        assert!(std::env::var_os("CI").is_none(), "{name} is not installed, and CI wants it");
        println!("skipped: {name} is not installed ({install})");
    }
}
