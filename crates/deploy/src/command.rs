//! Software that is driven by commands.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use skink_x509::Time;
use tokio::process::Command;

use crate::probe::Outcome;
use crate::{EndpointFiles, PeerSeen, Target, TargetError};

/// The commands for one endpoint; each is a program and its arguments, with no shell between.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Commands {
    /// Checks the configuration: `["nginx", "-t"]`.
    pub check: Vec<String>,
    /// Loads it: `["nginx", "-s", "reload"]`.
    pub reload: Vec<String>,
    /// Ends sessions and old connections; without it, `reload` has to do.
    pub reset_sessions: Vec<String>,
    /// For a client: connects to `{address}` as to `{name}`, exchanges data, and fails with the
    /// reason in its output: `["curl", "--connect-to", "::{address}", "https://{name}/"]`.
    pub connect: Vec<String>,
    /// Prints accepted peers, one on a line: SHA-256 of the certificate and milliseconds since
    /// 1970, and, where known, the authority key identifier in hexadecimal.
    pub peers: Vec<String>,
    /// How long the software may answer by its old configuration after a reload.
    pub settle_ms: u64,
    /// How long a command may take; 0 is ten seconds.
    pub timeout_ms: u64,
}

/// A target driven by [`Commands`].
#[derive(Clone, Debug)]
pub struct CommandTarget {
    commands: Commands,
}

impl CommandTarget {
    /// The target that these commands drive.
    pub const fn new(commands: Commands) -> Self {
        Self { commands }
    }

    async fn run(
        &self,
        argv: &[String],
        files: &EndpointFiles,
    ) -> Result<Option<String>, TargetError> {
        let Some((program, arguments)) = argv.split_first() else { return Ok(None) };
        let limit = match self.commands.timeout_ms {
            0 => Duration::from_secs(10),
            millis => Duration::from_millis(millis),
        };
        let command = argv.join(" ");
        let mut child = Command::new(program);
        child.args(arguments).env("SKINK_DIR", files.dir()).stdin(Stdio::null()).kill_on_drop(true);
        let output = match tokio::time::timeout(limit, child.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(source)) => return Err(TargetError::Start { command, source }),
            Err(_) => return Err(TargetError::TimedOut { command, limit }),
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(Some(text));
        }
        let said = tail(&format!("{text}{}", String::from_utf8_lossy(&output.stderr)));
        Err(TargetError::Failed { command, status: output.status, output: said })
    }
}

#[async_trait]
impl Target for CommandTarget {
    async fn check(&self, files: &EndpointFiles) -> Result<(), TargetError> {
        self.run(&self.commands.check, files).await.map(drop)
    }

    async fn reload(&self, files: &EndpointFiles) -> Result<(), TargetError> {
        self.run(&self.commands.reload, files).await.map(drop)
    }

    async fn reset_sessions(&self, files: &EndpointFiles) -> Result<(), TargetError> {
        let reset = &self.commands.reset_sessions;
        let argv = if reset.is_empty() { &self.commands.reload } else { reset };
        self.run(argv, files).await.map(drop)
    }

    async fn connect(&self, to: SocketAddr, server_name: &str) -> Option<Outcome> {
        if self.commands.connect.is_empty() {
            return None;
        }
        let fill = |argument: &String| {
            argument
                .replace("{address}", &to.to_string())
                .replace("{host}", &to.ip().to_string())
                .replace("{port}", &to.port().to_string())
                .replace("{name}", server_name)
        };
        let argv: Vec<String> = self.commands.connect.iter().map(fill).collect();
        let files = EndpointFiles::new("", crate::Mechanism::None);
        Some(match self.run(&argv, &files).await {
            Ok(_) => Outcome::accepted(),
            Err(TargetError::Failed { output, .. }) => Outcome::of_refusal_text(&output),
            Err(error) => Outcome::Failed { reason: error.to_string() },
        })
    }

    async fn peers_seen(&self) -> Option<Vec<PeerSeen>> {
        let files = EndpointFiles::new("", crate::Mechanism::None);
        match self.run(&self.commands.peers, &files).await {
            Ok(output) => output.map(|text| text.lines().filter_map(peer).collect()),
            Err(error) => {
                tracing::warn!(%error, "the peers that were seen cannot be listed");
                None
            }
        }
    }

    fn settle_time(&self) -> Duration {
        Duration::from_millis(self.commands.settle_ms)
    }
}

fn peer(line: &str) -> Option<PeerSeen> {
    let mut words = line.split_whitespace();
    let fingerprint = words.next()?.parse().ok()?;
    let last_seen = Time::from_millis(words.next()?.parse().ok()?);
    Some(PeerSeen { fingerprint, authority_key_id: words.next().and_then(hex), last_seen })
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.as_bytes().chunks(2).map(byte).collect()
}

fn tail(text: &str) -> String {
    let trimmed = text.trim();
    let start = trimmed.char_indices().rev().nth(599).map_or(0, |(at, _)| at);
    trimmed[start..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mechanism;

    fn target(set: impl FnOnce(&mut Commands)) -> (CommandTarget, EndpointFiles) {
        let mut commands = Commands::default();
        set(&mut commands);
        (CommandTarget::new(commands), EndpointFiles::new("/nowhere", Mechanism::Anchor))
    }

    fn argv(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[tokio::test]
    async fn a_failing_check_says_what_the_program_said() {
        let (target, files) =
            target(|it| it.check = argv(&["sh", "-c", "echo bad file in $SKINK_DIR >&2; exit 3"]));
        let error = target.check(&files).await.unwrap_err();
        assert!(error.to_string().contains("bad file in /nowhere"), "{error}");
        assert!(target.reload(&files).await.is_ok());
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_ended() {
        let (target, files) = target(|it| {
            it.reload = argv(&["sleep", "60"]);
            it.timeout_ms = 50;
        });
        let error = target.reload(&files).await.unwrap_err();
        assert!(matches!(error, TargetError::TimedOut { .. }), "{error}");
    }

    #[tokio::test]
    async fn peers_are_read_from_lines() {
        let print = format!("echo {} 17 0aff; echo nonsense", "ab".repeat(32));
        let (target, _) = target(|it| it.peers = argv(&["sh", "-c", &print]));
        let peers = target.peers_seen().await.unwrap();
        assert_eq!(peers.len(), 1);
        assert_eq!(peers[0].last_seen, Time::from_millis(17));
        assert_eq!(peers[0].authority_key_id, Some(vec![0x0a, 0xff]));
    }
}
