//! From the model to the wire.

use skink_api as api;
use skink_model as model;

use crate::words::{Unwire as _, Wire as _};

/// An operator without anything that lets one in.
pub(crate) fn operator(row: &model::Operator) -> api::Operator {
    api::Operator {
        name: row.name.to_string(),
        role: row.role.wire(),
        key_digest: row.key_digest.as_ref().map(ToString::to_string),
        has_token: row.has_token,
        created_at_ms: row.created_at.as_millis(),
        disabled: row.disabled_at.is_some(),
    }
}

/// A token without its secret.
pub(crate) fn token(row: &model::Token) -> api::Token {
    api::Token {
        id: row.id.to_string(),
        agent: row.agent.to_string(),
        endpoints: row.endpoints.iter().map(ToString::to_string).collect(),
        created_by: row.created_by.clone(),
        created_at_ms: row.created_at.as_millis(),
        expires_at_ms: row.expires_at.as_millis(),
        used_at_ms: row.used_at.map(model::Time::as_millis),
    }
}

/// An endpoint as it was registered.
pub(crate) fn endpoint_spec(row: &model::Endpoint) -> api::EndpointSpec {
    api::EndpointSpec {
        name: row.name.to_string(),
        role: row.role.wire(),
        mechanism: row.mechanism.wire(),
        service: row.service.clone(),
        issuer: row.issuer.to_string(),
        profile: row.profile.to_string(),
        names: row.names.clone(),
        address: row.address.clone(),
        owner: row.owner.clone(),
        criticality: row.criticality.wire(),
        agent: row.agent.as_ref().map(ToString::to_string),
    }
}

/// The row that a registration makes.
pub(crate) fn endpoint_row(spec: &api::EndpointSpec) -> Result<model::Endpoint, model::BadId> {
    Ok(model::Endpoint {
        name: spec.name.parse()?,
        role: spec.role.unwire(),
        mechanism: spec.mechanism.unwire(),
        service: spec.service.clone(),
        issuer: spec.issuer.parse()?,
        profile: spec.profile.parse()?,
        names: spec.names.clone(),
        address: spec.address.clone(),
        owner: spec.owner.clone(),
        criticality: spec.criticality.unwire(),
        agent: spec.agent.as_deref().map(str::parse).transpose()?,
        installed: None,
        error: None,
    })
}

/// A certificate's facts.
pub(crate) fn certificate(
    row: &model::CertificateRow,
    issuer: &model::IssuerName,
    revocation: Option<&model::Revocation>,
    now: model::Time,
) -> api::Certificate {
    let state = match row.state {
        model::CertificateState::Issued if revocation.is_some() => "revoked",
        model::CertificateState::Issued if row.not_after < now => "expired",
        state => state.as_str(),
    };
    api::Certificate {
        id: row.id.to_string(),
        issuer: issuer.to_string(),
        authority: row.authority.to_string(),
        profile: row.profile.to_string(),
        serial: row.serial.to_string(),
        fingerprint: row.fingerprint.as_ref().map(ToString::to_string),
        key_digest: row.key_digest.to_string(),
        subject: format!("CN={}", row.name),
        name: row.name.clone(),
        not_before_ms: row.not_before.as_millis(),
        not_after_ms: row.not_after.as_millis(),
        state: state.to_owned(),
        channel: row.channel.wire(),
        requested_by: row.requested_by.clone(),
        endpoint: row.endpoint.as_ref().map(ToString::to_string),
        replaced_by: row.replaced_by.as_ref().map(ToString::to_string),
        revocation: revocation.map(|revocation| api::Revocation {
            revoked_at_ms: revocation.revoked_at.as_millis(),
            reason: revocation.reason.to_string(),
            invalidity_date_ms: revocation.invalidity_date.map(model::Time::as_millis),
        }),
        certificate_pem: None,
    }
}

/// A sealed event.
pub(crate) fn event(row: &model::JournalEvent) -> api::JournalEvent {
    api::JournalEvent {
        stream: row.stream.clone(),
        seq: row.seq,
        at_ms: row.at.as_millis(),
        kind: row.kind.clone(),
        body: serde_json::from_str(&row.body).unwrap_or_else(|_| row.body.clone().into()),
        prev: row.prev.to_string(),
        hash: row.hash.to_string(),
    }
}

/// An audit row.
pub(crate) fn audit(row: &model::AuditRow) -> api::AuditRow {
    api::AuditRow {
        id: row.id,
        at_ms: row.at.as_millis(),
        actor: row.actor.clone(),
        action: row.action.clone(),
        subject: row.subject.clone(),
        detail: row.detail.clone(),
    }
}

/// One attempt at a signature.
pub(crate) fn attempt(row: &model::Attempt) -> api::Attempt {
    api::Attempt {
        id: row.id.to_string(),
        key: row.key.clone(),
        purpose: row.purpose.to_string(),
        subject: row.subject.clone(),
        state: row.state.to_string(),
        asked_at_ms: row.asked_at.as_millis(),
        code: row.code.clone(),
        request_id: row.request_id.clone(),
    }
}

/// A key's facts.
pub(crate) fn key(row: &model::SigningKey, signatures: u64) -> api::Key {
    api::Key {
        uri: row.uri.clone(),
        owner: row.authority.as_ref().map_or_else(|| row.key_use.to_string(), ToString::to_string),
        algorithm: row.algorithm.to_string(),
        state: row.state.to_string(),
        digest: Some(row.digest.to_string()),
        signatures,
        created_at_ms: Some(row.created_at.as_millis()),
    }
}
