//! `skink incident`

mod kit;
mod show;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use skink_api::{
    Approve, Declare, Incident, IncidentSummary, JournalEvent, Plan, Policy, Reasoned, RollBack,
    Severity, Trigger, WaiverRequest,
};
use skink_model::{AuthorityId, EndpointName};

use super::{Session, journal, write_new};
use crate::Output;
use crate::api::segment;
use crate::when::{self, Span, When};

pub(crate) const LONG: &str = "A compromise, or a rotation: declare it, follow it, decide.\n\n\
    Declaring freezes the authority at once and computes what is affected; a false alarm is stood \
    down without a scar. From there the server does what it can by itself and waits for two \
    people where something cannot be undone:\n\n\
    \x20 1 declare   skink incident declare …          anybody on duty\n\
    \x20 2 taint     skink incident approve ID taint   two people; irreversible\n\
    \x20 3 kit       skink incident release-kit ID …   two custodians; the new authority\n\
    \x20 4           skink incident show ID --watch    barrier, re-issue, quiet gate, distrust\n\
    \x20 5 close     skink incident approve ID close   two people; the old key goes\n\n\
    Stopped at any instant, the server goes on where it was.";

const DECLARE_EXAMPLES: &str = "Examples:\n  \
    skink incident declare --authority workloads-g1 --trigger copied --suspected-since 2d --dry-run\n  \
    skink incident declare --authority workloads-g1 --trigger copied --suspected-since 2d\n  \
    skink incident declare --plan rotation --authority workloads-g1";

const DECLARE_LONG: &str = "Declare an incident, or a planned rotation.\n\n\
    Two thieves differ: one has a copy of the key (--trigger copied: disabling it stops nothing, \
    only distrust does), one has the use of it (--trigger used: disabling stops him). If you do \
    not know, say copied. The clock for every deadline starts when it is declared; detected and \
    aware may lie earlier and are what regulators count from.";

#[derive(Debug, Subcommand)]
pub enum IncidentCommand {
    /// Declare an incident, or a planned rotation
    #[command(long_about = DECLARE_LONG, after_long_help = DECLARE_EXAMPLES)]
    Declare(DeclareArgs),
    /// All incidents, newest first
    List,
    /// All about one incident
    Show {
        /// Its id.
        id: String,
        /// Go on showing until it is closed.
        #[arg(long)]
        watch: bool,
    },
    /// Approve a step; two different people must
    Approve {
        /// The incident's id.
        id: String,
        /// The step: taint, kit or close.
        step: String,
        /// For the journal.
        #[arg(long, default_value = "", hide_default_value = true)]
        comment: String,
    },
    /// Release your share of the recovery kit
    #[command(long_about = kit::LONG)]
    ReleaseKit(kit::ReleaseKit),
    /// Start nothing new until resumed
    Hold(Target),
    /// Go on after a hold
    Resume(Target),
    /// Stand a false alarm down, before taint
    StandDown(Target),
    /// Record an exception from a gate, by name and with an end
    Waive(Waive),
    /// Put an endpoint back to its last good certificate
    Rollback(Rollback),
    /// The report
    Report(Report),
    /// The incident's journal
    Events {
        /// The incident's id.
        id: String,
    },
}

#[derive(Debug, Args)]
pub struct DeclareArgs {
    /// The plan: authority (its key is compromised) or rotation (nothing is).
    #[arg(long, default_value = "authority")]
    plan: Plan,
    /// The authority, as `workloads-g1`.
    #[arg(long)]
    authority: AuthorityId,
    /// What happened: copied, used, unauthorised-issuance, host or algorithm [default: copied, or
    /// planned for a rotation]
    #[arg(long)]
    trigger: Option<Trigger>,
    /// Since when a thief may have had the key: a time, or how long ago.
    #[arg(long, value_name = "TIME")]
    suspected_since: Option<When>,
    /// When it was detected [default: now]
    #[arg(long, value_name = "TIME")]
    detected: Option<When>,
    /// When somebody who answers for it became aware [default: now]
    #[arg(long, value_name = "TIME")]
    aware: Option<When>,
    /// When to revoke: cutover (when everybody is over, or at the deadline) or immediate (at once;
    /// an outage is accepted).
    #[arg(long, default_value = "cutover")]
    policy: Policy,
    /// After how long cutover revokes regardless [default: 30m]
    #[arg(long, value_name = "SPAN")]
    deadline: Option<Span>,
    /// How bad: sev1 to sev4.
    #[arg(long, default_value = "sev1")]
    severity: Severity,
    /// It is a rehearsal; reports and notices say so.
    #[arg(long)]
    drill: bool,
    /// Tell this contact nothing; may be given several times.
    #[arg(long, value_name = "CONTACT")]
    leave_out: Vec<String>,
    /// What happened, in a few words.
    #[arg(long, default_value = "", hide_default_value = true)]
    summary: String,
    /// Say what is affected and what would break, change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Target {
    /// The incident's id.
    id: String,
    /// Why, for the journal.
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
}

#[derive(Debug, Args)]
pub struct Waive {
    /// The incident's id.
    id: String,
    /// The gate that does not have to wait.
    #[arg(long)]
    gate: String,
    /// For which endpoint.
    #[arg(long)]
    subject: String,
    /// Why.
    #[arg(long)]
    reason: String,
    /// For how long [default: 24h]
    #[arg(long, value_name = "SPAN")]
    lifetime: Option<Span>,
}

#[derive(Debug, Args)]
pub struct Rollback {
    /// The incident's id.
    id: String,
    /// The endpoint.
    endpoint: EndpointName,
    /// Why.
    #[arg(long)]
    reason: String,
    /// Say what would happen, change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Report {
    /// The incident's id.
    id: String,
    /// For people (md) or for programs (json).
    #[arg(long, value_enum, default_value = "md")]
    format: Format,
    /// Write to this file, which must not exist, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Md,
    Json,
}

pub(crate) async fn run(command: IncidentCommand, session: &Session) -> Result<()> {
    match command {
        IncidentCommand::Declare(args) => {
            let body = resolve(args);
            show::incident(session, &session.api.post("/api/v1/incidents", &body).await?)
        }
        IncidentCommand::List => {
            let all: Vec<IncidentSummary> = session.api.get("/api/v1/incidents", &[]).await?;
            session.out.table(&all, || show::table(&all))
        }
        IncidentCommand::Show { id, watch } => show::run(session, &id, watch).await,
        IncidentCommand::Approve { id, step, comment } => {
            act(session, &id, "approve", &Approve { step, comment }).await
        }
        IncidentCommand::ReleaseKit(release) => kit::run(session, release).await,
        IncidentCommand::Hold(target) => reasoned(session, target, "hold").await,
        IncidentCommand::Resume(target) => reasoned(session, target, "resume").await,
        IncidentCommand::StandDown(target) => reasoned(session, target, "stand-down").await,
        IncidentCommand::Waive(waive) => self::waive(session, waive).await,
        IncidentCommand::Rollback(Rollback { id, endpoint, reason, dry_run }) => {
            let verb = format!("roll-back/{}", segment(endpoint.as_str())?);
            act(session, &id, &verb, &RollBack { reason, dry_run }).await
        }
        IncidentCommand::Report(report) => self::report(session, report).await,
        IncidentCommand::Events { id } => {
            let path = path(&id, "events")?;
            let events: Vec<JournalEvent> = session.api.pages(&path, &[], usize::MAX).await?;
            session.out.table(&events, || journal::event_table(&events))
        }
    }
}

fn path(id: &str, verb: &str) -> Result<String> {
    Ok(format!("/api/v1/incidents/{}/{verb}", segment(id)?))
}

async fn act<B: Serialize + Sync>(session: &Session, id: &str, verb: &str, body: &B) -> Result<()> {
    let incident: Incident = session.api.post(&path(id, verb)?, body).await?;
    show::incident(session, &incident)
}

async fn reasoned(session: &Session, target: Target, verb: &str) -> Result<()> {
    act(session, &target.id, verb, &Reasoned { reason: target.reason }).await
}

async fn waive(session: &Session, waive: Waive) -> Result<()> {
    let lifetime = waive.lifetime.and_then(|span| i64::try_from(span.as_secs()).ok());
    let body = WaiverRequest {
        gate: waive.gate,
        subject: waive.subject,
        reason: waive.reason,
        expires_at_ms: lifetime.map(|seconds| {
            when::now().as_millisecond().saturating_add(seconds.saturating_mul(1000))
        }),
    };
    act(session, &waive.id, "waive", &body).await
}

async fn report(session: &Session, report: Report) -> Result<()> {
    let json = report.format == Format::Json || session.out.is_json();
    let file = if json { "report.json" } else { "report.md" };
    let text = session.api.text(&path(&report.id, file)?).await?;
    if let Some(out) = report.out {
        return write_new(&out, text.as_bytes());
    }
    Output::raw(&text);
    Ok(())
}

fn resolve(args: DeclareArgs) -> Declare {
    let now = when::now();
    let millis = |time: Option<When>| time.map(|time| time.millis(now));
    let by_plan = match args.plan {
        Plan::Rotation => Trigger::Planned,
        Plan::Authority => Trigger::Copied,
    };
    Declare {
        plan: args.plan,
        authority: args.authority.as_str().to_owned(),
        trigger: args.trigger.unwrap_or(by_plan),
        suspected_since_ms: millis(args.suspected_since),
        detected_at_ms: millis(args.detected),
        aware_at_ms: millis(args.aware),
        policy: args.policy,
        cutover_deadline_s: args.deadline.map(Span::as_secs),
        severity: args.severity,
        drill: args.drill,
        leave_out: args.leave_out,
        dry_run: args.dry_run,
        summary: args.summary,
    }
}
