//! What a running server tells.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Error, Result};
use skink_api::{
    Authority, AuthorityState, IncidentSummary, Key, Operator, Posture, Profile, Role, Status,
};
use skink_posture::{
    AuthorityFacts, AuthorityStanding, Fact, Facts, KitFacts, LogFacts, OperatorFacts,
    ProfileFacts, SecretFacts, ServerFacts, Work,
};
use skink_signer::KeyUri;
use skink_x509::{Certificate, Time};

use super::keys::{self, Wanted};
use super::places::{self, Places};
use super::published;
use crate::api::Api;

/// Adds what the server tells, and its keys. Gives its trust domain.
pub(super) async fn collect(api: &Api, places: &mut Places, facts: &mut Facts) -> Result<String> {
    // Who is not let in at all is told so; what fails after this is unknown.
    let status: Status = api.get("/api/v1/status", &[]).await?;
    let authorities = fact(api.get::<Vec<Authority>>("/api/v1/authorities", &[]).await);
    let posture = fact(api.get::<Posture>("/api/v1/posture", &[]).await);
    let operators = fact(api.get::<Vec<Operator>>("/api/v1/operators", &[]).await);
    let incidents = fact(api.get::<Vec<IncidentSummary>>("/api/v1/incidents", &[]).await);
    let profiles = fact(api.get::<Vec<Profile>>("/api/v1/profiles", &[]).await);
    let beside = status.alarms.iter().find(|alarm| alarm.code == "root-beside-server");

    let certificates: HashMap<String, Certificate> =
        authorities.known().into_iter().flatten().filter_map(certified).collect();
    facts.server = Some(ServerFacts {
        domain: status.domain.clone(),
        authorities: map(&authorities, |all| {
            all.iter().map(|one| authority(one, certificates.get(&one.id))).collect()
        }),
        kits: map(&posture, kits),
        issuers: map(&posture, |told| told.issuers.clone()),
        last_drill: map(&incidents, |all| last_drill(all)),
        profiles: map(&profiles, |all| all.iter().map(profile).collect()),
        operators: map(&operators, |all| {
            all.iter().filter(|one| !one.disabled).map(operator).collect()
        }),
        blocked: map(&posture, |told| told.blocked_keys.clone()),
        root_beside: Fact::Known(
            beside.map(|alarm| alarm.detail.replace("this machine", "the server's machine")),
        ),
        publications: match authorities.known() {
            Some(all) => published::collect(api, all, &certificates).await,
            None => map(&authorities, |_| Vec::new()),
        },
    });
    facts.logs.push(LogFacts {
        name: "the server's ledger and journal".to_owned(),
        on: Fact::Known(true),
        // Nothing takes a row out.
        kept: Fact::Known(None),
    });
    facts.secrets.extend(operators.known().into_iter().flatten().filter_map(secret));
    keys_of(api, places, facts, &certificates).await?;
    Ok(status.domain)
}

async fn keys_of(
    api: &Api,
    places: &mut Places,
    facts: &mut Facts,
    certificates: &HashMap<String, Certificate>,
) -> Result<()> {
    let all: Vec<Key> = api.get("/api/v1/keys", &[]).await?;
    // A standby that lies in a kit is `absent`, and its key is there all the same.
    for one in all.into_iter().filter(|one| one.state != "destroyed") {
        let Ok(key) = one.uri.parse::<KeyUri>() else { continue };
        let certificate = certificates.get(&one.owner);
        let own = certificate.filter(|certificate| {
            one.digest.as_deref() == Some(&*certificate.public_key().digest().to_string())
        });
        let work = match own {
            Some(_) => Work::Authority(one.owner.clone()),
            None => Work::Other(one.owner.clone()),
        };
        let told = one.created_at_ms.map(Time::from_millis);
        let wanted = Wanted {
            key,
            work,
            public: own.map(|certificate| certificate.public_key().clone()),
            not_after: told.into_iter().chain(own.map(Certificate::not_before)).min(),
        };
        let told = keys::of(places, wanted).await;
        facts.keys.push(told);
    }
    Ok(())
}

fn fact<T>(read: Result<T, Error>) -> Fact<T> {
    match read {
        Ok(fact) => Fact::Known(fact),
        Err(error) => Fact::unknown(format!("the server does not tell: {error:#}")),
    }
}

fn map<T, U>(fact: &Fact<T>, change: impl FnOnce(&T) -> U) -> Fact<U> {
    match fact {
        Fact::Known(known) => Fact::Known(change(known)),
        Fact::Unknown(why) => Fact::Unknown(why.clone()),
    }
}

fn certified(one: &Authority) -> Option<(String, Certificate)> {
    let certificate = Certificate::from_pem(one.certificate_pem.as_deref()?).ok()?;
    Some((one.id.clone(), certificate))
}

fn authority(one: &Authority, certificate: Option<&Certificate>) -> AuthorityFacts {
    let told = |time: Option<Time>| {
        time.map_or_else(|| Fact::unknown("it has no certificate yet"), Fact::Known)
    };
    let key: Option<KeyUri> = one.key_uri.as_deref().and_then(|uri| uri.parse().ok());
    AuthorityFacts {
        id: one.id.clone(),
        issuer: one.issuer.clone(),
        parent: one.parent.clone(),
        standing: match one.state {
            AuthorityState::Active => AuthorityStanding::Active,
            AuthorityState::Prepared => AuthorityStanding::Standby,
            _ => AuthorityStanding::Past,
        },
        not_before: told(certificate.map(Certificate::not_before)),
        not_after: told(certificate.map(Certificate::not_after)),
        place: key.as_ref().map(places::of),
    }
}

fn kits(told: &Posture) -> Vec<KitFacts> {
    let ready = told.kits.iter().filter(|kit| kit.state == "ready");
    ready
        .map(|kit| KitFacts {
            issuer: kit.issuer.clone(),
            created: Time::from_millis(kit.created_at_ms),
            expires: Time::from_millis(kit.expires_at_ms),
        })
        .collect()
}

/// One that was stood down rehearsed nothing; one that runs has not yet.
fn last_drill(all: &[IncidentSummary]) -> Option<Time> {
    let drills = all.iter().filter(|one| one.drill);
    drills.filter_map(|one| one.recovered_at_ms).max().map(Time::from_millis)
}

fn profile(one: &Profile) -> ProfileFacts {
    ProfileFacts { name: one.name.clone(), max_life: Duration::from_secs(one.lifetime.max_s) }
}

fn operator(one: &Operator) -> OperatorFacts {
    let ways = [("token", one.has_token), ("client-key", one.key_digest.is_some())];
    OperatorFacts {
        name: one.name.clone(),
        role: one.role.to_string(),
        changes: !matches!(one.role, Role::Viewer | Role::Auditor),
        ways_in: ways.into_iter().filter(|(_, has)| *has).map(|(way, _)| way).collect(),
        // Whoever has either is let in: the server asks for one.
        factors: 1,
    }
}

fn secret(one: &Operator) -> Option<SecretFacts> {
    (one.has_token && !one.disabled).then(|| SecretFacts {
        name: format!("the token of operator {}", one.name),
        created: Fact::Known(Time::from_millis(one.created_at_ms)),
    })
}
