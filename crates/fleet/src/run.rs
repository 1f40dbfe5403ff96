//! The course of a measurement.

use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use skink_agent::protocol::join;
use skink_api::{Criticality, EndpointRole, EndpointSpec, Incident, Mechanism, NewToken};
use skink_drill::Stage;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Options;
use crate::agent::{Agent, Fleet};
use crate::ambient::{SystemClock, SystemRng};
use crate::error::FleetError;
use crate::gauge::{Footprint, Gauge, float, footprint};
use crate::limits;
use crate::report::Report;

/// One agent in so many proves by handshakes.
const SAMPLE: usize = 100;
/// How often progress is printed.
const PROGRESS: Duration = Duration::from_secs(2);
/// How often the operators look at the incident.
const PACE: Duration = Duration::from_millis(250);
/// Seconds for bringing the fleet up: this, and a share for each agent.
const READY_S: u64 = 60;
const AGENTS_A_SECOND: u64 = 20;
/// Connections of the simulator beside its agents': enrolments and real proofs.
const OTHER_CONNECTIONS: usize = 600;
/// Tries to enrol one agent.
const TRIES: usize = 5;

/// Brings everything up, measures, and stops everything.
pub(crate) async fn run(options: &Options) -> Result<Report, FleetError> {
    let most = if options.polling { options.connections } else { options.agents };
    limits::raise(options.agents, most + OTHER_CONNECTIONS)?;
    let made = |source| FleetError::File { what: "make the fleet's folder", source };
    let temporary = tempfile::Builder::new().prefix("skink-fleet-").tempdir().map_err(made)?;
    let dir = options.keep.as_deref().unwrap_or(temporary.path());
    fs_err::create_dir_all(dir).map_err(made)?;
    say("making a hierarchy and starting the server");
    let stage = stage(options, dir).await?;
    let measured = measure(options, &stage).await;
    stage.stop().await.map_err(FleetError::Stage)?;
    measured
}

async fn stage(options: &Options, dir: &Path) -> Result<Stage, FleetError> {
    let wave = options.wave.unwrap_or(options.agents.div_ceil(4)).max(1);
    let timings = [
        ("wave_size", i64::try_from(wave).unwrap_or(i64::MAX)),
        ("quiet_ms", 3_000),
        ("clock_offset_max_ms", 2_500),
    ];
    Stage::set_up(&options.skink, dir, &timings).await.map_err(FleetError::Stage)
}

async fn measure(options: &Options, stage: &Stage) -> Result<Report, FleetError> {
    let pid = stage.server_id().await.ok_or(FleetError::ServerGone)?;
    let before = footprint(pid).ok_or(FleetError::ServerGone)?;
    let watched = Arc::new(Watched::default());
    let fleet = fleet(options);
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&watched).follow(pid));
    let enrol_s = bring_up(options, stage, &fleet, &mut tasks).await?;
    let held = footprint(pid).ok_or(FleetError::ServerGone)?;
    say(&format!(
        "{} agents at work after {enrol_s:.1} s; the server has {} MiB; declaring",
        options.agents,
        held.rss_kib / 1024
    ));
    let incident = incident(options, stage).await?;
    let after = footprint(pid).ok_or(FleetError::ServerGone)?;
    let report = report(options, &fleet.gauge, &incident, &watched, (before, held, after), enrol_s);
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
    Ok(report)
}

fn fleet(options: &Options) -> Arc<Fleet> {
    let most = if options.polling { options.connections } else { options.agents };
    Arc::new(Fleet {
        gauge: Arc::new(Gauge::new()),
        wait: Duration::from_millis(options.wait_ms),
        polling: options.polling,
        connections: Arc::new(Semaphore::new(most)),
        believed: Mutex::default(),
    })
}

/// Enrols everybody and waits until everybody has a certificate; seconds.
async fn bring_up(
    options: &Options,
    stage: &Stage,
    fleet: &Arc<Fleet>,
    tasks: &mut JoinSet<()>,
) -> Result<f64, FleetError> {
    let began = Instant::now();
    let limit_s = READY_S + u64::try_from(options.agents).unwrap_or(u64::MAX) / AGENTS_A_SECOND;
    let enrolled = AtomicUsize::new(0);
    let enrolling = async {
        let mut agents = futures_util::stream::iter(0..options.agents)
            .map(|number| enrol(stage, fleet, number))
            .buffer_unordered(options.enrolling.max(1));
        while let Some(agent) = agents.next().await {
            enrolled.fetch_add(1, Ordering::Relaxed);
            if let Some(agent) = agent {
                tasks.spawn(agent.live());
            }
        }
    };
    let waiting = async {
        let mut printed = Instant::now();
        while fleet.gauge.at_work.load(Ordering::Relaxed) < options.agents
            && began.elapsed().as_secs() < limit_s
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if printed.elapsed() >= PROGRESS {
                printed = Instant::now();
                say(&format!(
                    "{:.0} s: {} enrolled, {} at work, {} failures",
                    began.elapsed().as_secs_f64(),
                    enrolled.load(Ordering::Relaxed),
                    fleet.gauge.at_work.load(Ordering::Relaxed),
                    fleet.gauge.failures().values().sum::<u64>(),
                ));
            }
        }
    };
    tokio::select! {
        ((), ()) = async { tokio::join!(enrolling, waiting) } => {}
        () = tokio::time::sleep(Duration::from_secs(limit_s)) => {}
    }
    let at_work = fleet.gauge.at_work.load(Ordering::Relaxed);
    if at_work < options.agents {
        let failures = format!("{:?}", fleet.gauge.failures());
        let missing = options.agents - at_work;
        return Err(FleetError::NotReady { agents: options.agents, missing, limit_s, failures });
    }
    Ok(began.elapsed().as_secs_f64())
}

/// A token, and an enrolment with it.
async fn enrol(stage: &Stage, fleet: &Arc<Fleet>, number: usize) -> Option<Agent> {
    let wanted = wanted(stage.issuer(), number);
    for _ in 0..TRIES {
        match stage.token(&wanted).await {
            Ok(token) => match join(token, &SystemClock, &SystemRng).await {
                Ok(joined) => {
                    return Agent::new(Arc::clone(fleet), joined, number.is_multiple_of(SAMPLE));
                }
                Err(error) => fleet.gauge.fault(skink_model::with_causes(&error)),
            },
            Err(error) => fleet.gauge.fault(skink_model::with_causes(&error)),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    None
}

fn wanted(issuer: &str, number: usize) -> NewToken {
    let name = format!("sim-{number:06}");
    // The sample has every mechanism in turn.
    let mechanism = match (number / SAMPLE + number) % 3 {
        0 => Mechanism::Anchor,
        1 => Mechanism::ParentCrl,
        _ => Mechanism::Deny,
    };
    NewToken {
        agent: name.clone(),
        endpoints: vec![EndpointSpec {
            names: vec![format!("{name}.fleet.skink.internal")],
            name,
            role: EndpointRole::Server,
            mechanism,
            service: "fleet".to_owned(),
            issuer: issuer.to_owned(),
            profile: "server".to_owned(),
            address: Some("127.0.0.1:1".to_owned()),
            owner: "fleet".to_owned(),
            criticality: Criticality::Normal,
            agent: None,
        }],
        lifetime_s: Some(3600),
    }
}

async fn incident(options: &Options, stage: &Stage) -> Result<Incident, FleetError> {
    let began = Instant::now();
    let mut printed: Option<Instant> = None;
    let watch = |incident: &Incident| {
        if printed.is_some_and(|at| at.elapsed() < PROGRESS) {
            return;
        }
        printed = Some(Instant::now());
        let step = incident.steps.iter().find(|step| step.name == incident.summary.step);
        let (progress, total) = step.map_or((0, 0), |step| (step.progress, step.total));
        let (step, at) = (&incident.summary.step, began.elapsed().as_secs_f64());
        let gate = incident.gates.iter().find(|gate| !gate.open && !gate.target.is_empty());
        let gate = gate.map_or_else(String::new, |gate| format!("; {} {}", gate.name, gate.target));
        say(&format!("{at:.0} s: {step} {progress} of {total}{gate}"));
    };
    let limit = Duration::from_secs(options.limit_s);
    stage.recover(limit, PACE, watch).await.map_err(FleetError::Incident)
}

fn report(
    options: &Options,
    gauge: &Gauge,
    incident: &Incident,
    watched: &Watched,
    (before, held, after): (Footprint, Footprint, Footprint),
    enrol_s: f64,
) -> Report {
    let summary = &incident.summary;
    let recovered = summary.recovered_at_ms.map(|at| at - summary.declared_at_ms);
    let seconds = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0)).as_secs_f64();
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Report {
        agents: options.agents,
        polling: options.polling,
        connections: gauge.most_open(),
        server_files: watched.files.load(Ordering::Relaxed).saturating_sub(before.files),
        enrol_s,
        incident_s: recovered.map(seconds),
        checkpoints: incident
            .checkpoints
            .iter()
            .map(|point| (point.name.clone(), point.actual_s))
            .collect(),
        requests: load(&gauge.requests),
        deferred: gauge.deferred(),
        failures: gauge.failures(),
        rss_before_kib: before.rss_kib,
        rss_held_kib: held.rss_kib,
        rss_most_kib: load(&watched.rss_kib).max(after.rss_kib),
        server_cpu_s: float(after.cpu.saturating_sub(held.cpu)) / 100.0,
        poll_p50_ms: gauge.quantile(0.5),
        poll_p99_ms: gauge.quantile(0.99),
        packages: load(&gauge.packages_accepted),
        chains: load(&gauge.chains_verified),
        real_proofs: load(&gauge.real_proofs),
        asserted_proofs: load(&gauge.asserted_proofs),
    }
}

/// The server's process at its largest.
#[derive(Debug, Default)]
struct Watched {
    rss_kib: AtomicU64,
    files: AtomicUsize,
}

impl Watched {
    async fn follow(self: Arc<Self>, pid: u32) {
        while let Some(seen) = footprint(pid) {
            self.rss_kib.fetch_max(seen.rss_kib, Ordering::Relaxed);
            self.files.fetch_max(seen.files, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

fn say(line: &str) {
    eprintln!("{line}");
}
