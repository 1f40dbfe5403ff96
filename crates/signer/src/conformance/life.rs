//! Names, states, and the end of keys.

use std::time::Duration;

use super::{Call, Checked, Departure, Destroyed, Subject, first, holds, lacks, must, unsupported};
use crate::provider::{KeyState, ProviderError, ToSign};
use crate::uri::KeyUri;

const MESSAGE: ToSign<'static> = ToSign::Message(b"m");
/// What services take as a wait before destruction.
const WAIT: Duration = Duration::from_hours(7 * 24);

pub(super) async fn names_are_used_once(subject: &dyn Subject) -> Checked {
    let (provider, (algorithm, _)) = (subject.administer(), first(subject)?);
    let key = must("creating a key", provider.create("once", algorithm).await)?;
    let again = subject.administer().create("once", algorithm).await;
    holds("a name in use is refused", matches!(again, Err(ProviderError::NameTaken { .. })))?;
    if subject.destroyed() == Destroyed::Remembered && !lacks(subject, Call::Destroy) {
        must("destroying", provider.destroy(&key).await)?;
        let again = subject.administer().create("once", algorithm).await;
        holds(
            "the name of a destroyed key is refused",
            matches!(again, Err(ProviderError::NameTaken { .. })),
        )?;
    }
    let bad = provider.create("../escape", algorithm).await;
    holds("a name that is a path is refused", matches!(bad, Err(ProviderError::BadName { .. })))
}

pub(super) async fn unknown_keys_are_unknown(subject: &dyn Subject) -> Checked {
    let (administer, provider) = (subject.administer(), subject.open());
    let (algorithm, how) = first(subject)?;
    let somebody = must("creating a key", administer.create("somebody", algorithm).await)?;
    let nobody = somebody.as_str().replace("somebody", "nobody");
    let nobody: KeyUri =
        nobody.parse().map_err(|_| Departure::Broken("a plain name makes a URI"))?;
    if nobody == somebody {
        // The service makes up the names; what it would never make up is unknown.
        return Ok(());
    }
    let errors = [
        provider.sign(&nobody, how, MESSAGE).await.err(),
        provider.public_key(&nobody).await.err(),
        provider.state(&nobody).await.err(),
        provider.find(&nobody).await.err(),
        subject.custody().disable(&nobody).await.err(),
    ];
    let unknown = |e: &Option<ProviderError>| matches!(e, Some(ProviderError::UnknownKey { .. }));
    holds("an unknown key is called unknown", errors.iter().all(unknown))
}

pub(super) async fn attributes_are_told(subject: &dyn Subject) -> Checked {
    let (algorithm, _) = first(subject)?;
    let key = must("creating a key", subject.administer().create("told", algorithm).await)?;
    let told = subject.open().attributes(&key).await;
    if lacks(subject, Call::Attributes) {
        return unsupported("attributes are refused as unsupported", &told);
    }
    let told = must("reading attributes", told)?;
    holds("the attributes have the key's algorithm", told.algorithm == algorithm)?;
    holds("the attributes have the key's state", told.state == KeyState::Enabled)?;
    holds("a key is kept somewhere", told.protection.is_some())?;
    holds("a key was made somewhere", told.origin.is_some() == subject.tells_origin())
}

pub(super) async fn lists_come_in_pages(subject: &dyn Subject) -> Checked {
    let provider = subject.open();
    let whole = must("listing", provider.list().await)?;
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let mut page = must("listing a page", provider.list_page(after.as_ref(), 2).await)?;
        holds("a page has no more than was asked for", page.keys.len() <= 2)?;
        paged.append(&mut page.keys);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    holds("pages make up the whole list", paged == whole)
}

pub(super) async fn rotation_leaves_the_old_key(subject: &dyn Subject) -> Checked {
    let (provider, (algorithm, how)) = (subject.administer(), first(subject)?);
    let old = must("creating a key", provider.create("rotated", algorithm).await)?;
    let new = provider.rotate(&old).await;
    if lacks(subject, Call::Rotate) {
        return unsupported("rotation is refused as unsupported", &new);
    }
    let new = must("rotating", new)?;
    holds("a rotated key has another name", new != old)?;
    let mut publics = Vec::new();
    for key in [&old, &new] {
        let public = must("reading a public key", subject.open().public_key(key).await)?;
        let made = must("signing", subject.open().sign(key, how, MESSAGE).await)?;
        let verified = public.verify(how, b"m", &made.bytes).is_ok();
        holds("old and new sign, each with its own material", verified)?;
        publics.push(public.digest());
    }
    holds("rotation makes new material", publics.first() != publics.last())?;
    let versions = must("listing versions", subject.open().versions(&new).await)?;
    holds("the new key is the newest of its versions", versions.last() == Some(&new))
}

pub(super) async fn disabling_lasts(subject: &dyn Subject) -> Checked {
    let (administer, custody) = (subject.administer(), subject.custody());
    let (algorithm, how) = first(subject)?;
    let key = must("creating a key", administer.create("disabled", algorithm).await)?;
    let control = must("creating a key", administer.create("control", algorithm).await)?;
    let (provider, elsewhere) = (subject.open(), subject.open());
    must("signing", elsewhere.sign(&key, how, MESSAGE).await)?;
    must("disabling", custody.disable(&key).await)?;
    must("disabling again", subject.custody().disable(&key).await)?;
    for provider in [provider, elsewhere, subject.open()] {
        let state = must("state", provider.state(&key).await)?;
        holds("a disabled key says so", state == KeyState::Disabled)?;
        let answer = match provider.sign(&key, how, MESSAGE).await {
            Err(ProviderError::Disabled { answer, .. }) => answer,
            Err(source) => return Err(Departure::Fails { step: "refusing as disabled", source }),
            Ok(_) => return Err(Departure::Broken("a disabled key refuses in every process")),
        };
        let coded = answer.code.len() > provider.scheme().len() + 1
            && answer.code.starts_with(provider.scheme());
        holds("the refusal has the provider's own code", coded)?;
        must("a control signature", provider.sign(&control, how, MESSAGE).await)?;
    }
    let tried = subject.enable_with_signing_credential(&key).await;
    holds("the signing credential cannot enable", tried.is_err())?;
    let refused = subject.open().sign(&key, how, MESSAGE).await;
    holds("trying to enable changes nothing", refused.is_err())?;
    if lacks(subject, Call::Enable) {
        let enabled = custody.enable(&key).await;
        let refused = matches!(enabled, Err(ProviderError::EnablingRefused { .. }));
        return holds("nobody enables a key that is disabled for good", refused);
    }
    must("enabling", custody.enable(&key).await)?;
    must("enabling again", subject.custody().enable(&key).await)?;
    must("signing again", subject.open().sign(&key, how, MESSAGE).await)?;
    Ok(())
}

pub(super) async fn destroying_is_final(subject: &dyn Subject) -> Checked {
    let (provider, (algorithm, how)) = (subject.administer(), first(subject)?);
    let key = must("creating a key", provider.create("destroyed", algorithm).await)?;
    if lacks(subject, Call::Destroy) {
        return unsupported("destruction is refused as unsupported", &provider.destroy(&key).await);
    }
    must("disabling", subject.custody().disable(&key).await)?;
    must("destroying a disabled key", provider.destroy(&key).await)?;
    for provider in [provider, subject.open()] {
        let refused = provider.sign(&key, how, MESSAGE).await;
        holds("a destroyed key refuses", refused.is_err())?;
        match subject.destroyed() {
            Destroyed::Remembered => {
                must("destroying again", subject.administer().destroy(&key).await)?;
                let state = must("state", provider.state(&key).await)?;
                holds("a destroyed key says so", state == KeyState::Destroyed)?;
                must("reading a destroyed key's public half", provider.public_key(&key).await)?;
            }
            Destroyed::Forgotten => {
                let state = provider.state(&key).await;
                let unknown = matches!(state, Err(ProviderError::UnknownKey { .. }));
                holds("a destroyed key is forgotten", unknown)?;
            }
        }
    }
    let enabled = subject.custody().enable(&key).await;
    holds("a destroyed key cannot be enabled", enabled.is_err())
}

pub(super) async fn destruction_can_wait(subject: &dyn Subject) -> Checked {
    let (provider, (algorithm, how)) = (subject.administer(), first(subject)?);
    let key = must("creating a key", provider.create("waiting", algorithm).await)?;
    let says = provider.schedules_destruction();
    let waits = !lacks(subject, Call::ScheduleDestruction) && lacks(subject, Call::Destroy);
    holds("a provider says whether destruction only comes after a wait", says == waits)?;
    let scheduled = provider.schedule_destruction(&key, WAIT).await;
    if lacks(subject, Call::ScheduleDestruction) {
        unsupported("waiting destruction is refused as unsupported", &scheduled)?;
        let cancelled = provider.cancel_destruction(&key).await;
        return unsupported("its cancelling is refused as unsupported", &cancelled);
    }
    must("scheduling destruction", scheduled)?;
    let state = must("state", subject.open().state(&key).await)?;
    holds("a key to be destroyed says so", state == KeyState::DestructionScheduled)?;
    let refused = subject.open().sign(&key, how, MESSAGE).await;
    holds("a key to be destroyed refuses", refused.is_err())?;
    must("cancelling destruction", provider.cancel_destruction(&key).await)?;
    must("enabling", subject.custody().enable(&key).await)?;
    must("signing again", subject.open().sign(&key, how, MESSAGE).await)?;
    Ok(())
}
