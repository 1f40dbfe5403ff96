//! Declares an incident, a drill or a rotation; or says what it would be about.

use std::collections::BTreeMap;

use skink_api::{Code, Declare, Incident, Problem};
use skink_incident::{Declaration, Event, Outcome, Recorded, Settings, State, StepName};
use skink_model::{
    Authority, AuthorityState, IncidentId, IncidentState, IssuerKind, Plan, Time, Trigger,
};
use skink_store::{authorities, incidents, journal};

use super::{execute, show, view};
use crate::app::App;
use crate::failure::{Failure, Result};
use crate::http::authorise::Person;
use crate::operators::parsed;
use crate::words::Unwire as _;

/// Declares, and freezes the authority in the same transaction: what is answered is true.
pub(crate) async fn declare(app: &App, by: &Person, wanted: Declare) -> Result<Incident> {
    let now = app.now();
    let declared = declaration(app, by, &wanted, now)?;
    let authority = app.authority(&declared.authority).await?;
    check(app, &declared, &authority).await?;
    if wanted.dry_run {
        return dry_run(app, declared, now).await;
    }
    let id = declared.incident.clone();
    begin(app, by, &declared, now).await?;
    tracing::warn!(incident.id = %id, authority.id = %declared.authority, "an incident is declared");
    metrics::counter!(crate::metrics::INCIDENTS_DECLARED).increment(1);
    app.news().tell_incidents();
    show(app, &id).await
}

fn declaration(app: &App, by: &Person, wanted: &Declare, now: Time) -> Result<Declaration> {
    let plan = wanted.plan.unwire();
    let trigger = wanted.trigger.unwire();
    if plan == Plan::Rotation && trigger != Trigger::Planned {
        return Err(Failure::malformed("a rotation has the trigger planned"));
    }
    let told = |millis: Option<i64>| millis.map(Time::from_millis);
    Ok(Declaration {
        incident: fresh_id(app)?,
        plan,
        policy: wanted.policy.unwire(),
        authority: parsed(&wanted.authority)?,
        severity: wanted.severity.unwire(),
        trigger,
        suspected_since: told(wanted.suspected_since_ms),
        detected: Some(told(wanted.detected_at_ms).unwrap_or(now)),
        aware: Some(told(wanted.aware_at_ms).unwrap_or(now)),
        declared_by: by.name.clone(),
        drill: wanted.drill,
        summary: wanted.summary.clone(),
        leave_out: wanted.leave_out.iter().cloned().collect(),
        settings: settings(app, wanted),
    })
}

fn fresh_id(app: &App) -> Result<IncidentId> {
    let id = format!("inc-{}", hex::encode(app.random::<5>()));
    id.parse().map_err(|_| Failure::Bug("an incident's id"))
}

fn settings(app: &App, wanted: &Declare) -> Settings {
    let timings = app.settings().incident();
    let deadline_s = wanted.cutover_deadline_s.unwrap_or(timings.cutover_deadline_s);
    let regulations = app.settings().regulations().to_vec();
    let defaults = Settings::default();
    Settings {
        barrier_handshakes: timings.probe_handshakes,
        settle_ms: timings.settle_ms,
        clock_offset_ms: timings.clock_offset_max_ms,
        quiet_ms: timings.quiet_ms,
        // The first wave is a tenth: what goes wrong with it goes wrong for few.
        wave_sizes: vec![timings.wave_size.div_ceil(10), timings.wave_size],
        cutover_deadline_ms: deadline_s.saturating_mul(1000),
        regulations: if regulations.is_empty() {
            defaults.regulations.clone()
        } else {
            regulations
        },
        ..defaults
    }
}

/// What makes no sense is refused before anything is frozen.
async fn check(app: &App, declared: &Declaration, authority: &Authority) -> Result<()> {
    let id = &authority.id;
    let issuers = crate::db::issuers(app).await?;
    let kind = issuers.iter().find(|one| one.name == authority.issuer).map(|one| one.kind);
    if kind != Some(IssuerKind::Issuing) {
        let detail = format!("{id} is no issuing authority: its plan is another one");
        return Err(Failure::conflict(detail));
    }
    let fits = match declared.plan {
        Plan::Rotation => authority.state == AuthorityState::Active,
        Plan::Authority => {
            !authority.state.is_compromised() && authority.state != AuthorityState::Pending
        }
    };
    if !fits {
        let detail = format!("{id} is {}: nothing to declare", authority.state);
        return Err(Failure::conflict(detail));
    }
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    match incidents::running_for(&mut snapshot, id).await? {
        Some(running) => {
            let detail = format!("incident {} runs for {id} already", running.id);
            Err(Problem::new(Code::IncidentOpen, detail).into())
        }
        None => Ok(()),
    }
}

/// The incident's row, its first event and the freeze, in one transaction.
async fn begin(app: &App, by: &Person, declared: &Declaration, now: Time) -> Result<()> {
    let event = Event::Declared(Box::new(declared.clone()));
    let (row, stamp) = (row(declared, now), by.stamp(now));
    let (row, stamp, event, compromise) = (&row, &stamp, &event, declared.is_compromise());
    let reason = execute::freeze_reason(&row.id);
    let reason = reason.as_str();
    app.store()
        .run_tx("incident_declare", move |tx| {
            Box::pin(async move {
                incidents::declare(tx, stamp, row).await?;
                journal::append(tx, row.id.as_str(), now, event.kind(), event).await?;
                if compromise {
                    let (authority, incident) = (&row.authority, Some(&row.id));
                    authorities::freeze(tx, stamp, authority, reason, incident).await?;
                }
                Ok::<_, Failure>(())
            })
        })
        .await
}

fn row(declared: &Declaration, now: Time) -> skink_model::Incident {
    let deadline = std::time::Duration::from_millis(declared.settings.cutover_deadline_ms);
    skink_model::Incident {
        id: declared.incident.clone(),
        plan: declared.plan,
        authority: declared.authority.clone(),
        state: IncidentState::Open,
        severity: declared.severity,
        policy: declared.policy,
        trigger: declared.trigger,
        suspected_since: declared.suspected_since,
        detected_at: declared.detected,
        aware_at: declared.aware,
        declared_at: now,
        declared_by: declared.declared_by.clone(),
        deadline: declared.is_compromise().then(|| now.plus(deadline)),
        closed_at: None,
    }
}

/// Triage only: counts, says what the plan would do, changes nothing.
async fn dry_run(app: &App, declared: Declaration, now: Time) -> Result<Incident> {
    let scope = execute::scope(app, &declared).await?;
    let key =
        skink_incident::EffectKey { step: StepName::Triage, subject: "compute-scope".to_owned() };
    let counted = Event::Done {
        key,
        outcome: Outcome::Scope(Box::new(scope)),
        evidence: String::new(),
        repeat_possible: false,
    };
    let events =
        [Event::Declared(Box::new(declared)), counted].map(|event| Recorded { at: now, event });
    let state = State::fold(&events).ok_or(Failure::Bug("a declaration folds"))?;
    let mut shown = view::incident(&state, &BTreeMap::new(), now);
    shown.summary.id.clear();
    Ok(shown)
}
