//! An incident's journal: read into a state, and added to, in one transaction with every row that
//! the new events stand for.

use skink_incident::{self as engine, ApprovalOf, Command, Event, Outcome, Recorded, State};
use skink_model::{
    Actor, Approval, ApprovalId, EffectState, IncidentId, JournalEvent, KitShare, OperatorName,
    Stamp, Time,
};
use skink_store::{Reader, Tx, approvals, effects, incidents, journal, kits, records};

use super::kit::TakeOver;
use super::view::standing;
use crate::app::App;
use crate::failure::{Failure, Result};

/// An incident as its journal tells it.
#[derive(Clone, Debug)]
pub(super) struct Chronicle {
    pub(super) state: State,
    pub(super) events: Vec<Recorded>,
    /// Number of the last event.
    seq: u64,
}

/// Reads an incident.
pub(super) async fn load(app: &App, id: &IncidentId) -> Result<Chronicle> {
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    read(&mut snapshot, id).await
}

/// The incident as it stands now: `known`, unless its journal went on.
pub(super) async fn refresh(app: &App, id: &IncidentId, known: Chronicle) -> Result<Chronicle> {
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    if journal::head(&mut snapshot, id.as_str()).await?.seq == known.seq {
        return Ok(known);
    }
    read(&mut snapshot, id).await
}

async fn read(from: &mut impl Reader, id: &IncidentId) -> Result<Chronicle> {
    let rows = journal::all(from, id.as_str()).await?;
    let seq = rows.last().map_or(0, |row| row.seq);
    let events: Vec<Recorded> = rows.iter().map(recorded).collect::<Result<_>>()?;
    let state = State::fold(&events).ok_or_else(|| Failure::not_found("incident", id))?;
    Ok(Chronicle { state, events, seq })
}

fn recorded(row: &JournalEvent) -> Result<Recorded> {
    let event = row.read::<Event>().map_err(Failure::Encode)?;
    Ok(Recorded { at: row.at, event })
}

/// Folds the journal, asks `decide` what to add, and adds it: all in one transaction, so that
/// people and the driver never record past each other.
pub(super) async fn record<F>(app: &App, id: &IncidentId, decide: F) -> Result<Chronicle>
where
    F: Fn(&State, Time) -> Result<Vec<Event>> + Sync,
{
    record_beside(app, id, &Beside::Nothing, decide).await
}

/// What else belongs into the transaction that records.
#[derive(Debug)]
pub(super) enum Beside {
    /// Nothing.
    Nothing,
    /// The first share of a kit.
    HandIn {
        /// Who brings it.
        by: OperatorName,
        /// The share.
        share: KitShare,
    },
    /// What the second share opened.
    TakeOver(Box<TakeOver>),
}

impl Beside {
    async fn write(&self, tx: &mut Tx<'_>, id: &IncidentId, at: Time) -> Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::HandIn { by, share } => {
                let stamp = Stamp::operator(by.clone(), at);
                kits::hand_in(tx, &stamp, share).await.map_err(Failure::Store)
            }
            Self::TakeOver(opened) => opened.record(tx, &by_incident(id, at), id).await,
        }
    }
}

/// The same, with something beside it.
pub(super) async fn record_beside<F>(
    app: &App,
    id: &IncidentId,
    beside: &Beside,
    decide: F,
) -> Result<Chronicle>
where
    F: Fn(&State, Time) -> Result<Vec<Event>> + Sync,
{
    let (now, decide) = (app.now(), &decide);
    app.store()
        .run_tx("incident_record", move |tx| {
            Box::pin(async move {
                let (chronicle, at) = go_on(tx, id, now, decide).await?;
                beside.write(tx, id, at).await?;
                Ok(chronicle)
            })
        })
        .await
}

/// In every running incident, whatever somebody approved and is not done yet counts without him.
pub(crate) async fn withdraw(tx: &mut Tx<'_>, person: &OperatorName, now: Time) -> Result<()> {
    let command = Command::Withdraw { person: person.clone() };
    for running in incidents::running(tx).await? {
        // An incident that is over in all but its row has nothing to withdraw.
        let decide = |state: &State, at| Ok(engine::order(state, &command, at).unwrap_or_default());
        go_on(tx, &running.id, now, decide).await?;
    }
    Ok(())
}

/// Reads an incident, and adds what `decide` makes of it; says when that was recorded.
async fn go_on<F>(
    tx: &mut Tx<'_>,
    id: &IncidentId,
    now: Time,
    decide: F,
) -> Result<(Chronicle, Time)>
where
    F: Fn(&State, Time) -> Result<Vec<Event>>,
{
    let mut chronicle = read(tx, id).await?;
    // A clock that was set back must not reorder the journal.
    let at = chronicle.events.last().map_or(now, |last| last.at.max(now));
    let events = decide(&chronicle.state, at)?;
    append(tx, &mut chronicle, id, events, at).await?;
    Ok((chronicle, at))
}

async fn append(
    tx: &mut Tx<'_>,
    chronicle: &mut Chronicle,
    id: &IncidentId,
    events: Vec<Event>,
    at: Time,
) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let before = standing(&chronicle.state);
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        let body = serde_json::to_string(&event).map_err(Failure::Encode)?;
        rows.push((event.kind().to_owned(), body));
        row_of(tx, id, &event, at).await?;
        let recorded = Recorded { at, event };
        chronicle.state.apply(&recorded);
        chronicle.events.push(recorded);
    }
    let head = journal::append_after(tx, id.as_str(), chronicle.seq, at, rows).await?;
    chronicle.seq = head.seq;
    let after = standing(&chronicle.state);
    if after != before {
        incidents::set_state(tx, &by_incident(id, at), id, after).await?;
    }
    Ok(())
}

/// The driver of an incident as the one who acts.
pub(super) fn by_incident(id: &IncidentId, at: Time) -> Stamp {
    Stamp { actor: Actor::Incident(id.clone()), at }
}

/// The row beside the event: unique where the event must be.
async fn row_of(tx: &mut Tx<'_>, id: &IncidentId, event: &Event, at: Time) -> Result<()> {
    match event {
        Event::Begun { key } => {
            effects::start(tx, at, id, key.step.as_str(), &key.subject).await?;
        }
        Event::Done { key, outcome, .. } => {
            effects::start(tx, at, id, key.step.as_str(), &key.subject).await?;
            effects::finish(tx, at, &finished(id, key, outcome, at)).await?;
        }
        Event::Approved { approval, by } => give(tx, id, *approval, by).await?,
        Event::Waived(waiver) => {
            let stamp = Stamp::operator(waiver.owner.clone(), at);
            records::waive(tx, &stamp, &waiver_row(id, waiver, at)).await?;
        }
        _ => {}
    }
    Ok(())
}

fn finished(
    id: &IncidentId,
    key: &engine::EffectKey,
    outcome: &Outcome,
    at: Time,
) -> skink_model::Effect {
    skink_model::Effect {
        incident: id.clone(),
        step: key.step.to_string(),
        subject: key.subject.clone(),
        state: EffectState::Done,
        starts: 1,
        started_at: at,
        finished_at: Some(at),
        outcome: serde_json::to_value(outcome).ok(),
    }
}

async fn give(
    tx: &mut Tx<'_>,
    id: &IncidentId,
    of: ApprovalOf,
    by: &engine::Approver,
) -> Result<()> {
    let name = format!("{id}.{of}.{}", by.person);
    let digest = skink_x509::Fingerprint::of(name.as_bytes()).to_string();
    let approval_id: ApprovalId = digest.parse().map_err(|_| Failure::Bug("an approval's id"))?;
    let row = Approval {
        id: approval_id,
        incident: id.clone(),
        step: of.to_string(),
        person: by.person.clone(),
        role: by.role,
        at: by.at,
    };
    approvals::give(tx, &Stamp::operator(by.person.clone(), by.at), &row).await?;
    Ok(())
}

fn waiver_row(id: &IncidentId, waiver: &engine::Waiver, at: Time) -> skink_model::Waiver {
    skink_model::Waiver {
        incident: id.clone(),
        step: waiver.gate.to_string(),
        subject: waiver.subject.clone(),
        reason: waiver.reason.clone(),
        owner: waiver.owner.clone(),
        at,
        expires_at: waiver.expires,
    }
}
