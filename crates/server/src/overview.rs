//! How the server is, and what needs a person on a quiet day.

use std::time::Duration;

use skink_api::{Alarm, Posture, Status};
use skink_model::{Agent, AuthorityState, IssuerKind, Kit, KitState, Time};
use skink_store::sightings::RootListSeen;

use crate::app::App;
use crate::config::Settings;
use crate::failure::Result;
use crate::package;

/// An agent that was heard of within this time is connected: the longest poll is a minute.
const CONNECTED: Duration = Duration::from_mins(5);
/// A kit older than this wants a ceremony.
const KIT_OLD: Duration = Duration::from_hours(2 * 92 * 24);

pub(crate) async fn status(app: &App) -> Result<Status> {
    let now = app.now();
    let trust = match app.published().package() {
        Some(_) => Some(package::current(app).await?),
        None => None,
    };
    let agents = crate::db::agents(app).await?;
    let connected = agents
        .iter()
        .filter(|agent| agent.last_seen.is_some_and(|seen| now.since(seen) < CONNECTED));
    let counted = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    Ok(Status {
        domain: app.settings().domain().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at_ms: app.started_at().as_millis(),
        server_time_ms: now.as_millis(),
        listeners: app.listeners(),
        trust,
        agents: counted(agents.len()),
        agents_connected: counted(connected.count()),
        certificates_valid: crate::db::certificates_valid(app, now).await?,
        incidents_open: crate::db::open_incidents(app).await?,
        alarms: alarms(app, now).await?,
    })
}

pub(crate) async fn posture(app: &App) -> Result<Posture> {
    let authorities = crate::db::authorities(app).await?;
    let issuer_of = |kit: &Kit| {
        let standby = authorities.iter().find(|one| one.id == kit.standby);
        standby.map(|one| one.issuer.to_string()).unwrap_or_default()
    };
    let kits = crate::db::kits(app).await?;
    let kits = kits.iter().map(|kit| skink_api::Kit {
        id: kit.id.clone(),
        standby: kit.standby.to_string(),
        issuer: issuer_of(kit),
        state: kit.state.to_string(),
        created_at_ms: kit.created_at.as_millis(),
        expires_at_ms: kit.expires_at.as_millis(),
    });
    let blocked = crate::db::blocked_keys(app).await?;
    let issuers = crate::db::issuers(app).await?;
    let issuing = issuers.iter().filter(|issuer| issuer.kind == IssuerKind::Issuing);
    Ok(Posture {
        issuers: issuing.map(|issuer| issuer.name.to_string()).collect(),
        kits: kits.collect(),
        blocked_keys: blocked.iter().map(|key| key.digest.to_string()).collect(),
        reads_record: app.settings().audit_log().is_some(),
    })
}

async fn alarms(app: &App, now: Time) -> Result<Vec<Alarm>> {
    let mut alarms: Vec<Alarm> = root_beside(app).into_iter().chain(operator_files(app)).collect();
    let issuers = crate::db::issuers(app).await?;
    let authorities = crate::db::authorities(app).await?;
    let kits = crate::db::kits(app).await?;
    for issuer in issuers.iter().filter(|issuer| issuer.kind == IssuerKind::Issuing) {
        let standby = authorities
            .iter()
            .find(|one| one.issuer == issuer.name && one.state == AuthorityState::Prepared);
        let kit = standby.and_then(|standby| {
            kits.iter().find(|kit| kit.standby == standby.id && kit.state == KitState::Ready)
        });
        alarms.extend(match kit {
            None => Some(kit_alarm("kit-missing", issuer.name.as_str(), "has no recovery kit")),
            Some(kit) if kit.expires_at < now => {
                Some(kit_alarm("kit-expired", issuer.name.as_str(), "has an expired recovery kit"))
            }
            Some(kit) if now.since(kit.created_at) > KIT_OLD => {
                Some(kit_alarm("kit-old", issuer.name.as_str(), "has an old recovery kit"))
            }
            Some(_) => None,
        });
    }
    for row in crate::db::current_crls(app).await? {
        let due = row.signed.as_ref().map(|facts| facts.next_update);
        if due.is_some_and(|due| due < now) {
            alarms.push(Alarm {
                code: "crl-stale".to_owned(),
                detail: format!("the list {} is past its next update", row.scope),
                hint: "the server renews its own lists; the root's take a ceremony".to_owned(),
            });
        }
    }
    let held = crate::db::held_lists(app).await?;
    if let Some(first) = held.first() {
        let (count, taken_at) = (held.len(), first.taken_at);
        alarms.push(Alarm {
            code: "lists-held".to_owned(),
            detail: format!(
                "the database was put back from a backup of {taken_at}: {count} lists wait for the \
                 newest that were out"
            ),
            hint: "stop the server and give them with `skink store lists`; where none is left, \
                   `skink authority waive-list` by two people"
                .to_owned(),
        });
    }
    for seen in crate::db::forgotten_root_lists(app).await? {
        if !crate::db::knows_crl(app, &seen.scope, seen.number, &seen.digest).await? {
            alarms.push(forgotten(&seen));
        }
    }
    alarms.extend(unasked(&crate::reconcile::progress(app).await?));
    alarms.extend(clocks(&crate::db::agents(app).await?, app.settings(), now));
    Ok(alarms)
}

/// A key service recorded signatures that nobody asked for.
fn unasked(progress: &crate::reconcile::Progress) -> Option<Alarm> {
    let since = progress.since_ms.map(Time::from_millis)?;
    let keys: Vec<String> =
        progress.unasked.iter().map(|(key, count)| format!("{count} by {key}")).collect();
    Some(Alarm {
        code: "signed-unasked".to_owned(),
        detail: format!("signatures that nobody asked for: {}, since {since}", keys.join(", ")),
        hint: "somebody else has the use of the key: `skink incident declare`, suspected since \
               that time; `skink journal events` has each"
            .to_owned(),
    })
}

/// Hosts that do not share the server's time. When most of them say so, it is the server's clock
/// that is off, and what it signs is not valid yet, or not any more, for anybody.
fn clocks(agents: &[Agent], settings: &Settings, now: Time) -> Option<Alarm> {
    let most = settings.incident().clock_offset_max_ms;
    let heard = agents.iter().filter(|one| one.last_seen.is_some_and(|s| now.since(s) < CONNECTED));
    let offsets: Vec<(&Agent, i64)> =
        heard.filter_map(|one| one.clock_offset_ms.map(|offset| (one, offset))).collect();
    let apart = offsets.iter().filter(|(_, offset)| offset.unsigned_abs() > most);
    let names: Vec<&str> = apart.map(|(one, _)| one.name.as_str()).collect();
    let (first, rest) = names.split_first()?;
    let (code, whose, hint) = if 2 * names.len() > offsets.len() {
        let hint = "correct the server's clock before it signs more";
        ("server-clock-off", "this server and", hint)
    } else {
        (
            "agent-clock-off",
            "some hosts:",
            "correct the clocks of these hosts: no barrier passes them",
        )
    };
    let others = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    Some(Alarm {
        code: code.to_owned(),
        detail: format!("{whose} {first}{others} disagree about the time by over {most} ms"),
        hint: hint.to_owned(),
    })
}

/// Agents hold what the root signed, and this server does not know it.
fn forgotten(seen: &RootListSeen) -> Alarm {
    Alarm {
        code: "root-list-forgotten".to_owned(),
        detail: format!("agents hold list {} of {}, this server does not", seen.number, seen.scope),
        hint: "this server was restored from a backup: what it revoked is to be revoked again"
            .to_owned(),
    }
}

fn kit_alarm(code: &str, issuer: &str, what: &str) -> Alarm {
    Alarm {
        code: code.to_owned(),
        detail: format!("{issuer} {what}: a stolen key would cost hours, not minutes"),
        hint: format!("hold a ceremony with a standby for {issuer}"),
    }
}

/// `skink init` puts the root beside the server for a first try; it must not stay there.
fn root_beside(app: &App) -> Option<Alarm> {
    let dir = std::path::absolute(app.settings().dir()).ok()?;
    let around = fs_err::read_dir(dir.parent()?).ok()?;
    let root = around
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.join("root.json").exists() && path.join("root.log").exists())?;
    Some(Alarm {
        code: "root-beside-server".to_owned(),
        detail: format!("the root's directory {} is on this machine", root.display()),
        hint: "move it to a machine without network, and keep it there".to_owned(),
    })
}

/// `skink init` leaves everybody's tokens in one folder of the server's: whoever reads it is two
/// people.
fn operator_files(app: &App) -> Option<Alarm> {
    let folder = app.settings().operator_files();
    let left = fs_err::read_dir(&folder).ok()?.flatten();
    let mut names: Vec<String> = left
        .filter(|entry| entry.path().extension().is_some_and(|it| it == "json"))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    (!names.is_empty()).then(|| Alarm {
        code: "operator-files-on-server".to_owned(),
        detail: format!(
            "the tokens of operators lie on this machine, in {}: {}",
            folder.display(),
            names.join(", ")
        ),
        hint: "hand each file to the person it is for, and keep none here: who has two of them is \
               two people"
            .to_owned(),
    })
}
