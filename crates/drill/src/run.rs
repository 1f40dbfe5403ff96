//! The course of a drill.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use skink_api::{Incident, JournalReport, Page};
use skink_x509::Certificate;
use skink_x509::crl::Crl;

use crate::agents::Agents;
use crate::attack;
use crate::attack::sampler::Sampler;
use crate::attack::scoreboard::{Phase, Scoreboard};
use crate::attack::{escrow, handshake, host, lasting, package, server};
use crate::battlefield::Battlefield;
use crate::command::{Command, Interlude};
use crate::crash::Crasher;
use crate::fleet::traffic::Traffic;
use crate::fleet::{Fleet, LAG};
use crate::headquarters::{DOMAIN, Headquarters, PARTITIONS, STOLEN};
use crate::operator::expect;
use crate::options::{DrillOptions, DrilledPlan, Sabotage};
use crate::publications::{Publications, Watch};
use crate::report::{Certificates, Checkpoint, CrlResult, JournalResult, KeyResult, Report};
use crate::rng::Choices;
use crate::score::{Observed, Released, gates};
use crate::thief::forge::{Partner, Thief};
use crate::thief::key::{StolenKey, thwarted};
use crate::thief::status;
use crate::thief::stolen::{Stolen, StolenUse, ThiefKind};
use crate::{DrillError, Progress};

/// Full handshakes that the fleet makes before anything happens, for each of its clients.
const WARM_UP: Duration = Duration::from_secs(2);
/// How long requests for certificates come in before the declaration.
const PETITIONS: Duration = Duration::from_millis(300);
/// The profile of OCSP responders, whose certificates say that nobody need check them.
const RESPONDER: &str = "ocsp-responder";
const TRAFFIC_LIMIT: Duration = Duration::from_mins(1);
const LEAST_HANDSHAKES: u64 = 1_000;
const UNAWAITED_LAG: Duration = Duration::from_mins(1);
const SAMPLE_PACE: Duration = Duration::from_millis(25);

/// Runs a drill to its end and measures it.
pub async fn run(options: &DrillOptions, progress: &dyn Progress) -> Result<Report, DrillError> {
    // Plain HTTP clients ask for a process-wide provider too; one that is there already is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    if let Some(dir) = &options.keep {
        fs_err::create_dir_all(dir)
            .map_err(|source| DrillError::File { what: "make the drill's folder", source })?;
        in_folder(options, progress, dir).await
    } else {
        let dir = tempfile::Builder::new()
            .prefix("skink-drill-")
            .tempdir()
            .map_err(|source| DrillError::File { what: "make the drill's folder", source })?;
        in_folder(options, progress, dir.path()).await
    }
}

async fn in_folder(
    options: &DrillOptions,
    progress: &dyn Progress,
    dir: &Path,
) -> Result<Report, DrillError> {
    progress.stage("making a hierarchy and starting the server");
    let headquarters = Arc::new(Headquarters::set_up(options, dir).await?);
    progress.stage("bringing up endpoints, clients and their agents");
    // Nobody waits for the laggard without the quiet gate: then he lags beyond any incident here.
    let lag = match options.sabotage {
        Some(Sabotage::QuietGate) => UNAWAITED_LAG,
        _ => LAG,
    };
    let fleet = Fleet::start(DOMAIN, options.endpoints, options.clients, lag)
        .await
        .map_err(|source| DrillError::File { what: "start the fleet", source })?;
    let partner = Partner::new()?;
    let agents = Agents::start(&headquarters, &fleet, &partner, options).await?;
    let choices = Choices::new(options.seed);
    let traffic = Arc::new(Traffic::default());
    let work = fleet.work(&traffic, &choices.fork("traffic"));
    tokio::time::sleep(WARM_UP).await;
    let result = match options.plan {
        DrilledPlan::Authority => {
            let legitimate = agents.certificates()?;
            let thief = steal(&headquarters, legitimate.values().next()).await?;
            let field = prepare(fleet, thief, &partner, legitimate)?;
            let scene = Scene {
                options,
                progress,
                headquarters: &headquarters,
                choices: &choices,
                traffic: &traffic,
            };
            theft(&scene, Arc::new(field), &agents).await
        }
        DrilledPlan::Rotation => {
            let scene = Scene {
                options,
                progress,
                headquarters: &headquarters,
                choices: &choices,
                traffic: &traffic,
            };
            rotation(&scene, &fleet).await
        }
    };
    work.finish().await;
    agents.stop().await;
    let mut outcome = result?;
    outcome.report.handshakes = traffic.snapshot();
    outcome.report.report = keep_report(options, dir, &outcome.text)?;
    outcome.report.gates = gates(options, &outcome.report, &outcome.observed);
    headquarters.server.stop().await?;
    Ok(outcome.report)
}

struct Outcome {
    report: Report,
    observed: Observed,
    text: String,
}

/// The key off the disk, with the credential that lies there.
fn copy(dir: &Path) -> Result<StolenKey, DrillError> {
    let key = dir.join("keys").join(format!("{STOLEN}.key.pem"));
    StolenKey::take(&key, &dir.join("credentials").join("software.key"))
}

/// Takes the issuing key: a copy of its file, or, where a service keeps it, the credential that the
/// server has in its environment.
async fn steal(
    headquarters: &Headquarters,
    sample: Option<&Certificate>,
) -> Result<Thief, DrillError> {
    let stolen = match headquarters.server.places().issuer() {
        Some((key, credential)) => {
            Stolen::Use(StolenUse::take(key.clone(), Some(credential.clone())).await?)
        }
        None => Stolen::Copy(copy(&headquarters.server_dir())?),
    };
    let path = format!("/authorities/{STOLEN}");
    let answer = headquarters.lead.get::<skink_api::Authority>(&path).await?;
    let authority = expect("look at the authority", answer)?;
    let pem = authority.certificate_pem.unwrap_or_default();
    let certificate =
        Certificate::from_pem(&pem).map_err(|error| thwarted("reading the authority", &error))?;
    Thief::new(stolen, certificate, sample)
}

pub(crate) fn prepare(
    fleet: Fleet,
    thief: Thief,
    partner: &Partner,
    legitimate: std::collections::HashMap<String, Certificate>,
) -> Result<Battlefield, DrillError> {
    let empty_crl = status::empty_crl(&thief)?;
    let cross_certificate = partner.cross_certify(&thief.authority)?;
    let scoreboard = Scoreboard::default();
    Ok(Battlefield { fleet, thief, scoreboard, empty_crl, cross_certificate, legitimate })
}

/// What every course of a drill needs.
struct Scene<'a> {
    options: &'a DrillOptions,
    progress: &'a dyn Progress,
    headquarters: &'a Arc<Headquarters>,
    choices: &'a Choices,
    traffic: &'a Traffic,
}

async fn theft(
    scene: &Scene<'_>,
    field: Arc<Battlefield>,
    agents: &Agents,
) -> Result<Outcome, DrillError> {
    let Scene { options, progress, headquarters, choices, traffic } = *scene;
    progress.stage("the issuing key is stolen: attacking while nobody knows");
    let footholds = Arc::new(lasting::Footholds::default());
    attack_all(&field, headquarters, Phase::Before).await?;
    footholds.take(&field).await?;
    let loot = package::Loot::take(headquarters, agents, &field).await?;
    let host = host::StolenHost::take(headquarters, &field.fleet, &field.scoreboard).await?;

    progress.stage("the theft is declared: two operators answer it");
    // He asks before, so that some request is on its way when the taint commits.
    let petitioner = server::Petitioner::start(headquarters.another_session()?);
    tokio::time::sleep(PETITIONS).await;
    let command = Command::declare(headquarters, options.plan).await?;
    let publications = Watch::start(headquarters);
    let sampler = Sampler::start(&field, &footholds, choices.fork("attacks"));
    let crasher =
        options.crash.then(|| Crasher::start(Arc::clone(headquarters), choices.fork("crashes")));
    command.wait_for_approval("taint").await?;
    server::approve_twice(headquarters, &command.id, &field.scoreboard).await?;
    let mut tainted = None;
    let mut laggard_was_waited_for = false;
    let interlude = Interlude { scoreboard: &field.scoreboard, host: &host };
    let closed = command
        .drive(options.limits(), Some(interlude), |incident| {
            progress.incident(incident);
            let waits = incident.approvals.iter().any(|wanted| wanted.step == "taint");
            if !waits && tainted.is_none() && incident.summary.step != "triage" {
                tainted = Some(Instant::now());
            }
            laggard_was_waited_for |= field.fleet.laggard().lags() && quiet_is_shut(incident);
        })
        .await;
    let sampler_errors = sampler.finish().await;
    let kills = match crasher {
        Some(crasher) => crasher.finish().await?,
        None => 0,
    };
    let closed = closed?;

    progress.stage("attacking once more, everywhere");
    let crl = final_crl(headquarters, &field.thief).await?;
    petitioner
        .judge(tainted.unwrap_or(command.declared), |serial| crl.holds(serial), &field.scoreboard)
        .await?;
    attack_all(&field, headquarters, Phase::After).await?;
    footholds.use_all(&field, Phase::After).await;
    let released = closed.summary.successor.is_some();
    escrow::repeat(headquarters, &command.id, released, &field.scoreboard).await?;
    host.judge(reissued(agents, &field, host.name())?, &field.scoreboard);
    headquarters.keep_record(host.name())?;
    loot.offer_all(headquarters, agents, &field).await?;
    wait_for_traffic(traffic).await?;
    let publications = publications.finish(headquarters, closed.crl.published.clone()).await?;
    // Last of all: what heals this is a package of the root's, and the server is out of it then.
    loot.hijack(headquarters, options, agents, &field).await?;

    let signed = may_be_signed(headquarters).await?;
    let escaped: Vec<String> =
        signed.iter().map(|one| one.serial.clone()).filter(|serial| !crl.holds(serial)).collect();
    let unknown = signed.iter().filter(|one| one.state == "unknown").count();
    let attacks = field.scoreboard.results(command.declared, field.thief.stolen.kind());
    let exposure_s = attacks.iter().filter_map(|attack| attack.last_accepted_s).fold(0.0, f64::max);
    let stolen = &field.thief.stolen;
    let still_signs = stolen.sign(b"he still can").is_ok();
    let kind = stolen.kind();
    let mut report = blank(options, &closed, field.fleet.parties().len());
    report.exposure_s = exposure_s;
    report.attacks = attacks;
    report.crl = crl.result();
    let thief_may_not_enable = stolen.enabling_refusal().await;
    report.key = KeyResult {
        disabled: closed.key.disabled,
        refusal_code: closed.key.refusal_code.clone().unwrap_or_default(),
        control_signature_ok: closed.key.control_signature_ok,
        thief_has_copy: kind == ThiefKind::Copy && still_signs,
        thief: kind,
        thief_refused: stolen.refusal(),
        thief_may_not_enable,
    };
    report.crashes = kills;
    report.certificates.unknown = u64::try_from(unknown).unwrap_or(u64::MAX);
    let mut outcome =
        finish(report, headquarters, &command, &closed, laggard_was_waited_for).await?;
    outcome.observed.escaped = escaped;
    outcome.observed.publications = publications;
    outcome.observed.expected = attack::expected(&field.fleet);
    outcome.observed.sampler_errors = sampler_errors;
    Ok(outcome)
}

async fn rotation(scene: &Scene<'_>, fleet: &Fleet) -> Result<Outcome, DrillError> {
    let Scene { options, progress, headquarters, choices, traffic } = *scene;
    progress.stage("a planned rotation: nobody hurries");
    let command = Command::declare(headquarters, options.plan).await?;
    let crasher =
        options.crash.then(|| Crasher::start(Arc::clone(headquarters), choices.fork("crashes")));
    let mut laggard_was_waited_for = false;
    let closed = command
        .drive(options.limits(), None, |incident| {
            progress.incident(incident);
            laggard_was_waited_for |= fleet.laggard().lags() && quiet_is_shut(incident);
        })
        .await;
    let kills = match crasher {
        Some(crasher) => crasher.finish().await?,
        None => 0,
    };
    let closed = closed?;
    wait_for_traffic(traffic).await?;
    let mut report = blank(options, &closed, fleet.parties().len());
    report.crashes = kills;
    finish(report, headquarters, &command, &closed, laggard_was_waited_for).await
}

async fn finish(
    mut report: Report,
    headquarters: &Headquarters,
    command: &Command<'_>,
    closed: &Incident,
    laggard_was_waited_for: bool,
) -> Result<Outcome, DrillError> {
    let answer = headquarters.lead.get::<JournalReport>("/journal/verify").await?;
    let journal = expect("verify the journal", answer)?;
    report.journal = JournalResult { events: journal.events, verified: journal.verified };
    let text = headquarters.lead.text(&format!("/incidents/{}/report.md", command.id)).await?;
    let observed = Observed {
        released_once: released_once(headquarters, closed.summary.successor.as_deref()).await?,
        publications: Publications::default(),
        expected: BTreeMap::new(),
        sampler_errors: Vec::new(),
        closed: closed.summary.state == skink_api::IncidentState::Closed,
        laggard_was_waited_for,
        escaped: Vec::new(),
    };
    Ok(Outcome { report, observed, text })
}

/// Everything that the stolen authority signed or may have signed: an attempt whose end nobody knows
/// counts as signed.
async fn may_be_signed(
    headquarters: &Headquarters,
) -> Result<Vec<skink_api::Certificate>, DrillError> {
    let mut certificates = certificates_of(headquarters, STOLEN).await?;
    // A responder of the closing set answers honest readers until the last certificate has ended.
    certificates.retain(|one| {
        one.profile != RESPONDER && !matches!(one.state.as_str(), "intended" | "linted" | "failed")
    });
    Ok(certificates)
}

async fn certificates_of(
    headquarters: &Headquarters,
    authority: &str,
) -> Result<Vec<skink_api::Certificate>, DrillError> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/certificates?authority={authority}&limit=1000{after}");
        let answer = headquarters.lead.get::<Page<skink_api::Certificate>>(&path).await?;
        let page = expect("list an authority's certificates", answer)?;
        all.extend(page.items);
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(all),
        }
    }
}

/// Endpoints that got other than exactly one certificate of the new generation from this incident.
async fn released_once(
    headquarters: &Headquarters,
    successor: Option<&str>,
) -> Result<Released, DrillError> {
    let authority = successor.unwrap_or_default();
    let certificates = certificates_of(headquarters, authority).await?;
    let mut counts = BTreeMap::<String, usize>::new();
    for certificate in certificates.iter().filter(|one| one.profile != "canary") {
        if let (Some(endpoint), "issued") = (&certificate.endpoint, certificate.state.as_str()) {
            *counts.entry(endpoint.clone()).or_default() += 1;
        }
    }
    let more_than_one = counts.iter().filter(|(_, count)| **count > 1);
    Ok(Released {
        endpoints: counts.len(),
        more_than_one: more_than_one.map(|(endpoint, _)| endpoint.clone()).collect(),
    })
}

/// Whether a party runs a certificate that the stolen authority did not sign.
fn reissued(agents: &Agents, field: &Battlefield, name: &str) -> Result<bool, DrillError> {
    let party = field.fleet.parties().iter().find(|party| party.name == name);
    let running = agents.certificates()?;
    let leaf = party.and_then(|party| running.get(&party.dns));
    Ok(leaf.is_some_and(|leaf| leaf.issuer() != field.thief.authority.subject()))
}

/// Every attack that needs no foothold, against everybody.
async fn attack_all(
    field: &Arc<Battlefield>,
    headquarters: &Headquarters,
    phase: Phase,
) -> Result<(), DrillError> {
    for name in handshake::ALL {
        handshake::strike_all(name, phase, field).await?;
    }
    let agent = &field.fleet.parties()[0].name;
    server::knock(headquarters, agent, &field.thief, &field.scoreboard, phase).await
}

fn quiet_is_shut(incident: &Incident) -> bool {
    incident.gates.iter().any(|gate| gate.name == "quiet" && !gate.open)
}

/// The final CRLs as anybody fetches them, checked against the stolen authority's key: one for each
/// partition, or none where one of them does not verify.
struct FinalCrl(Option<Vec<Crl>>);

impl FinalCrl {
    fn holds(&self, serial: &str) -> bool {
        let lists = self.0.iter().flatten();
        lists.flat_map(Crl::entries).any(|entry| entry.serial.to_hex() == serial)
    }

    fn result(&self) -> CrlResult {
        let entries: usize = self.0.iter().flatten().map(Crl::len).sum();
        CrlResult {
            entries: u64::try_from(entries).unwrap_or(u64::MAX),
            read_back: self.0.is_some(),
        }
    }
}

async fn final_crl(headquarters: &Headquarters, thief: &Thief) -> Result<FinalCrl, DrillError> {
    let mut lists = Vec::new();
    for number in 0..PARTITIONS {
        let der = headquarters.published(&format!("/crl/{STOLEN}/p{number}.crl")).await?;
        lists.push(
            Crl::from_der(&der)
                .ok()
                .filter(|crl| crl.verify_signed_by(thief.authority.public_key()).is_ok()),
        );
    }
    Ok(FinalCrl(lists.into_iter().collect()))
}

async fn wait_for_traffic(traffic: &Traffic) -> Result<(), DrillError> {
    let deadline = tokio::time::Instant::now() + TRAFFIC_LIMIT;
    while traffic.snapshot().full < LEAST_HANDSHAKES {
        if tokio::time::Instant::now() >= deadline {
            return Err(DrillError::Late {
                what: format!("{LEAST_HANDSHAKES} handshakes"),
                limit_s: TRAFFIC_LIMIT.as_secs(),
            });
        }
        tokio::time::sleep(SAMPLE_PACE).await;
    }
    Ok(())
}

fn blank(options: &DrillOptions, closed: &Incident, relying_parties: usize) -> Report {
    let recovered_ms =
        closed.summary.recovered_at_ms.map_or(0, |at| at - closed.summary.declared_at_ms);
    Report {
        plan: options.plan.as_str().to_owned(),
        seed: options.seed,
        recovered_s: Duration::from_millis(u64::try_from(recovered_ms).unwrap_or(0)).as_secs_f64(),
        exposure_s: 0.0,
        checkpoints: closed
            .checkpoints
            .iter()
            .map(|checkpoint| Checkpoint {
                name: checkpoint.name.clone(),
                planned_s: checkpoint.planned_s,
                actual_s: checkpoint.actual_s,
                evidence: checkpoint.evidence.clone(),
            })
            .collect(),
        handshakes: crate::report::Handshakes::default(),
        relying_parties,
        attacks: Vec::new(),
        certificates: Certificates {
            reissued: closed.certificates.reissued,
            revoked: closed.certificates.revoked,
            unknown: 0,
        },
        crl: CrlResult::default(),
        key: KeyResult::default(),
        crashes: 0,
        journal: JournalResult::default(),
        report: String::new(),
        not_rehearsed: closed.not_rehearsed.clone(),
        gates: Vec::new(),
    }
}

/// The report outlives the drill's folder: beside it when it is kept, in the current folder else.
fn keep_report(options: &DrillOptions, dir: &Path, text: &str) -> Result<String, DrillError> {
    let path = match &options.keep {
        Some(_) => dir.join("report.md"),
        None => PathBuf::from(format!("skink-drill-{}.md", options.seed)),
    };
    fs_err::write(&path, text)
        .map_err(|source| DrillError::File { what: "write the report", source })?;
    Ok(path.display().to_string())
}
