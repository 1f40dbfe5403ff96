//! A real PostgreSQL, with a database of its own.

use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::service::{Service, missing_is_a_failure};

/// The uid and gid of `nobody`: the server refuses to run as root.
const NOBODY: u32 = 65_534;

/// A server on the loopback that lets everybody in, as the user `owner`.
#[derive(Debug)]
pub struct Postgres {
    /// The running server.
    pub service: Service,
    programs: PathBuf,
    durable: bool,
    home: TempDir,
}

impl Postgres {
    /// Starts one; none where it is not installed. A program that is killed loses nothing in it, and
    /// no test takes the power away: it does not wait for the disk.
    pub fn start() -> Option<Self> {
        Self::start_with(false)
    }

    /// The same, but what is committed is on the disk: for tests that stop it without warning.
    pub fn start_durable() -> Option<Self> {
        Self::start_with(true)
    }

    fn start_with(durable: bool) -> Option<Self> {
        let found = programs();
        missing_is_a_failure(found.is_none(), "postgresql", "apt-get install postgresql");
        let programs = found?;
        let home = tempfile::tempdir().unwrap();
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let data = home.path().join("data");
        std::fs::create_dir(&data).unwrap();
        if is_root() {
            chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let made = as_nobody(&programs.join("initdb"))
            .args(["-A", "trust", "-U", "owner", "-E", "UTF8", "--no-locale", "-N", "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "initdb failed");
        let service = Service::start(|address| serve(&programs, &data, durable, address));
        let postgres = Self { service, programs, durable, home };
        postgres.wait_until_it_answers();
        Some(postgres)
    }

    /// Stops it without a farewell, as `pg_ctl stop -m immediate` does: what was not committed is
    /// lost, and it recovers at its next start.
    pub fn crash(&mut self) {
        quit(&self.service);
        self.service.wait();
    }

    /// Starts it again at the same address, after [`Self::crash`].
    pub fn start_again(&mut self) {
        let (programs, data) = (&self.programs, self.home.path().join("data"));
        let durable = self.durable;
        self.service.start_again(|address| serve(programs, &data, durable, address));
        self.wait_until_it_answers();
    }

    fn wait_until_it_answers(&self) {
        // It listens before it lets anybody in.
        while !self.tries("SELECT 1") {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        format!("postgres://owner@{}/postgres", self.service.address)
    }

    /// What `psql` prints for these statements, without any frame.
    pub fn run(&self, sql: &str) -> String {
        let done = self.psql(sql).output().unwrap();
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    fn tries(&self, sql: &str) -> bool {
        self.psql(sql).output().unwrap().status.success()
    }

    fn psql(&self, sql: &str) -> Command {
        let mut command = Command::new("psql");
        command.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d"]).arg(self.url());
        command.args(["-c", sql]);
        command
    }
}

impl Drop for Postgres {
    /// Killed without warning it would leave shared memory behind.
    fn drop(&mut self) {
        quit(&self.service);
    }
}

fn quit(service: &Service) {
    let pid = service.pid().to_string();
    let _ = Command::new("kill").args(["-QUIT", &pid]).status();
}

fn serve(programs: &Path, data: &Path, durable: bool, address: SocketAddr) -> Command {
    let mut command = as_nobody(&programs.join("postgres"));
    command.arg("-D").arg(data).arg("-k").arg(data).args(["-h", "127.0.0.1", "-p"]);
    command.arg(address.port().to_string());
    let fsync = if durable { "fsync=on" } else { "fsync=off" };
    command.args(["-c", fsync, "-c", "max_connections=400", "-c", "max_wal_size=64MB"]);
    command
}

fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let bins = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    bins.filter(|bin| bin.join("initdb").is_file()).max()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn as_nobody(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program);
    command.current_dir("/");
    command
}
