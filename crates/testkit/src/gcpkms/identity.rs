//! Who asks and what he may: access tokens, service accounts, roles, and the policies of keys.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use skink_x509::{PublicKey, SignatureAlgorithm};

use super::refusal::{Refusal, Refused, reason};
use super::world::Answered;

/// A custom role of the fake's project, as somebody may have made it, to disable with.
pub const DISABLING_ROLE: &str = "projects/pki/roles/keyDisabler";

/// What each role allows, by the names of IAM's permissions after `cloudkms.`.
const ROLES: [(&str, &[&str]); 5] = [
    ("roles/cloudkms.signer", &["cryptoKeyVersions.useToSign"]),
    ("roles/cloudkms.publicKeyViewer", &["cryptoKeyVersions.viewPublicKey"]),
    (
        "roles/cloudkms.viewer",
        &[
            "cryptoKeys.get",
            "cryptoKeys.list",
            "cryptoKeyVersions.get",
            "cryptoKeyVersions.list",
            "keyRings.get",
        ],
    ),
    (
        "roles/cloudkms.admin",
        &[
            "cryptoKeys.create",
            "cryptoKeys.get",
            "cryptoKeys.getIamPolicy",
            "cryptoKeys.list",
            "cryptoKeys.setIamPolicy",
            "cryptoKeyVersions.create",
            "cryptoKeyVersions.destroy",
            "cryptoKeyVersions.get",
            "cryptoKeyVersions.list",
            "cryptoKeyVersions.restore",
            "cryptoKeyVersions.update",
        ],
    ),
    (DISABLING_ROLE, &CUSTODIAN),
];
const SIGNER: [&str; 7] = [
    "cryptoKeys.get",
    "cryptoKeys.list",
    "cryptoKeyVersions.get",
    "cryptoKeyVersions.list",
    "cryptoKeyVersions.viewPublicKey",
    "cryptoKeyVersions.useToSign",
    "keyRings.get",
];
const CUSTODIAN: [&str; 2] = ["cryptoKeyVersions.get", "cryptoKeyVersions.update"];

/// Who asks.
pub(super) enum Who {
    Administrator,
    /// Somebody with these permissions on every key.
    With(&'static [&'static str]),
    /// A service account, which may what policies say.
    Account(String),
}

/// What is known of people, and of nobody's key in particular.
#[derive(Default)]
pub(super) struct Grants {
    /// Whoever shows no token is the administrator.
    pub(super) anybody: bool,
    /// Service accounts that may sign, with the keys that they prove themselves by.
    pub(super) accounts: BTreeMap<String, PublicKey>,
    /// Roles that service accounts have on every key, from the project.
    pub(super) inherited: Vec<(String, &'static str)>,
    /// Access tokens that were given out.
    minted: BTreeMap<String, String>,
}

impl Grants {
    pub(super) fn who(&self, token: Option<&str>) -> Result<Who, Refused> {
        let words = "Request had invalid authentication credentials. Expected OAuth 2 access \
                     token, login cookie or other valid authentication credential.";
        let refused = |why| Err(Refusal::Unauthenticated.with(words, &[reason(why)]));
        match token {
            Some("Bearer ADMINISTRATOR") => Ok(Who::Administrator),
            Some("Bearer SIGNER") => Ok(Who::With(&SIGNER)),
            Some("Bearer CUSTODIAN") => Ok(Who::With(&CUSTODIAN)),
            Some("Bearer YESTERDAY") => refused("ACCESS_TOKEN_EXPIRED"),
            Some(token) if is_of_an_account(token, &self.accounts) => Ok(Who::With(&SIGNER)),
            Some(token) => match self.minted.get(token) {
                Some(account) => Ok(Who::Account(account.clone())),
                None => refused("ACCESS_TOKEN_TYPE_UNSUPPORTED"),
            },
            None if self.anybody => Ok(Who::Administrator),
            None => refused("CREDENTIALS_MISSING"),
        }
    }

    /// Whether somebody may do something to a key with this policy.
    pub(super) fn allow(&self, who: &Who, permission: &str, policy: Option<&Value>) -> bool {
        let account = match who {
            Who::Administrator => return true,
            Who::With(permissions) => return permissions.contains(&permission),
            Who::Account(account) => account,
        };
        let has = |role: &str| {
            let mut known = ROLES.iter().filter(|(name, _)| *name == role);
            known.any(|(_, permissions)| permissions.contains(&permission))
        };
        let member = json!(format!("serviceAccount:{account}"));
        let names = |binding: &&Value| {
            binding["members"].as_array().is_some_and(|members| members.contains(&member))
        };
        let bindings = policy.and_then(|policy| policy["bindings"].as_array());
        let mut given = bindings.into_iter().flatten().filter(names);
        given.any(|binding| binding["role"].as_str().is_some_and(has))
            || self.inherited.iter().any(|(one, role)| one == account && has(role))
    }

    /// An access token for a service account, to an administrator.
    pub(super) fn mint(&mut self, who: &Who, account: &str, body: &Value) -> Answered {
        if !matches!(who, Who::Administrator) {
            let words = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or \
                         it may not exist).";
            return Err(Refusal::PermissionDenied.because(words));
        }
        if !account.ends_with(".iam.gserviceaccount.com") {
            return Err(Refusal::NotFound.because("Not found; Gaia id not found"));
        }
        if body["scope"].as_array().is_none_or(Vec::is_empty) {
            return Err(Refusal::InvalidArgument.because("At least one scope must be provided."));
        }
        let token = format!("ya29.{}-of-{account}", self.minted.len() + 1);
        self.minted.insert(format!("Bearer {token}"), account.to_owned());
        Ok(json!({ "accessToken": token, "expireTime": "2027-01-01T00:00:00Z" }))
    }
}

/// A token that a service account has signed itself (RFC 7519).
fn is_of_an_account(token: &str, accounts: &BTreeMap<String, PublicKey>) -> bool {
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let proven = || {
        let (signed, signature) = token.strip_prefix("Bearer ")?.rsplit_once('.')?;
        let claims: Value = serde_json::from_slice(&decoded(signed.split_once('.')?.1)?).ok()?;
        let key = accounts.get(claims["iss"].as_str()?)?;
        let how = SignatureAlgorithm::RsaPkcs1Sha256;
        key.verify(how, signed.as_bytes(), &decoded(signature)?).ok()
    };
    proven().is_some()
}
