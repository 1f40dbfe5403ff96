//! Taking in the root's response.

use skink_api::{CeremonyImported, Code, Problem};
use skink_authority::ceremony::{Accepted, NotAccepted, Request, Response};
use skink_model::{
    AuthorityCertificate, AuthorityId, CeremonyState, CrlFacts, Escrow, Kit, KitState, Stamp, Time,
};
use skink_trust::{AnchorsPart, RootSignature};
use skink_x509::{Certificate, Fingerprint};

use super::lists::{Fate, RootList};
use super::unusable;
use crate::app::App;
use crate::failure::{Failure, Result};
use crate::{crl, package};

/// Everything that a response brings, checked, for one transaction.
pub(crate) struct Harvest {
    /// The ceremony's id.
    pub(crate) id: String,
    /// SHA-256 of the request that it answers.
    pub(crate) request: Fingerprint,
    /// SHA-256 of the response.
    pub(crate) response: Fingerprint,
    /// The root, who signs the lists.
    pub(crate) root: AuthorityId,
    /// The new certificates.
    pub(crate) certificates: Vec<(AuthorityId, AuthorityCertificate)>,
    /// The root's lists.
    pub(crate) lists: Vec<RootList>,
    /// The kits, with the facts of what is escrowed in them.
    pub(crate) kits: Vec<(Kit, Escrow)>,
    /// The anchors part.
    pub(crate) anchors: Option<String>,
    /// How many ceremonies were taken in, with this one.
    pub(crate) ceremonies: u64,
    /// Where the root's log stands, JSON.
    pub(crate) root_head: String,
}

/// Takes a response in, publishes the root's lists and the next trust package.
pub(crate) async fn import(app: &App, by: Stamp, file: &[u8]) -> Result<CeremonyImported> {
    let imported = take_in(app, by.clone(), file).await?;
    if app.published().package().is_some() {
        package::publish(app, by, "a ceremony was taken in", None).await?;
    }
    Ok(imported)
}

/// Takes a response in; the trust package is the caller's.
pub(crate) async fn take_in(app: &App, by: Stamp, file: &[u8]) -> Result<CeremonyImported> {
    let text = std::str::from_utf8(file).map_err(|_| Failure::malformed("the file is no text"))?;
    let response = Response::from_json(text).map_err(|error| unusable(&error))?;
    let row = crate::db::ceremony(app, &response.body().request).await?;
    if row.state != CeremonyState::Requested {
        let detail = format!("ceremony {} is {}", row.id, row.state);
        return Err(Problem::new(Code::CeremonyReplayed, detail).into());
    }
    let request = Request::from_json(&row.request).map_err(|error| unusable(&error))?;
    let root = Certificate::from_pem(&app.root_pem().await?).map_err(Failure::Stored)?;
    let last = crate::db::ceremonies_taken_in(app).await?;
    let accepted =
        response.accept(&request, &root, app.locations(), last).map_err(|error| refused(&error))?;
    let harvest = harvest(app, (&request, &response), &accepted, &root)?;
    let fates = crate::db::take_in(app, &harvest, &by).await?;
    for (list, _) in fates.iter().filter(|(_, fate)| *fate == Fate::Published) {
        let der = list.crl.der().to_vec();
        app.published().put_crl(crl::path(&list.scope), list.number, &list.facts, der);
    }
    for (list, fate) in &fates {
        list.tell(*fate);
    }
    for (id, certificate) in &harvest.certificates {
        let parsed = Certificate::from_pem(&certificate.pem).map_err(Failure::Stored)?;
        app.published().put_certificate(id.to_string(), parsed.der().to_vec());
    }
    app.news().tell_published();
    tracing::info!(ceremony.id = harvest.id, "a ceremony was taken in");
    let of_fate = |wanted: Fate| {
        let lists = fates.iter().filter(|(_, fate)| *fate == wanted);
        lists.map(|(list, _)| list.name()).collect()
    };
    Ok(CeremonyImported {
        prepared: harvest.certificates.iter().map(|(id, _)| id.to_string()).collect(),
        crls: of_fate(Fate::Published),
        waiting: of_fate(Fate::Waiting),
        passed_over: of_fate(Fate::PassedOver),
        id: harvest.id.clone(),
    })
}

fn refused(error: &NotAccepted) -> Failure {
    let code = match error {
        NotAccepted::Replayed { .. } => Code::CeremonyReplayed,
        _ => Code::CeremonyRefused,
    };
    Problem::new(code, error.to_string())
        .hint("bring the response to the newest request, unchanged")
        .into()
}

fn harvest(
    app: &App,
    (request, response): (&Request, &Response),
    accepted: &Accepted,
    root: &Certificate,
) -> Result<Harvest> {
    let mut lists = Vec::with_capacity(accepted.lists.len());
    for (list, crl) in &accepted.lists {
        let facts = CrlFacts {
            this_update: crl.this_update(),
            next_update: crl.next_update().ok_or(Failure::Bug("a list without end"))?,
            entries: u64::try_from(crl.len()).unwrap_or(u64::MAX),
            size: u64::try_from(crl.der().len()).unwrap_or(u64::MAX),
            digest: crl.fingerprint(),
        };
        let (scope, number) = (crl::root_scope(&list.scope), list.number);
        lists.push(RootList { scope, number, facts, crl: crl.clone() });
    }
    let mut certificates = Vec::with_capacity(accepted.certified.len());
    for (certified, certificate) in &accepted.certified {
        let row = AuthorityCertificate {
            pem: certificate.to_pem(),
            fingerprint: certificate.fingerprint(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
        };
        certificates.push((certified.authority.clone(), row));
    }
    let anchors = accepted.anchors.as_ref().map(|anchors| {
        let signature = anchors.signature().unwrap_or_default();
        AnchorsPart::assemble(anchors.body.clone(), vec![RootSignature::new(root, &signature)])
    });
    let anchors = anchors.transpose().map_err(Failure::Encode)?;
    let anchors = anchors.map(String::from_utf8).transpose();
    let id = response.body().request.clone();
    Ok(Harvest {
        request: request.digest(),
        response: response.digest(),
        root: crate::authorities::id(skink_authority::ceremony::ROOT)?,
        certificates,
        lists,
        kits: kits(app, &id, accepted)?,
        anchors: anchors.map_err(|_| Failure::Bug("an anchors part is no text"))?,
        ceremonies: accepted.ceremony,
        root_head: serde_json::to_string(&accepted.root_head).map_err(Failure::Encode)?,
        id,
    })
}

fn kits(app: &App, ceremony: &str, accepted: &Accepted) -> Result<Vec<(Kit, Escrow)>> {
    let mut kits = Vec::new();
    for facts in &accepted.kits {
        let custodians = facts.custodians.iter().map(|name| crate::operators::parsed(name));
        let until = Time::from_millis(facts.created_at_ms).plus(app.settings().standby_life());
        let digest = facts.escrow.sha256.parse();
        let digest = digest.map_err(|_| Failure::malformed("an escrow without digest"))?;
        let kit = Kit {
            id: facts.id.clone(),
            standby: facts.standby.clone().unwrap_or_else(|| facts.authority.clone()),
            ceremony: ceremony.to_owned(),
            state: KitState::Ready,
            custodians: custodians.collect::<Result<_>>()?,
            created_at: Time::from_millis(facts.created_at_ms),
            expires_at: until,
            incident: None,
        };
        let escrow = Escrow {
            scope: crl::root_scope(facts.authority.as_str()),
            number: facts.escrow.number,
            authority: facts.authority.clone(),
            kit: facts.id.clone(),
            this_update: Time::from_millis(facts.escrow.this_update_ms),
            next_update: Time::from_millis(facts.escrow.next_update_ms),
            digest,
            voided_at: None,
            released_at: None,
        };
        kits.push((kit, escrow));
    }
    Ok(kits)
}
