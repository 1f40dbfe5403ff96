//! Servers as processes, and how much of the processor they use.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::error::BenchError;

/// How long a server may take to start, or to stop.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server that is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    program: String,
    child: Child,
    pid: u32,
}

impl Server {
    /// Starts it on the core that this thread is on.
    pub(crate) fn start(mut command: Command, hint: &'static str) -> Result<Self, BenchError> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let missing = |source| BenchError::Missing { program: program.clone(), hint, source };
        let child = command.kill_on_drop(true).spawn().map_err(missing)?;
        let pid = child.id().ok_or(BenchError::Gone(0))?;
        Ok(Self { program, child, pid })
    }

    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    /// Looks until `ready` finds what it waits for.
    pub(crate) async fn until<T>(
        &mut self,
        ready: impl AsyncFn() -> Option<T>,
    ) -> Result<T, BenchError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = ready().await {
                return Ok(found);
            }
            let program = self.program.clone();
            let ended = self.child.try_wait().map_err(BenchError::file("watch a server"))?;
            if let Some(status) = ended {
                return Err(BenchError::Ended { program, status, said: String::new() });
            }
            if Instant::now() >= deadline {
                return Err(BenchError::NotReady { program });
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks it to stop, and waits.
    pub(crate) async fn stop(self) -> Result<(), BenchError> {
        self.end(Signal::TERM).await
    }

    /// The same by another signal, for one that waits for its clients at the usual one.
    pub(crate) async fn end(mut self, signal: Signal) -> Result<(), BenchError> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself; then there is nothing to ask.
            let _ = kill_process(pid, signal);
        }
        if timeout(PATIENCE, self.child.wait()).await.is_err() {
            self.child.kill().await.map_err(BenchError::file("stop a server"))?;
        }
        Ok(())
    }
}

/// Runs a program to a good end.
pub(crate) async fn succeed(mut command: Command) -> Result<(), BenchError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command.output().await.map_err(|source| BenchError::Missing {
        program: program.clone(),
        hint: "build it first",
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(BenchError::Ended { program, status: output.status, said })
}

/// So many addresses that nobody listens at; held together so that they differ.
pub(crate) fn free<const N: usize>() -> Result<[SocketAddr; N], BenchError> {
    let failed = BenchError::file;
    let mut held = Vec::with_capacity(N);
    for _ in 0..N {
        held.push(TcpListener::bind(("127.0.0.1", 0)).map_err(failed("listen on loopback"))?);
    }
    let mut addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); N];
    for (address, listener) in addresses.iter_mut().zip(&held) {
        *address = listener.local_addr().map_err(failed("listen on loopback"))?;
    }
    Ok(addresses)
}

/// Microseconds of CPU time that a process has used, all its threads together. The kernel counts it
/// in hundredths of a second: rounds take many of those.
pub(crate) fn cpu_us(pid: u32) -> Result<f64, BenchError> {
    let text = fs_err::read_to_string(format!("/proc/{pid}/stat"));
    let text = text.map_err(|_| BenchError::Gone(pid))?;
    // The program's name, in parentheses, may have spaces in it; what follows has none.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks = fields.skip(11).take(2).filter_map(|word| word.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() * 10_000.0)
}

/// MiB of memory of a process by the kernel's name for it: `VmRSS` now, `VmHWM` at its largest.
pub(crate) fn memory_mib(pid: u32, name: &str) -> Result<f64, BenchError> {
    let text = fs_err::read_to_string(format!("/proc/{pid}/status"));
    let text = text.map_err(|_| BenchError::Gone(pid))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0).ok_or(BenchError::Gone(pid))
}

/// From now on `VmHWM` is about what follows.
pub(crate) fn forget_peak(pid: u32) -> Result<(), BenchError> {
    let forget = fs_err::write(format!("/proc/{pid}/clear_refs"), "5");
    forget.map_err(BenchError::file("forget how large a process was"))
}

/// Microseconds of CPU time that this thread has used.
pub(crate) fn own_cpu_us() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default().as_secs_f64() * 1_000_000.0
}
