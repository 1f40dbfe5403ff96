//! Attacks on the server itself: its channels, its issuance, its rule of two people.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use skink_api::{Code, IssuedCertificate, Problem};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Mutex;

use super::host;
use super::scoreboard::{Attempt, Phase, Scoreboard};
use crate::DrillError;
use crate::csr;
use crate::headquarters::{DOMAIN, Headquarters, ISSUER, STOLEN};
use crate::operator::{Answer, Operator};
use crate::outcome::Outcome;
use crate::thief::forge::{Likeness, Thief};
use crate::thief::tls::RogueClient;

pub(crate) const AGENTS_CHANNEL: &str = "rogue-certificate-at-agents-channel";
pub(crate) const OPERATORS_API: &str = "rogue-certificate-at-operators-api";
pub(crate) const ONE_PERSON_TWICE: &str = "one-person-approving-twice";
pub(crate) const ISSUANCE: &str = "issuance-during-containment";

const POLL: &str = "/agent/v1/poll";
const ISSUE_PACE: Duration = Duration::from_millis(100);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Presents rogue certificates where agents and operators are let in by theirs.
pub(crate) async fn knock(
    headquarters: &Headquarters,
    agent: &str,
    thief: &Thief,
    scoreboard: &Scoreboard,
    phase: Phase,
) -> Result<(), DrillError> {
    let identity = thief.leaf(&Likeness::Named(&format!("skink.{DOMAIN}")))?;
    let rogue = RogueClient::new(&identity)?;
    let (agents, operators) = (headquarters.server.ports().agent, headquarters.server.ports().api);
    // Beside him, at the same door with the same request: an agent by its own certificate.
    let agent = RogueClient::new(&host::identity(headquarters, agent)?)?;
    let agent = ask(&agent, agents, POLL).await.accepted();
    let operator = headquarters.lead.get::<Value>("/status").await?.is_ok();
    let doors = [
        (AGENTS_CHANNEL, agents, POLL, agent),
        (OPERATORS_API, operators, "/api/v1/status", operator),
    ];
    for (name, addr, path, control) in doors {
        let outcome = ask(&rogue, addr, path).await;
        let attempt = Attempt { target: "server".to_owned(), mechanism: None, outcome, control };
        scoreboard.record(name, phase, attempt);
    }
    Ok(())
}

/// A request over TLS with the thief's identity: let in, turned away, or neither.
async fn ask(rogue: &RogueClient, addr: SocketAddr, path: &str) -> Outcome {
    let asked = async {
        let mut stream = rogue.handshake(addr, &format!("skink.{DOMAIN}")).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: skink\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    match tokio::time::timeout(ANSWER_LIMIT, asked).await {
        Ok(Ok(answer)) => match answer.rsplit_once(' ').map(|(_, status)| status) {
            Some("401" | "403") => Outcome::CertificateRefused(answer),
            Some(status) if status.starts_with('2') => Outcome::Accepted { resumed: false },
            _ => Outcome::Failed(answer),
        },
        Ok(Err(error)) => Outcome::from_error("server", &error),
        Err(_) => Outcome::Failed("no answer in time".to_owned()),
    }
}

/// One person approves, and once more from a second session.
pub(crate) async fn approve_twice(
    headquarters: &Headquarters,
    incident: &str,
    scoreboard: &Scoreboard,
) -> Result<(), DrillError> {
    let path = format!("/incidents/{incident}/approve");
    let body = json!({ "step": "taint" });
    let first: Answer<Value> = headquarters.lead.post(&path, &body).await?;
    let second: Answer<Value> = headquarters.lead_again.post(&path, &body).await?;
    let outcome = refusal(&second, &[Code::SamePerson]);
    let control = match &first {
        Ok(_) => true,
        // A crash may have lost the answer to the first approval, not the approval.
        Err(problem) => problem.code == Code::SamePerson,
    };
    let attempt = Attempt { target: "server".to_owned(), mechanism: None, outcome, control };
    scoreboard.record(ONE_PERSON_TWICE, Phase::After, attempt);
    Ok(())
}

pub(super) fn refusal<T>(answer: &Answer<T>, expected: &[Code]) -> Outcome {
    match answer {
        Ok(_) => Outcome::Accepted { resumed: false },
        Err(problem) if expected.contains(&problem.code) => {
            Outcome::CertificateRefused(problem.code.as_str().to_owned())
        }
        Err(problem) => Outcome::Failed(problem.to_string()),
    }
}

/// Asks for certificates through the operators' channel without pause while the incident runs, so
/// that some request is between linting and signing when the taint commits.
pub(crate) struct Petitioner {
    stop: Arc<AtomicBool>,
    log: Arc<Mutex<Vec<Petition>>>,
    task: tokio::task::JoinHandle<Result<(), DrillError>>,
}

/// One request and its answer.
struct Petition {
    asked: Instant,
    answer: Result<IssuedCertificate, Problem>,
}

impl Petitioner {
    pub(crate) fn start(operator: Operator) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let log = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(petition(operator, Arc::clone(&stop), Arc::clone(&log)));
        Self { stop, log, task }
    }

    /// Stops, and judges every answer: after `tainted` the stolen authority signed nothing, and
    /// what it signed at the last moment is in its final CRL.
    pub(crate) async fn judge(
        self,
        tainted: Instant,
        in_final_crl: impl Fn(&str) -> bool,
        scoreboard: &Scoreboard,
    ) -> Result<(), DrillError> {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.map_err(|error| DrillError::Thief {
            what: "petitioning",
            reason: error.to_string(),
        })??;
        let log = self.log.lock().await;
        let signed_later = log.iter().any(|petition| {
            petition.asked > tainted
                && petition.answer.as_ref().is_ok_and(|issued| issued.authority == STOLEN)
        });
        let escaped = log
            .iter()
            .filter_map(|petition| petition.answer.as_ref().ok())
            .any(|issued| issued.authority == STOLEN && !in_final_crl(&issued.serial));
        let refused = log.iter().any(|petition| {
            petition.answer.as_ref().is_err_and(|problem| {
                matches!(problem.code, Code::AuthorityTainted | Code::AuthorityFrozen)
            })
        });
        let outcome = match (signed_later, escaped, refused) {
            (true, ..) => Outcome::Accepted { resumed: false },
            (_, true, _) => Outcome::Failed("a certificate is not in the final CRL".to_owned()),
            (_, _, false) => Outcome::Failed("no request met the containment".to_owned()),
            _ => Outcome::CertificateRefused("authority-tainted".to_owned()),
        };
        let control = log.iter().any(|petition| {
            petition.answer.as_ref().is_ok_and(|issued| issued.authority != STOLEN)
        });
        let attempt = Attempt { target: "operators".to_owned(), mechanism: None, outcome, control };
        scoreboard.record(ISSUANCE, Phase::After, attempt);
        Ok(())
    }
}

async fn petition(
    operator: Operator,
    stop: Arc<AtomicBool>,
    log: Arc<Mutex<Vec<Petition>>>,
) -> Result<(), DrillError> {
    let mut number = 0_u32;
    while !stop.load(Ordering::SeqCst) {
        let name = format!("petition-{number}.{DOMAIN}");
        let body = json!({
            "issuer": ISSUER,
            "profile": "server",
            "csr_pem": csr::for_name(&name)?,
        });
        let asked = Instant::now();
        let answer = operator.post("/certificates", &body).await?;
        log.lock().await.push(Petition { asked, answer });
        number += 1;
        tokio::time::sleep(ISSUE_PACE).await;
    }
    Ok(())
}
