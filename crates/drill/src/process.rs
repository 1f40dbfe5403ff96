//! `skink serve` as a process of its own, which a drill may kill at any instant and start again.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::DrillError;
use crate::places::Places;

/// From a start that failed to the next.
const RESTART_PACE: Duration = Duration::from_millis(250);
const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// The addresses the server chose, as it writes them once it is ready.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Ports {
    pub(crate) api: std::net::SocketAddr,
    pub(crate) agent: std::net::SocketAddr,
    pub(crate) public: std::net::SocketAddr,
}

/// The running server.
pub(crate) struct ServerProcess {
    skink: PathBuf,
    dir: PathBuf,
    places: Places,
    child: Mutex<Child>,
    ports: Ports,
}

impl ServerProcess {
    /// Starts `skink serve` over `dir` and waits until it answers.
    pub(crate) async fn start(
        skink: &Path,
        dir: &Path,
        places: Places,
    ) -> Result<Self, DrillError> {
        let (child, ports) = launch(skink, dir, &places).await?;
        let (skink, dir) = (skink.to_owned(), dir.to_owned());
        Ok(Self { skink, dir, places, child: Mutex::new(child), ports })
    }

    /// Where the issuer's and the standby's keys are.
    pub(crate) const fn places(&self) -> &Places {
        &self.places
    }

    /// The process, while it runs.
    pub(crate) async fn id(&self) -> Option<u32> {
        self.child.lock().await.id()
    }

    pub(crate) const fn ports(&self) -> &Ports {
        &self.ports
    }

    /// SIGKILL, then a new process over the same data at the same addresses.
    pub(crate) async fn crash_and_restart(&self) -> Result<(), DrillError> {
        let mut child = self.child.lock().await;
        child.kill().await.map_err(|source| DrillError::Process { what: "kill", source })?;
        let deadline = Instant::now() + START_LIMIT;
        loop {
            match launch(&self.skink, &self.dir, &self.places).await {
                // Somebody's connection may have been given a port of ours in the meantime; a
                // supervisor starts a server again, too.
                Err(DrillError::ServerExited { .. }) if Instant::now() < deadline => {
                    tokio::time::sleep(RESTART_PACE).await;
                }
                launched => {
                    (*child, _) = launched?;
                    return Ok(());
                }
            }
        }
    }

    /// SIGTERM, and SIGKILL when that is not obeyed in time.
    pub(crate) async fn stop(&self) -> Result<(), DrillError> {
        let mut child = self.child.lock().await;
        if let Some(pid) = child.id() {
            let asked = Command::new("kill").arg("-TERM").arg(pid.to_string()).status().await;
            asked.map_err(|source| DrillError::Process { what: "stop", source })?;
        }
        if tokio::time::timeout(STOP_LIMIT, child.wait()).await.is_err() {
            child.kill().await.map_err(|source| DrillError::Process { what: "kill", source })?;
        }
        Ok(())
    }
}

async fn launch(skink: &Path, dir: &Path, places: &Places) -> Result<(Child, Ports), DrillError> {
    let ports_file = dir.join("ports.json");
    match fs_err::remove_file(&ports_file) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(DrillError::Process { what: "clear ports.json of", source }),
    }
    let log = fs_err::OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir.join("serve.log"))
        .map_err(|source| DrillError::Process { what: "open the log of", source })?;
    let mut command = Command::new(skink);
    places.equip(&mut command);
    let mut child = command
        .arg("serve")
        .arg("--dir")
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.into_file())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| DrillError::Process { what: "start", source })?;
    let deadline = Instant::now() + START_LIMIT;
    loop {
        if let Ok(text) = fs_err::read_to_string(&ports_file)
            && let Ok(ports) = serde_json::from_str(&text)
        {
            return Ok((child, ports));
        }
        let exited =
            child.try_wait().map_err(|source| DrillError::Process { what: "watch", source })?;
        if let Some(status) = exited {
            return Err(DrillError::ServerExited { status, log: dir.join("serve.log") });
        }
        if Instant::now() >= deadline {
            return Err(DrillError::ServerNotReady { log: dir.join("serve.log") });
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
