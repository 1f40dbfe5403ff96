//! What providers tell about keys.

use std::sync::Arc;

use anyhow::Result;
use skink_posture::{
    Deletion, Exportable, Fact, Facts, Grant, KeyFacts, KeyKind, Origin, Protection, Signs,
    Standing, Work,
};
use skink_signer::{
    Ending, Guard, KeyAttributes, KeyGrant, KeyOrigin, KeyProvider, KeyState, KeyUri, Readable,
    Told, Untold,
};
use skink_x509::{PublicKey, Time};

use super::places::{Places, SOFTWARE};
use crate::Failure;

/// A key to be looked at, with what is known of it elsewhere.
pub(super) struct Wanted {
    pub(super) key: KeyUri,
    pub(super) work: Work,
    /// Out of its certificate.
    pub(super) public: Option<PublicKey>,
    /// When it was there at the latest: certified, or made known.
    pub(super) not_after: Option<Time>,
}

/// Adds the facts of a key that a person named, or of every key of a place.
pub(super) async fn named(places: &mut Places, key: &KeyUri, facts: &mut Facts) -> Result<()> {
    let all = if is_place(key) { listed(places, key).await? } else { vec![key.clone()] };
    for key in all {
        let work = Work::Unsaid;
        let wanted = Wanted { key, work, public: None, not_after: None };
        let told = of(places, wanted).await;
        facts.keys.push(told);
    }
    Ok(())
}

async fn listed(places: &mut Places, place: &KeyUri) -> Result<Vec<KeyUri>> {
    let failed = |why: &Untold| Failure::NotVerified {
        what: format!("the keys of {place} cannot be listed: {why}"),
        hint: "nothing was checked; name its keys one by one, or another credential".into(),
    };
    let provider = places.provider(place).map_err(|why| failed(&why))?;
    Ok(provider.list().await.map_err(|error| failed(&Untold::from(error)))?)
}

/// Whether a URI names no key but the place of many.
fn is_place(key: &KeyUri) -> bool {
    let name = key.name();
    let names = |part: &str| {
        let path = name.split('?').next().unwrap_or_default();
        path.split(';').any(|one| one.starts_with(part))
    };
    match key.scheme() {
        "pkcs11" => !names("object=") && !names("id="),
        "gcpkms" => !name.contains("/cryptoKeys/"),
        "azurekv" => !name.contains("/keys/"),
        SOFTWARE => name == "*",
        _ => name.ends_with('/'),
    }
}

pub(super) async fn of(places: &mut Places, wanted: Wanted) -> KeyFacts {
    match places.provider(&wanted.key) {
        Ok(provider) => {
            let guard = provider.guard(&wanted.key).await;
            places.learn(&wanted.key, &guard);
            let told = provider.attributes(&wanted.key).await.map_err(Untold::from);
            let mut facts = told_by(wanted, guard, told.as_ref());
            read(&provider, &mut facts).await;
            facts
        }
        Err(why) => {
            let mut guard = Guard::untold(&why.0);
            if wanted.key.scheme() == SOFTWARE {
                by_nature(&mut guard);
            }
            places.learn(&wanted.key, &guard);
            told_by(wanted, guard, Err(&why))
        }
    }
}

/// What every key in a file is, wherever it lies.
fn by_nature(guard: &mut Guard) {
    guard.protection = Ok(skink_signer::Protection::Software);
    guard.fips_level = Ok(0);
    guard.symmetric = Ok(false);
    guard.exportable = Ok(Readable::ByNature);
    guard.deletion = Ok(Ending::AtOnce);
    guard.rotates_every = Ok(None);
    guard.credential_made = Ok(None);
}

/// What takes a call of its own.
async fn read(provider: &Arc<dyn KeyProvider>, facts: &mut KeyFacts) {
    let Ok(key) = facts.name.parse::<KeyUri>() else { return };
    if facts.public.known().is_none() && facts.kind.known() != Some(&KeyKind::Symmetric) {
        let public = provider.public_key(&key).await;
        facts.public = public.map_err(Untold::from).into();
    }
}

fn told_by(wanted: Wanted, guard: Guard, told: Result<&KeyAttributes, &Untold>) -> KeyFacts {
    let pair = wanted.public.as_ref().map(|_| KeyKind::Asymmetric);
    let kind = |symmetric| if symmetric { KeyKind::Symmetric } else { KeyKind::Asymmetric };
    let public = wanted.public.map_or_else(|| Fact::unknown("it was not read"), Fact::Known);
    KeyFacts {
        name: wanted.key.to_string(),
        work: wanted.work,
        service_managed: guard.service_managed,
        kind: fact(guard.symmetric.map(kind), || {
            pair.or_else(|| told.is_ok().then_some(KeyKind::Asymmetric))
        }),
        algorithm: fact(guard.algorithm, || told.ok().map(|it| it.algorithm.to_string())),
        public,
        standing: standing(guard.state, told),
        created: fact(guard.created, || told.ok()?.created)
            .or(wanted.not_after.map_or_else(|| Fact::unknown("no date is told"), Fact::Known)),
        protection: fact(guard.protection.map(protection), || {
            told.ok()?.protection.map(protection)
        }),
        fips_level: guard.fips_level.into(),
        origin: fact(guard.origin.map(origin), || told.ok()?.origin.map(origin)),
        exportable: fact(guard.exportable.map(exportable), || {
            let readable = told.ok()?.exportable?;
            let why = "the service says that it can be read out".to_owned();
            Some(if readable { Exportable::ByCall(why) } else { Exportable::No })
        }),
        was_exportable: guard.was_exportable.into(),
        deletion: guard.deletion.map(deletion).into(),
        rotates_every: guard.rotates_every.into(),
        grants: guard.grants.map(|grants| grants.into_iter().map(grant).collect()).into(),
        unseen_grants: guard.unseen_grants,
        file_mode: guard.file_mode.into(),
    }
}

/// What is told, or what is known otherwise.
fn fact<T>(told: Told<T>, otherwise: impl FnOnce() -> Option<T>) -> Fact<T> {
    match told {
        Ok(fact) => Fact::Known(fact),
        Err(untold) => otherwise().map_or_else(|| Fact::Unknown(untold.0), Fact::Known),
    }
}

fn standing(state: Option<KeyState>, told: Result<&KeyAttributes, &Untold>) -> Fact<Standing> {
    let state = match (state, told) {
        (Some(state), _) => state,
        (None, Ok(told)) => told.state,
        (None, Err(untold)) => return Fact::unknown(untold.to_string()),
    };
    let gone_at = || told.ok().and_then(|told| told.destroyed_at);
    Fact::Known(match state {
        KeyState::Enabled => Standing::Enabled,
        KeyState::Locked | KeyState::Disabled => Standing::Disabled,
        KeyState::DestructionScheduled => Standing::DeletionPending(gone_at()),
        KeyState::Destroyed => Standing::Destroyed,
    })
}

const fn protection(told: skink_signer::Protection) -> Protection {
    match told {
        skink_signer::Protection::Software => Protection::Software,
        skink_signer::Protection::SharedHardware | skink_signer::Protection::Hardware => {
            Protection::Hardware
        }
        skink_signer::Protection::External => Protection::External,
    }
}

const fn origin(told: KeyOrigin) -> Origin {
    match told {
        KeyOrigin::Generated => Origin::Generated,
        KeyOrigin::Imported => Origin::Imported,
    }
}

fn exportable(told: Readable) -> Exportable {
    match told {
        Readable::No => Exportable::No,
        Readable::ByCall(says) => Exportable::ByCall(says),
        Readable::ByNature => Exportable::ByNature,
    }
}

const fn deletion(told: Ending) -> Deletion {
    match told {
        Ending::AtOnce => Deletion::AtOnce,
        Ending::Forbidden => Deletion::Forbidden,
        Ending::After(wait) => Deletion::After(wait),
    }
}

fn grant(told: KeyGrant) -> Grant {
    Grant {
        who: told.who,
        everybody: told.everybody,
        what: told.what,
        everything: told.everything,
        signs: if told.signs { Signs::Yes } else { Signs::No },
        administers: told.administers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_from_keys() {
        let is = |uri: &str| is_place(&uri.parse().unwrap());
        for place in [
            "vault:transit/",
            "pkcs11:token=ca",
            "awskms:alias/",
            "software:*",
            "gcpkms:projects/p/locations/l/keyRings/r",
        ] {
            assert!(is(place), "{place}");
        }
        for key in [
            "vault:transit/a",
            "pkcs11:token=ca;object=a",
            "awskms:alias/a",
            "software:a",
            "gcpkms:projects/p/locations/l/keyRings/r/cryptoKeys/k",
        ] {
            assert!(!is(key), "{key}");
        }
    }
}
