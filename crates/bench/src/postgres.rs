//! A PostgreSQL for our side, with its durability as it comes.

use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::Signal;
use tokio::process::Command;

use crate::cores::{self, Core};
use crate::error::BenchError;
use crate::process::{Server, free, succeed};

/// The uid of `nobody`: the server refuses to run as root.
const NOBODY: u32 = 65_534;
const INSTALL: &str = "install it (apt-get install postgresql)";

/// A running server on the loopback.
#[derive(Debug)]
pub(crate) struct Postgres {
    server: Server,
    /// Of its only database.
    pub(crate) url: String,
}

impl Postgres {
    /// Starts one below `dir` on a core; none where it is not installed.
    pub(crate) async fn start(dir: &Path, core: Core) -> Result<Option<Self>, BenchError> {
        let Some(programs) = programs() else { return Ok(None) };
        let failed = BenchError::file;
        let (home, data) = (dir.join("postgres"), dir.join("postgres").join("data"));
        fs_err::create_dir_all(&data).map_err(failed("make the database's folder"))?;
        for folder in home.ancestors().take(3) {
            // `nobody` must come through to it.
            let open = std::fs::Permissions::from_mode(0o755);
            fs_err::set_permissions(folder, open).map_err(failed("open the database's folder"))?;
        }
        if is_root() {
            chown(&data, Some(NOBODY), Some(NOBODY)).map_err(failed("give a folder away"))?;
        }
        let mut make = as_nobody(&programs.join("initdb"));
        make.args(["-A", "trust", "-U", "owner", "-E", "UTF8", "--no-locale", "-D"]).arg(&data);
        succeed(make).await?;
        let [address]: [SocketAddr; 1] = free()?;
        let log = fs_err::File::create(home.join("log"));
        let log = log.map_err(failed("open the database's log"))?;
        let mut command = as_nobody(&programs.join("postgres"));
        command.arg("-D").arg(&data).arg("-k").arg(&data).args(["-h", "127.0.0.1", "-p"]);
        command.arg(address.port().to_string()).args(["-c", "shared_buffers=512MB"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.into_file());
        cores::pin(core)?;
        let mut server = Server::start(command, INSTALL)?;
        cores::pin(Core::Generator)?;
        let url = format!("postgres://owner@{address}/postgres");
        let asked = (programs.join("pg_isready"), address.port().to_string());
        server
            .until(async || {
                let mut ready = Command::new(&asked.0);
                ready.args(["-q", "-h", "127.0.0.1", "-p", &asked.1]);
                ready.status().await.is_ok_and(|status| status.success()).then_some(())
            })
            .await?;
        Ok(Some(Self { server, url }))
    }

    pub(crate) async fn stop(self) -> Result<(), BenchError> {
        self.server.end(Signal::INT).await
    }
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
