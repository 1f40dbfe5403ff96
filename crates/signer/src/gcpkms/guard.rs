//! How a key of Google Cloud KMS is guarded.

use std::time::Duration;

use google_cloud_kms_v1::model::crypto_key::{CryptoKeyPurpose, RotationSchedule};
use google_cloud_kms_v1::model::{CryptoKey, CryptoKeyVersion, ProtectionLevel};

use super::{GcpKmsProvider, WAIT, wire};
use crate::provider::{
    Ending, Guard, KeyGrant, KeyOrigin, Protection, ProviderError, Readable, Told, Untold,
};
use crate::uri::KeyUri;

/// What the service's own roles let somebody do: sign or decrypt, and administer.
const ROLES: [(&str, bool, bool); 14] = [
    ("roles/owner", true, true),
    ("roles/editor", true, true),
    ("roles/viewer", false, false),
    ("roles/cloudkms.admin", false, true),
    ("roles/cloudkms.importer", false, true),
    ("roles/cloudkms.viewer", false, false),
    ("roles/cloudkms.publicKeyViewer", false, false),
    ("roles/cloudkms.verifier", false, false),
    ("roles/cloudkms.cryptoKeyEncrypter", false, false),
    ("roles/cloudkms.signer", true, false),
    ("roles/cloudkms.signerVerifier", true, false),
    ("roles/cloudkms.cryptoOperator", true, false),
    ("roles/cloudkms.cryptoKeyDecrypter", true, false),
    ("roles/cloudkms.cryptoKeyEncrypterDecrypter", true, false),
];

pub(super) async fn of(provider: &GcpKmsProvider, key: &KeyUri) -> Guard {
    let mut guard = match read(provider, key).await {
        Ok((of, version)) => told(&of, version.as_ref()),
        Err(error) => Guard::untold(&Untold::from(error).0),
    };
    guard.grants = grants(provider, key).await;
    guard.unseen_grants = Some("what the key ring and the project allow is not read".to_owned());
    guard.record = Err(Untold("which audit logs the project keeps is not asked here".to_owned()));
    guard.record_kept = guard.record.clone().map(|_| None);
    guard.credential_made =
        Err(Untold("the age of the credential in use is not asked here".to_owned()));
    guard
}

/// The key, and the version that is meant, if there is one.
async fn read(
    provider: &GcpKmsProvider,
    key: &KeyUri,
) -> Result<(CryptoKey, Option<CryptoKeyVersion>), ProviderError> {
    let name = provider.resolve(key).await?;
    let service = provider.client.service().await?;
    let asked = service.get_crypto_key().set_name(name.key(key)?);
    let of = provider.client.answer(key, asked.send()).await?;
    let version = provider.client.describe(key, &name).await?;
    Ok((of, Some(version)))
}

fn told(of: &CryptoKey, version: Option<&CryptoKeyVersion>) -> Guard {
    let mut guard = Guard::untold("the service does not tell it");
    guard.file_mode = Ok(None);
    guard.symmetric = match of.purpose {
        CryptoKeyPurpose::EncryptDecrypt
        | CryptoKeyPurpose::RawEncryptDecrypt
        | CryptoKeyPurpose::Mac => Ok(true),
        CryptoKeyPurpose::AsymmetricSign | CryptoKeyPurpose::AsymmetricDecrypt => Ok(false),
        _ => Err(Untold("the key's purpose is none that is known here".to_owned())),
    };
    let wait =
        of.destroy_scheduled_duration.as_ref().and_then(|wait| u64::try_from(wait.seconds()).ok());
    guard.deletion = Ok(Ending::After(wait.map_or(WAIT, Duration::from_secs)));
    guard.rotates_every = match &of.rotation_schedule {
        None => Ok(None),
        Some(RotationSchedule::RotationPeriod(every)) => {
            Ok(u64::try_from(every.seconds()).ok().map(Duration::from_secs))
        }
        _ => Err(Untold("the rotation is none that is known here".to_owned())),
    };
    let Some(version) = version else { return guard };
    guard.algorithm = version
        .algorithm
        .name()
        .map(ToOwned::to_owned)
        .ok_or_else(|| Untold("an algorithm without a name".to_owned()));
    let created = version.create_time.as_ref().and_then(wire::time);
    guard.created = created.ok_or_else(|| Untold("the service does not tell it".to_owned()));
    let imported = version.import_time.is_some() || !version.import_job.is_empty();
    // By the service's own account: software at level 1, its modules at 140-2 level 3.
    let (protection, level) = match version.protection_level {
        ProtectionLevel::Software => (Protection::Software, Some(1)),
        ProtectionLevel::Hsm => (Protection::SharedHardware, Some(3)),
        ProtectionLevel::HsmSingleTenant => (Protection::Hardware, Some(3)),
        ProtectionLevel::External | ProtectionLevel::ExternalVpc => (Protection::External, None),
        _ => return guard,
    };
    guard.protection = Ok(protection);
    guard.fips_level =
        level.ok_or_else(|| Untold("the key is kept outside of the service".to_owned()));
    guard.origin = Ok(if imported || protection == Protection::External {
        KeyOrigin::Imported
    } else {
        KeyOrigin::Generated
    });
    guard.exportable = Ok(if version.trusted_wrapping_enabled {
        Readable::ByCall("trusted wrapping is enabled".to_owned())
    } else {
        Readable::No
    });
    guard.was_exportable = Ok(version.trusted_wrapping_enabled);
    guard
}

async fn grants(provider: &GcpKmsProvider, key: &KeyUri) -> Told<Vec<KeyGrant>> {
    let name = provider.resolve(key).await?;
    let service = provider.client.service().await?;
    let asked = service.get_iam_policy().set_resource(name.key(key)?);
    let policy = provider.client.answer(key, asked.send()).await?;
    let mut grants = Vec::new();
    for binding in policy.bindings {
        let role = ROLES.iter().find(|(role, ..)| *role == binding.role);
        let Some((_, signs, administers)) = role.copied() else {
            return Err(Untold(format!("the role {} is not known here", binding.role)));
        };
        let conditions = binding.condition.is_some();
        let under = if conditions { ", under conditions" } else { "" };
        grants.extend(binding.members.into_iter().map(|who| KeyGrant {
            everybody: who.starts_with("all") && !who.contains(':') && !conditions,
            who,
            what: format!("{}{under}", binding.role),
            everything: signs && administers,
            signs,
            administers,
        }));
    }
    Ok(grants)
}
