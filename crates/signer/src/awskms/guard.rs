//! How a key of AWS KMS is guarded.

use std::time::Duration;

use aws_sdk_kms::types::{GrantOperation, KeyManagerType, KeyMetadata, KeySpec, OriginType};

use super::name::Name;
use super::{DAY, KmsProvider, SHORTEST_WAIT, wire};
use crate::iam;
use crate::provider::{
    Ending, Guard, KeyGrant, KeyOrigin, Protection, ProviderError, Readable, Told, Untold,
};
use crate::uri::KeyUri;

/// How often the service rotates, where it does and does not say.
const YEAR: u64 = 365;

pub(super) async fn of(provider: &KmsProvider, key: &KeyUri) -> Guard {
    let found = match described(provider, key).await {
        Ok(found) => found,
        Err(error) => return Guard::untold(&Untold::from(error).0),
    };
    let mut guard = Guard::untold("the service does not tell it");
    of_key(&mut guard, &found);
    guard.rotates_every = rotation(provider, key, &found, &guard.symmetric).await;
    guard.grants = grants(provider, key, &found).await;
    let delegated = |grants: &Vec<KeyGrant>| grants.iter().any(|one| iam::is_account(&one.who));
    if guard.grants.as_ref().is_ok_and(delegated) {
        guard.unseen_grants = Some("what IAM of the account allows is not read".to_owned());
    }
    // Every call is an event of CloudTrail's history, which nobody can switch off.
    guard.record = Ok(true);
    guard.record_kept = Err(Untold(
        "CloudTrail's history has 90 days; whether a trail keeps more is not asked here".to_owned(),
    ));
    guard.credential_made =
        Err(Untold("the age of the access key in use is not asked here".to_owned()));
    guard
}

async fn described(provider: &KmsProvider, key: &KeyUri) -> Result<KeyMetadata, ProviderError> {
    provider.clients.describe(key, &Name::parse(key)?).await
}

fn of_key(guard: &mut Guard, found: &KeyMetadata) {
    guard.service_managed = found.key_manager() == Some(&KeyManagerType::Aws);
    let untold = || Untold("the service does not tell it".to_owned());
    guard.algorithm = found.key_spec().map(|spec| spec.as_str().to_owned()).ok_or_else(untold);
    guard.symmetric = found.key_spec().map(is_symmetric).ok_or_else(untold);
    guard.created = found.creation_date().and_then(wire::time).ok_or_else(untold);
    let (protection, origin, level) = match found.origin() {
        // By the service's own account its modules are validated to FIPS 140-3 level 3.
        Some(OriginType::AwsKms) => (Protection::SharedHardware, KeyOrigin::Generated, Some(3)),
        Some(OriginType::External) => (Protection::SharedHardware, KeyOrigin::Imported, Some(3)),
        Some(OriginType::AwsCloudhsm) => (Protection::Hardware, KeyOrigin::Generated, Some(3)),
        Some(OriginType::ExternalKeyStore) => (Protection::External, KeyOrigin::Generated, None),
        _ => return,
    };
    guard.protection = Ok(protection);
    guard.origin = Ok(origin);
    guard.fips_level =
        level.ok_or_else(|| Untold("the key store is outside of the service".to_owned()));
    // There is no call that gives material out.
    guard.exportable = Ok(Readable::No);
    guard.was_exportable = Ok(false);
    guard.deletion = Ok(Ending::After(Duration::from_secs(SHORTEST_WAIT * DAY)));
    guard.file_mode = Ok(None);
}

fn is_symmetric(spec: &KeySpec) -> bool {
    matches!(
        spec,
        KeySpec::SymmetricDefault
            | KeySpec::Hmac224
            | KeySpec::Hmac256
            | KeySpec::Hmac384
            | KeySpec::Hmac512
    )
}

async fn rotation(
    provider: &KmsProvider,
    key: &KeyUri,
    found: &KeyMetadata,
    symmetric: &Told<bool>,
) -> Told<Option<Duration>> {
    // The service rotates symmetric keys only.
    if *symmetric == Ok(false) {
        return Ok(None);
    }
    let client = client(provider, key).await?;
    let told = client.get_key_rotation_status().key_id(found.key_id()).send().await;
    let told = told.map_err(|error| Untold::from(provider.clients.refusal(key, error)))?;
    let days = told.rotation_period_in_days().and_then(|days| u64::try_from(days).ok());
    let every = Duration::from_secs(days.unwrap_or(YEAR) * DAY);
    Ok(told.key_rotation_enabled().then_some(every))
}

async fn grants(provider: &KmsProvider, key: &KeyUri, found: &KeyMetadata) -> Told<Vec<KeyGrant>> {
    let client = client(provider, key).await?;
    let asked = client.get_key_policy().key_id(found.key_id()).policy_name("default").send().await;
    let told = asked.map_err(|error| Untold::from(provider.clients.refusal(key, error)))?;
    let unknown = || Untold("the key's policy is written in a way not known here".to_owned());
    let mut grants = iam::grants(told.policy().unwrap_or_default()).ok_or_else(unknown)?;
    let mut marker = None;
    loop {
        let page = client.list_grants().key_id(found.key_id()).set_marker(marker).send().await;
        let page = page.map_err(|error| Untold::from(provider.clients.refusal(key, error)))?;
        for one in page.grants() {
            let who = one.grantee_principal().or(one.grantee_service_principal());
            let actions = one.operations().iter().map(GrantOperation::as_str);
            let actions: Vec<String> = actions.map(|action| format!("kms:{action}")).collect();
            let told = iam::grant(who.unwrap_or("somebody"), &actions, one.constraints().is_some());
            grants.push(KeyGrant { who: format!("{} by grant", told.who), ..told });
        }
        marker = page.next_marker().map(ToOwned::to_owned);
        if !page.truncated() {
            return Ok(grants);
        }
        if marker.is_none() {
            return Err(Untold("the service gives no mark to go on from".to_owned()));
        }
    }
}

async fn client(provider: &KmsProvider, key: &KeyUri) -> Result<aws_sdk_kms::Client, Untold> {
    Ok(provider.clients.of(Name::parse(key)?.region()).await)
}
