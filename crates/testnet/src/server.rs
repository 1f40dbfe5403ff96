//! `skink` itself as a process: a hierarchy, a server, and people at the command line.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{free_address, text};

const READY: Duration = Duration::from_mins(1);
const STOPPED: Duration = Duration::from_secs(20);

/// The trust domain of tests.
pub const DOMAIN: &str = "test.skink.internal";

/// Who holds the shares of the recovery kits.
pub const CUSTODIANS: [&str; 2] = ["carol", "dave"];

/// A hierarchy in a folder, and the server over it while it runs.
pub struct TestServer {
    skink: PathBuf,
    dir: PathBuf,
    child: Option<Child>,
}

/// What a command that failed left behind.
#[derive(Clone, Debug)]
pub struct CommandFailed {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it said to a person.
    pub stderr: String,
}

impl TestServer {
    /// Runs `skink init` in `dir`, with timings for loopback.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub fn init(skink: &Path, dir: &Path) -> Self {
        Self::init_with(skink, dir, &[], |command| command)
    }

    /// The same with more options, and with what `lead` adds to the command.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub fn init_with(
        skink: &Path,
        dir: &Path,
        more: &[&str],
        lead: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Self {
        let server = Self::over(skink, dir);
        let mut lines = String::from("root=the root keeps a long passphrase\n");
        for name in CUSTODIANS {
            writeln!(lines, "{name}=a long passphrase of {name}").unwrap();
        }
        std::fs::write(server.passphrases(), lines).unwrap();
        let mut args = vec!["init".to_owned()];
        let mut option = |name: &str, value: &str| args.extend([name.into(), value.into()]);
        option("--dir", text(&server.server_dir()));
        option("--root-dir", text(&server.root_dir()));
        option("--domain", DOMAIN);
        option("--passphrase-file", text(&server.passphrases()));
        for name in CUSTODIANS {
            option("--custodian", name);
        }
        for listener in ["--api", "--agents", "--public"] {
            option(listener, &free_address().to_string());
        }
        args.extend(more.iter().map(|option| (*option).to_owned()));
        let done = lead(&mut server.command(&args)).output().unwrap();
        assert!(done.status.success(), "skink init: {}", said(&done));
        server.hurry();
        server
    }

    /// A hierarchy that something else made in `dir`, laid out in the same way.
    pub fn over(skink: &Path, dir: &Path) -> Self {
        Self { skink: skink.to_owned(), dir: dir.to_owned(), child: None }
    }

    /// Starts `skink serve` and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not get ready.
    pub fn start(&mut self) {
        let ports = self.server_dir().join("ports.json");
        let _ = std::fs::remove_file(&ports);
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let args = ["serve", "--dir", text(&self.server_dir())].map(str::to_owned);
        let mut child = self.command(&args).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let deadline = Instant::now() + READY;
        while !ports.exists() {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "not ready: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child = Some(child);
    }

    /// SIGKILL: no farewell.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM; gives the exit code once what was under way has finished.
    ///
    /// # Panics
    ///
    /// When it does not run or does not end.
    pub fn terminate(&mut self) -> Option<i32> {
        let mut child = self.child.take().unwrap();
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let deadline = Instant::now() + STOPPED;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code();
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                panic!("SIGTERM was not obeyed: {}", self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A person at the command line; the answer is the JSON that a program would get.
    ///
    /// # Errors
    ///
    /// When the command fails.
    ///
    /// # Panics
    ///
    /// When the answer is not JSON.
    pub fn skink(&self, operator: &str, args: &[&str]) -> Result<Value, CommandFailed> {
        let file = self.operator(operator);
        let mut all = vec!["--json".to_owned(), "--operator".to_owned(), text(&file).to_owned()];
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        let done = self.command(&all).output().unwrap();
        if !done.status.success() {
            return Err(CommandFailed { code: done.status.code(), stderr: said(&done) });
        }
        Ok(serde_json::from_slice(&done.stdout).unwrap_or_else(|error| {
            panic!("skink {args:?}: {error}: {}", String::from_utf8_lossy(&done.stdout))
        }))
    }

    /// `skink` with these arguments, in the test's folder.
    pub fn command(&self, args: &[String]) -> Command {
        let mut command = Command::new(&self.skink);
        command.args(args).current_dir(&self.dir).stdin(Stdio::null());
        command
    }

    /// Gives every approval that an incident asks for, as two people and two custodians, until it
    /// is closed or `enough` says so of an answer.
    ///
    /// # Panics
    ///
    /// When it does not come so far within `limit`, or a command fails.
    pub fn drive(
        &self,
        id: &str,
        limit: Duration,
        mut enough: impl FnMut(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + limit;
        loop {
            let incident = self.skink("lead", &["incident", "show", id]).unwrap();
            if enough(&incident) || incident["state"] == "closed" {
                return incident;
            }
            for wanted in incident["approvals"].as_array().into_iter().flatten() {
                self.approve(&incident, wanted);
            }
            assert!(Instant::now() < deadline, "not so far: {incident:#}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(150));
        }
    }

    fn approve(&self, incident: &Value, wanted: &Value) {
        let (id, step) = (incident["id"].as_str().unwrap(), wanted["step"].as_str().unwrap());
        let given = |name: &str| {
            let mut given = wanted["given"].as_array().into_iter().flatten();
            given.any(|one| one["operator"] == name)
        };
        for (person, custodian) in ["lead", "ciso"].into_iter().zip(CUSTODIANS) {
            if given(person) {
                continue;
            }
            let done = if step == "kit" {
                let (kit, passphrases) =
                    (self.kit(incident["authority"].as_str().unwrap()), self.passphrases());
                let release = ["incident", "release-kit", id, "--kit", text(&kit)];
                let by = ["--custodian", custodian, "--passphrase-file", text(&passphrases)];
                self.skink(person, &[&release[..], &by].concat())
            } else {
                self.skink(person, &["incident", "approve", id, step])
            };
            done.unwrap_or_else(|failed| panic!("{person} approves {step}: {}", failed.stderr));
        }
    }

    /// The recovery kit of an authority.
    pub fn kit(&self, authority: &str) -> PathBuf {
        self.root_dir().join("kits").join(format!("{authority}.kit.json"))
    }

    /// The server's folder.
    pub fn server_dir(&self) -> PathBuf {
        self.dir.join("server")
    }

    /// The offline root's folder.
    pub fn root_dir(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// The file with everybody's passphrases.
    pub fn passphrases(&self) -> PathBuf {
        self.dir.join("passphrases")
    }

    /// An operator's file.
    pub fn operator(&self, name: &str) -> PathBuf {
        self.server_dir().join("operators").join(format!("{name}.json"))
    }

    /// What the server has logged.
    ///
    /// # Panics
    ///
    /// When the log cannot be read.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap()
    }

    fn log_file(&self) -> PathBuf {
        self.dir.join("serve.log")
    }

    /// Loopback and idle fleets need no minutes of quiet.
    fn hurry(&self) {
        let file = self.server_dir().join("skink.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let timings = [
            ("settle_ms", 200),
            ("quiet_ms", 2_000),
            ("clock_offset_max_ms", 1_500),
            ("tick_ms", 100),
        ];
        let faster = text.lines().map(|line| {
            let timing = timings.iter().find(|(name, _)| line.starts_with(&format!("{name} =")));
            timing.map_or(line.to_owned(), |(name, value)| format!("{name} = {value}"))
        });
        let faster: Vec<String> = faster.collect();
        assert_ne!(faster.join("\n"), text.trim_end(), "the timings are not where they were");
        std::fs::write(file, faster.join("\n")).unwrap();
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn said(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}
