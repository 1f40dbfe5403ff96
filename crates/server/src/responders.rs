//! Delegated OCSP responders: one key and certificate for each generation.

use std::time::Duration;

use skink_authority::{Applicant, Responder, SigningAuthority, Span};
use skink_model::{
    AuthorityId, CertificateKind, Channel, IncidentId, KeyState, KeyUse, SigningKey, Stamp, Time,
};
use skink_signer::{KeyProvider as _, KeyUri};
use skink_x509::{Certificate, KeyAlgorithm};

use crate::app::App;
use crate::failure::{Failure, Result};
use crate::issue::{self, Order};
use crate::operators::parsed;

const PROFILE: &str = "ocsp-responder";

/// The responder of an authority, if it has a certificate.
pub(crate) async fn find(app: &App, id: &AuthorityId) -> Result<Option<Responder>> {
    let Some(key) = key_of(app, id).await? else { return Ok(None) };
    let Some(der) = crate::db::responder_der(app, id, &key.digest).await? else { return Ok(None) };
    let authority = app.authority(id).await?;
    let authority = SigningAuthority::clone(app.signing_authority(&authority)?.as_ref());
    let certificate = Certificate::from_der(&der).map_err(Failure::Stored)?;
    let public_key = certificate.public_key().clone();
    let delegate = SigningAuthority::new(id.clone(), certificate, uri(&key)?, &public_key)
        .map_err(|_| Failure::Bug("a responder's key is not its certificate's"))?;
    let responder = Responder::new(authority, delegate)
        .map_err(|_| Failure::Bug("a responder's certificate delegates nothing"))?;
    let minutes = u32::try_from(app.settings().ocsp_life().as_secs() / 60).unwrap_or(60).max(1);
    Ok(Some(responder.with_validity(Span::minutes(minutes))))
}

/// Certifies the authority's responder, making its key if there is none. `until` is for a closing
/// set, whose responder has to outlive everything else.
pub(crate) async fn certify(
    app: &App,
    id: &AuthorityId,
    closing: Option<(IncidentId, Time)>,
) -> Result<()> {
    let key = key_for(app, id).await?;
    let public_key =
        app.keys().software().public_key(&uri(&key)?).await.map_err(Failure::Provider)?;
    let authority = app.authority(id).await?;
    let now = app.now();
    let lifetime = closing.as_ref().map(|(_, until)| until.since(now));
    let applicant = Applicant {
        public_key,
        names: Vec::new(),
        common_name: Some(format!("{id} OCSP responder")),
        lifetime,
    };
    let order = Order {
        issuer: authority.issuer,
        authority: Some(id.clone()),
        profile: parsed(PROFILE)?,
        kind: CertificateKind::Ocsp,
        applicant,
        channel: Channel::Internal,
        by: Stamp::server(now),
        endpoint: None,
        agent: None,
        closing: closing.map(|(incident, _)| incident),
    };
    issue::issue(app, order).await?;
    app.forget_responder(id);
    Ok(())
}

/// Certifies the responder anew when a third of its life is left.
pub(crate) async fn renew_if_due(app: &App, id: &AuthorityId) -> Result<()> {
    if let Some(responder) = app.responder(id).await? {
        let certificate = responder.certificate();
        let life: Duration = certificate.not_after().since(certificate.not_before());
        if certificate.not_after().since(app.now()) > life / 3 {
            return Ok(());
        }
    }
    certify(app, id, None).await
}

/// The responder's key, made by the first who needs it: an incident and a job may come at once.
async fn key_for(app: &App, id: &AuthorityId) -> Result<SigningKey> {
    let _one_at_a_time = app.making_responders().lock().await;
    match key_of(app, id).await? {
        Some(key) => Ok(key),
        None => make_key(app, id).await,
    }
}

async fn make_key(app: &App, id: &AuthorityId) -> Result<SigningKey> {
    let algorithm = KeyAlgorithm::EcP256;
    let uri = crate::keys::make(app, &format!("ocsp-{id}"), algorithm).await?;
    let public_key = app.keys().software().public_key(&uri).await.map_err(Failure::Provider)?;
    let now = app.now();
    let row = SigningKey {
        uri: uri.to_string(),
        key_use: KeyUse::Ocsp,
        authority: Some(id.clone()),
        algorithm,
        digest: public_key.digest(),
        state: KeyState::Enabled,
        refusal_code: None,
        created_at: now,
        changed_at: now,
    };
    crate::db::insert_key(app, &row).await?;
    Ok(row)
}

async fn key_of(app: &App, id: &AuthorityId) -> Result<Option<SigningKey>> {
    let keys = crate::db::keys(app).await?;
    let own = |key: &SigningKey| key.key_use == KeyUse::Ocsp && key.authority.as_ref() == Some(id);
    Ok(keys.into_iter().find(own))
}

fn uri(key: &SigningKey) -> Result<KeyUri> {
    key.uri.parse().map_err(|_| Failure::Bug("a key's URI"))
}
