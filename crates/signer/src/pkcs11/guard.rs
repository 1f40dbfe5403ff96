//! How a token guards a key.

use super::Pkcs11Provider;
use crate::provider::{
    Ending, Guard, KeyGrant, KeyOrigin, KeyProvider as _, Protection, Readable, Told, Untold,
};
use crate::uri::KeyUri;

pub(super) async fn of(provider: &Pkcs11Provider, key: &KeyUri) -> Guard {
    let mut guard = Guard::untold("PKCS#11 does not tell it");
    let hardware = provider.workers.is_hardware(key).await;
    guard.protection = hardware
        .map_err(Untold::from)
        .map(|hardware| if hardware { Protection::Hardware } else { Protection::Software });
    if guard.protection == Ok(Protection::Software) {
        guard.fips_level = Ok(0);
    }
    let facts = provider.on_pair(key, |session, pair| pair.facts(session)).await;
    let facts = facts.map_err(Untold::from);
    guard.origin = part(&facts, |facts| facts.made_here)
        .map(|here| if here { KeyOrigin::Generated } else { KeyOrigin::Imported });
    guard.exportable = part(&facts, |facts| facts.exportable).map(|readable| {
        if readable {
            Readable::ByCall("CKA_EXTRACTABLE is set, or CKA_SENSITIVE is not".to_owned())
        } else {
            Readable::No
        }
    });
    guard.was_exportable = part(&facts, |facts| facts.was_exportable);
    let public = provider.public_key(key).await.map_err(Untold::from);
    guard.symmetric = public.as_ref().map(|_| false).map_err(Clone::clone);
    guard.algorithm = public.map(|public| public.algorithm().to_string());
    guard.deletion = Ok(Ending::AtOnce);
    guard.rotates_every = Ok(None);
    guard.file_mode = Ok(None);
    guard.credential_made = Ok(None);
    guard.grants = Ok(vec![KeyGrant {
        who: "the token's user, by its PIN".to_owned(),
        everybody: false,
        what: "do everything with it".to_owned(),
        // A token has no narrower right to give.
        everything: false,
        signs: true,
        administers: true,
    }]);
    guard
}

fn part<F, T>(facts: &Told<F>, part: impl Fn(&F) -> Option<T>) -> Told<T> {
    let untold = || Untold("the token does not tell it".to_owned());
    facts.as_ref().map_err(Clone::clone).and_then(|facts| part(facts).ok_or_else(untold))
}
