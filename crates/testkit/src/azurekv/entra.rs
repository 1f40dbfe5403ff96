//! Who is who: applications with their secrets, and the access tokens that they get for them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::paths::query;
use super::refusal::{Refusal, Refused};
use super::{Part, random_guid, random_hex};

pub(super) const TENANT: &str = "72f988bf-0000-4000-8000-2d7cd011db47";
const PARTS: [Part; 4] = [Part::Administrator, Part::Signer, Part::Custodian, Part::Stranger];

/// Every secret and every token is this vault's own, so that a test can look for it anywhere.
pub(super) struct Directory {
    secrets: BTreeMap<Part, String>,
    tokens: BTreeMap<String, Part>,
    expired: String,
}

impl Directory {
    pub(super) fn new() -> Self {
        let secret = || format!("{}~{}", random_hex(), random_hex());
        let secrets = PARTS.into_iter().map(|part| (part, secret())).collect();
        Self { secrets, tokens: BTreeMap::new(), expired: token() }
    }

    pub(super) fn token(&mut self, part: Part) -> String {
        let token = token();
        self.tokens.insert(token.clone(), part);
        token
    }

    pub(super) fn expired_token(&self) -> String {
        self.expired.clone()
    }

    pub(super) fn application(&self, part: Part) -> (String, String) {
        (id(part), self.secrets[&part].clone())
    }

    /// A token for an application that shows its secret (RFC 6749, 4.4).
    pub(super) fn grant(&mut self, tenant: &str, form: &[u8]) -> Result<(u16, Value), Refused> {
        let form = query(std::str::from_utf8(form).unwrap_or_default());
        let said = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if tenant.trim_start_matches('/') != TENANT {
            return Err(refused("invalid_request", "AADSTS90002: Tenant not found."));
        }
        if said("grant_type") != "client_credentials" {
            let words = "AADSTS70003: The app requested an unsupported grant type.";
            return Err(refused("unsupported_grant_type", words));
        }
        if said("scope") != "https://vault.azure.net/.default" {
            let words = "AADSTS500011: The resource principal was not found in the tenant.";
            return Err(refused("invalid_resource", words));
        }
        let client = said("client_id");
        let Some(part) = PARTS.into_iter().find(|part| id(*part) == client) else {
            let words = "AADSTS700016: Application was not found in the directory.";
            return Err(refused("unauthorized_client", words));
        };
        if self.secrets[&part] != said("client_secret") {
            let words = "AADSTS7000215: Invalid client secret provided.";
            return Err(Refused { status: 401, ..refused("invalid_client", words) });
        }
        let token = self.token(part);
        let given = json!({
            "token_type": "Bearer",
            "expires_in": 3599,
            "ext_expires_in": 3599,
            "access_token": token,
        });
        Ok((200, given))
    }

    pub(super) fn who(&self, shown: Option<&str>) -> Result<Part, Refused> {
        let refused = |words| Err(Refusal::Unauthorized.because(words));
        let Some(token) = shown.and_then(|shown| shown.strip_prefix("Bearer ")) else {
            return refused("AKV10000: Request is missing a Bearer or PoP token.");
        };
        if token == self.expired {
            return refused(
                "[TokenExpired] Error validating token: IDX10223: Lifetime validation failed. \
                 The token is expired.",
            );
        }
        match self.tokens.get(token) {
            Some(part) => Ok(*part),
            None => refused("[BearerReadAccessTokenFailed] Error validating token: 'S2S12005'."),
        }
    }
}

impl Part {
    /// Whether an access policy gives it this permission on keys.
    pub(super) fn may(self, permission: &str) -> bool {
        match self {
            Self::Administrator => true,
            Self::Signer => ["get", "list", "sign", "verify"].contains(&permission),
            Self::Custodian => ["get", "list", "update"].contains(&permission),
            Self::Stranger => false,
        }
    }
}

/// The id of a part's application.
pub(super) fn id(part: Part) -> String {
    let number = PARTS.iter().position(|one| *one == part).unwrap();
    format!("0a7be3c0-0000-4000-8000-{number:012}")
}

/// Opaque to whoever carries it, in the form of the real ones.
fn token() -> String {
    let part = |text: &str| super::base64url(text.as_bytes());
    let claims = json!({ "aud": "https://vault.azure.net", "uti": random_guid() });
    let head = json!({ "typ": "JWT", "alg": "RS256" });
    format!("{}.{}.{}", part(&head.to_string()), part(&claims.to_string()), part(&random_hex()))
}

fn refused(error: &str, words: &str) -> Refused {
    let body = json!({
        "error": error,
        "error_description": format!("{words} Trace ID: {} ", random_guid()),
        "correlation_id": random_guid(),
    });
    Refused { status: 400, challenge: None, body }
}
