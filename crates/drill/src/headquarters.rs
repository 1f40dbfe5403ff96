//! The server's side of a drill: a hierarchy of its own, the server process and two operators.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use skink_api::CeremonyRequest;
use skink_trust::Parts;
use skink_x509::Certificate;
use tokio::process::Command;

use crate::DrillError;
use crate::operator::{Answer, OUTAGE_LIMIT, Operator, REPEAT_PACE, expect};
use crate::options::DrillOptions;
use crate::places::Places;
use crate::process::ServerProcess;

/// The trust domain of a drill.
pub(crate) const DOMAIN: &str = "drill.skink.internal";
/// The custodians of its recovery kit.
pub(crate) const CUSTODIANS: [&str; 2] = ["carol", "dave"];
/// How many lists the authorities have each.
pub(crate) const PARTITIONS: u32 = 3;
/// The authority that is stolen.
pub(crate) const STOLEN: &str = "workloads-g1";
/// The issuer everybody's certificates come from.
pub(crate) const ISSUER: &str = "workloads";

/// What `skink init` made, and what runs over it.
pub(crate) struct Headquarters {
    pub(crate) dir: PathBuf,
    pub(crate) server: ServerProcess,
    pub(crate) lead: Operator,
    pub(crate) ciso: Operator,
    /// A second session of the lead's: the same person.
    pub(crate) lead_again: Operator,
    pub(crate) public: SocketAddr,
}

/// The parts of an operator file that a drill needs.
#[derive(Deserialize)]
struct OperatorFile {
    root: String,
    token: String,
    #[serde(default)]
    server_name: Option<String>,
}

impl Headquarters {
    /// `skink init`, shorter timings, `skink serve`, and operators who know the root.
    pub(crate) async fn set_up(options: &DrillOptions, dir: &Path) -> Result<Self, DrillError> {
        Self::set_up_timed(options, dir, &[]).await
    }

    /// The same, with timings of the incident beside the drill's, or instead of them.
    pub(crate) async fn set_up_timed(
        options: &DrillOptions,
        dir: &Path,
        timings: &[(&str, i64)],
    ) -> Result<Self, DrillError> {
        let server_dir = dir.join("server");
        let (issuer, standby) = (options.issuer_key.as_ref(), options.standby_key.as_ref());
        let places = Places::make(issuer, standby, dir).await?;
        init(&options.skink, dir, &server_dir, &places).await?;
        hurry(&server_dir, timings)?;
        let server = ServerProcess::start(&options.skink, &server_dir, places).await?;
        let addr = server.ports().api;
        let (lead, _) = person(&server_dir, "lead", addr)?;
        let (lead_again, _) = person(&server_dir, "lead", addr)?;
        let (ciso, _) = person(&server_dir, "ciso", addr)?;
        let public = server.ports().public;
        let made = Self { dir: dir.to_owned(), server, lead, ciso, lead_again, public };
        made.hold_ceremony(&options.skink).await?;
        Ok(made)
    }

    /// One more session of the lead's, for a task of its own.
    pub(crate) fn another_session(&self) -> Result<Operator, DrillError> {
        person(&self.server_dir(), "lead", self.server.ports().api).map(|(operator, _)| operator)
    }

    /// The file of an authority's recovery kit, as the latest ceremony left it.
    pub(crate) fn kit(&self, authority: &str) -> PathBuf {
        self.dir.join("kits").join(format!("{authority}-2.kit.json"))
    }

    /// The kit that the first ceremony left; the second one voids it.
    pub(crate) fn first_kit(&self, authority: &str) -> PathBuf {
        self.dir.join("root").join("kits").join(format!("{authority}.kit.json"))
    }

    /// A second ceremony, as on any ordinary day: request out, response in, newer kits.
    async fn hold_ceremony(&self, skink: &Path) -> Result<(), DrillError> {
        let wrote = |source| DrillError::File { what: "carry a ceremony's file", source };
        let answer = self.lead.post("/ceremonies", &serde_json::json!({})).await?;
        let made: CeremonyRequest = expect("ask for a ceremony", answer)?;
        let request = self.dir.join("request.json");
        fs_err::write(&request, made.file).map_err(wrote)?;
        let mut command = Command::new(skink);
        command.args(["root", "sign"]).arg(&request).arg("--dir").arg(self.dir.join("root"));
        command.arg("--out").arg(self.response()).arg("--kits").arg(self.dir.join("kits"));
        for name in CUSTODIANS {
            command.args(["--custodian", name]);
        }
        command.arg("--passphrase-file").arg(self.dir.join("passphrases")).arg("--yes");
        succeed(&mut command, "sign a ceremony for").await?;
        expect("import the ceremony's response", self.import_again().await?).map(drop)
    }

    /// Carries what a host holds away, for the root to say again if it must.
    pub(crate) fn keep_record(&self, host: &str) -> Result<(), DrillError> {
        let held = self.agents().join(host).join("trust-state.json");
        fs_err::copy(held, self.record())
            .map(drop)
            .map_err(|source| DrillError::File { what: "carry a host's record away", source })
    }

    fn record(&self) -> PathBuf {
        self.dir.join("trust-state.json")
    }

    /// What a host held, said again by the offline root with the next epoch.
    pub(crate) async fn root_package(&self, skink: &Path) -> Result<(Vec<u8>, Parts), DrillError> {
        let out = self.dir.join("root-package");
        let mut command = Command::new(skink);
        command.args(["root", "package", "--held"]).arg(self.record());
        command.arg("--out").arg(&out).arg("--dir").arg(self.dir.join("root"));
        command.arg("--passphrase-file").arg(self.dir.join("passphrases"));
        succeed(&mut command, "sign a package for").await?;
        let read = |source| DrillError::File { what: "read the root's package", source };
        let envelope = fs_err::read(out.join("package")).map_err(read)?;
        let mut parts = Parts::new();
        for part in fs_err::read_dir(out.join("part")).map_err(read)? {
            parts.insert(fs_err::read(part.map_err(read)?.path()).map_err(read)?);
        }
        Ok((envelope, parts))
    }

    /// What the plain listener hands out at `path`; asked for again while the server is down.
    pub(crate) async fn published(&self, path: &str) -> Result<Vec<u8>, DrillError> {
        let url = format!("http://{}{path}", self.public);
        let get = async || reqwest::get(&url).await?.error_for_status()?.bytes().await;
        let deadline = tokio::time::Instant::now() + OUTAGE_LIMIT;
        loop {
            match get().await {
                Ok(bytes) => return Ok(bytes.to_vec()),
                Err(source) if tokio::time::Instant::now() >= deadline => {
                    return Err(DrillError::Unreachable {
                        operation: format!("fetch {path}"),
                        source,
                    });
                }
                Err(_) => tokio::time::sleep(REPEAT_PACE).await,
            }
        }
    }

    fn response(&self) -> PathBuf {
        self.dir.join("response.json")
    }

    /// Hands the ceremony's response to the server, for the first time or once more.
    pub(crate) async fn import_again(&self) -> Result<Answer<Value>, DrillError> {
        let failed = |source| DrillError::File { what: "carry a ceremony's file", source };
        let text = fs_err::read_to_string(self.response()).map_err(failed)?;
        let response: Value =
            serde_json::from_str(&text).map_err(|error| failed(std::io::Error::other(error)))?;
        self.lead.post("/ceremonies/response", &response).await
    }

    /// The folder of the agents' own folders, by party.
    pub(crate) fn agents(&self) -> PathBuf {
        self.dir.join("agents")
    }

    /// The server's folder.
    pub(crate) fn server_dir(&self) -> PathBuf {
        self.dir.join("server")
    }
}

/// An operator from the file that `skink init` wrote for him, and the root in it.
fn person(
    server_dir: &Path,
    name: &str,
    addr: SocketAddr,
) -> Result<(Operator, Certificate), DrillError> {
    let unreadable = |error: &dyn std::fmt::Display| DrillError::Init { stderr: error.to_string() };
    let path = server_dir.join("operators").join(format!("{name}.json"));
    let text = fs_err::read_to_string(path)
        .map_err(|source| DrillError::File { what: "read an operator file", source })?;
    let file: OperatorFile = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
    let root = Certificate::from_pem(&file.root).map_err(|error| unreadable(&error))?;
    let name = file.server_name.unwrap_or_else(|| format!("skink.{DOMAIN}"));
    Ok((Operator::new(&root, &name, addr, file.token)?, root))
}

async fn init(
    skink: &Path,
    dir: &Path,
    server_dir: &Path,
    places: &Places,
) -> Result<(), DrillError> {
    let wrote = |source| DrillError::File { what: "prepare the drill's folder", source };
    let passphrases = dir.join("passphrases");
    let people = CUSTODIANS.iter().chain(&["root"]);
    let lines: Vec<String> = people.map(|name| format!("{name}={}", passphrase(name))).collect();
    fs_err::write(&passphrases, lines.join("\n")).map_err(wrote)?;
    let mut command = Command::new(skink);
    command.arg("init").arg("--dir").arg(server_dir).arg("--root-dir").arg(dir.join("root"));
    command.args(["--domain", DOMAIN, "--crl-partitions", &PARTITIONS.to_string()]);
    for name in CUSTODIANS {
        command.args(["--custodian", name]);
    }
    command.arg("--passphrase-file").arg(&passphrases);
    places.tell(&mut command, dir)?;
    places.equip(&mut command);
    // All three are held until all three are known, so that they differ.
    let listeners: Vec<_> = (0..3)
        .map(|_| TcpListener::bind(("127.0.0.1", 0)))
        .collect::<Result<_, _>>()
        .map_err(wrote)?;
    for (flag, listener) in ["--api", "--agents", "--public"].iter().zip(&listeners) {
        command.arg(flag).arg(listener.local_addr().map_err(wrote)?.to_string());
    }
    drop(listeners);
    succeed(&mut command, "initialise").await
}

/// Runs to a good end; what it says of a bad one is the error.
async fn succeed(command: &mut Command, what: &'static str) -> Result<(), DrillError> {
    let output = command.output().await.map_err(|source| DrillError::Process { what, source })?;
    if output.status.success() {
        Ok(())
    } else {
        Err(DrillError::Init { stderr: String::from_utf8_lossy(&output.stderr).into_owned() })
    }
}

/// The passphrase of a custodian of the drill.
pub(crate) fn passphrase(custodian: &str) -> String {
    format!("the drill's {custodian} keeps a long passphrase")
}

/// Sets the incident's timings for programs on loopback instead of daemons in the field.
fn hurry(server_dir: &Path, more: &[(&str, i64)]) -> Result<(), DrillError> {
    let failed = |source| DrillError::File { what: "set the drill's timings", source };
    let path = server_dir.join("skink.toml");
    let text = fs_err::read_to_string(&path).map_err(failed)?;
    let mut config: toml::Table =
        text.parse().map_err(|error| failed(std::io::Error::other(error)))?;
    let timings = [
        ("settle_ms", 50),
        ("quiet_ms", 1_500),
        ("clock_offset_max_ms", 1_000),
        ("tick_ms", 200),
        ("retry_after_s", 1),
    ];
    let incident = config
        .entry("incident")
        .or_insert_with(|| toml::Table::new().into())
        .as_table_mut()
        .ok_or_else(|| failed(std::io::ErrorKind::InvalidData.into()))?;
    for (name, value) in timings.iter().chain(more) {
        incident.insert((*name).to_owned(), toml::Value::Integer(*value));
    }
    fs_err::write(&path, config.to_string()).map_err(failed)
}
