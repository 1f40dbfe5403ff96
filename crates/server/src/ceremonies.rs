//! The file exchange with the offline root, seen from the server: a request goes out, a response
//! comes in with all its checks.

pub(crate) mod import;
pub(crate) mod lists;

use std::collections::BTreeMap;

use skink_api::{Ceremony, CeremonyRequest, Code, NewCeremony, Problem};
use skink_authority::AuthorityKind;
use skink_authority::ceremony::{Certify, Floor, Request, RequestBody, Revoke, StandbyFor};
use skink_model::{
    Authority, AuthorityId, AuthorityState, IssuerKind, IssuerName, KeyState, Stamp,
};
use skink_signer::sealed::SealingKey;
use skink_signer::{
    AttemptPurpose, Credential, KeyProvider as _, KeyUri, SignatureRequest, ToSign,
};
use skink_store::authorities::NewAuthority;
use skink_x509::crl::Crl;
use skink_x509::{Csr, CsrSpec, KeyAlgorithm, assemble};

use crate::app::{App, CONTROL};
use crate::crl;
use crate::failure::{Failure, Result};
use crate::operators::parsed;

pub(crate) use import::import;

/// What the server keeps about the root and the last ceremony, in its settings.
pub(crate) mod kept {
    /// [`skink_authority::ceremony::RootInfo`], JSON.
    pub(crate) const ROOT: &str = "root";
    /// The anchors part of the trust package, as signed.
    pub(crate) const ANCHORS: &str = "anchors";
    /// Where the root's log stood, JSON.
    pub(crate) const ROOT_HEAD: &str = "root_head";
    /// How many ceremonies were taken in.
    pub(crate) const CEREMONIES: &str = "ceremonies";
}

/// A generation that a ceremony is to certify.
pub(crate) struct Wanted {
    pub(crate) issuer: IssuerName,
    pub(crate) kind: AuthorityKind,
    pub(crate) algorithm: KeyAlgorithm,
    /// The authority that it stands by for.
    pub(crate) replaces: Option<AuthorityId>,
    /// Its key, where that is not a file of the server's.
    pub(crate) elsewhere: Option<Elsewhere>,
}

/// A key that was made by somebody else than the server, at a place of its own.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// The key.
    pub key: KeyUri,
    /// What signs with it, for a standby: it leaves for the kit. The first of its issuer signs by
    /// the server's own credential.
    pub credential: Option<Credential>,
}

pub(crate) async fn list(app: &App) -> Result<Vec<Ceremony>> {
    let rows = crate::db::ceremonies(app).await?;
    Ok(rows
        .into_iter()
        .map(|row| Ceremony {
            id: row.id,
            created_at_ms: row.requested_at.as_millis(),
            created_by: String::new(),
            imported_at_ms: row.imported_at.map(skink_model::Time::as_millis),
        })
        .collect())
}

/// Makes the request file: a standby for each issuer that is named. Where no generation is active,
/// there is nobody to stand by for: the new one's key stays here, and two people approve its use.
pub(crate) async fn create(app: &App, by: Stamp, new: &NewCeremony) -> Result<CeremonyRequest> {
    let mut wanted = Vec::new();
    let elsewhere = elsewhere(new)?;
    for name in &new.standby_for {
        let issuer: IssuerName = parsed(name)?;
        if crate::db::issuer(app, &issuer).await?.kind != IssuerKind::Issuing {
            return Err(Failure::malformed(format!("{issuer} has no standbys")));
        }
        let active = app.active_authority(&issuer).await?;
        let before = match &active {
            Some(active) => Some(active.key.algorithm),
            None => crate::db::newest_algorithm(app, &issuer).await?,
        };
        let algorithm = new.key_algorithm.as_deref().map(str::parse).transpose();
        let algorithm = algorithm.map_err(|error: skink_x509::UnknownKeyAlgorithm| {
            Failure::malformed(error.to_string())
        })?;
        wanted.push(Wanted {
            issuer,
            kind: AuthorityKind::Issuing,
            algorithm: algorithm.or(before).unwrap_or(KeyAlgorithm::EcP256),
            replaces: active.map(|one| one.id),
            elsewhere: elsewhere.clone(),
        });
    }
    let request = request(app, by, wanted).await?;
    let file = request.to_json().map_err(|error| unusable(&error))?;
    Ok(CeremonyRequest { id: request.body().id.clone(), file })
}

/// A key is one generation's: who names one names one issuer with it.
fn elsewhere(new: &NewCeremony) -> Result<Option<Elsewhere>> {
    let Some(key) = &new.key else { return Ok(None) };
    if new.standby_for.len() != 1 || new.key_algorithm.is_some() {
        let detail = "with `key` name exactly one issuer, and no algorithm: the key has its own";
        return Err(Failure::malformed(detail));
    }
    let key: KeyUri = key
        .parse()
        .map_err(|error: skink_signer::BadKeyUri| Failure::malformed(error.to_string()))?;
    if key.scheme() == "software" {
        return Err(Failure::malformed("software keys are made by the server: leave `key` out"));
    }
    let credential = new.key_credential.as_deref().map(Credential::from_text);
    Ok(Some(Elsewhere { key, credential }))
}

/// Makes keys for what is wanted, and the request for their certificates.
pub(crate) async fn request(app: &App, by: Stamp, wanted: Vec<Wanted>) -> Result<Request> {
    let root = crate::db::root_info(app).await?;
    let revoke = revoke(app).await?;
    nothing_forgotten(app, &revoke).await?;
    let mut certify = Vec::with_capacity(wanted.len());
    for one in wanted {
        certify.push(prepare(app, &by, one, &root.sealing_key).await?);
    }
    let body = RequestBody {
        id: hex::encode(app.random::<16>()),
        domain: app.settings().domain().to_owned(),
        root: app.root_fingerprint().await?.to_string(),
        created_at_ms: app.now().as_millis(),
        ceremonies: crate::db::ceremonies_taken_in(app).await?,
        root_head: crate::db::root_head(app).await?,
        certify,
        revoke,
        floors: floors(app).await?,
        journal_head: Some(crate::db::journal_head(app).await?),
    };
    let request = signed(app, &body).await?;
    let file = request.to_json().map_err(|error| unusable(&error))?;
    crate::db::insert_ceremony(app, &request, &file, &by).await?;
    tracing::info!(ceremony.id = body.id, "a ceremony was requested");
    Ok(request)
}

/// A key, a row, a request, and for a standby the list that it will stand by with.
async fn prepare(
    app: &App,
    by: &Stamp,
    wanted: Wanted,
    sealing_key: &SealingKey,
) -> Result<Certify> {
    let generation = next_generation(app, &wanted.issuer).await?;
    let id = AuthorityId::generation(&wanted.issuer, generation);
    let standby = wanted.replaces.is_some();
    let (key, credential) = key_for(app, &id, &wanted, standby).await?;
    let provider = app.keys().of(&key)?;
    let public_key = provider.public_key(&key).await.map_err(Failure::Provider)?;
    let row = NewAuthority {
        id: id.clone(),
        issuer: wanted.issuer.clone(),
        generation,
        parent: Some(crate::authorities::id(skink_authority::ceremony::ROOT)?),
        key_uri: Some(key.to_string()),
        key_algorithm: public_key.algorithm(),
        key_digest: public_key.digest(),
        csr_pem: None,
        crl_uri: (wanted.kind != AuthorityKind::Trust).then(|| app.locations().crl(&id, 0)),
        crl_partitions: app.settings().crl_partitions(),
    };
    crate::db::insert_authority(app, &row, by).await?;
    let row = app.authority(&id).await?;
    let csr = csr(app, &row).await?;
    let standby = match (wanted.replaces, credential) {
        (Some(replaces), Some(credential)) => {
            standby_list(app, &id).await?;
            let sealed = sealing_key.seal(credential.expose().as_bytes(), id.as_str().as_bytes());
            let sealed = sealed.map_err(|_| Failure::Bug("a credential cannot be sealed"))?;
            app.keys().forget(&key);
            crate::db::set_key_state(app, key.as_str(), KeyState::Absent, None, by).await?;
            Some(StandbyFor { replaces, credential: Some(sealed) })
        }
        _ => None,
    };
    let epoch = (wanted.kind == AuthorityKind::Trust).then_some(u64::from(generation));
    Ok(Certify { authority: id, issuer: wanted.issuer, kind: wanted.kind, csr, epoch, standby })
}

/// The next generation's number. A key that a crash left behind without its row has taken its name
/// for good, and nobody holds a standby's credential any more: it is destroyed and passed over.
async fn next_generation(app: &App, issuer: &IssuerName) -> Result<u32> {
    let mut generation = crate::db::next_generation(app, issuer).await?;
    loop {
        let id = AuthorityId::generation(issuer, generation);
        let Some(left) = crate::keys::left_behind(app, id.as_str()).await? else {
            return Ok(generation);
        };
        app.keys().software().destroy(&left).await.map_err(Failure::Provider)?;
        tracing::warn!(key = %left, "a key without a row was destroyed; its number is passed over");
        generation += 1;
    }
}

/// A standby's key has a credential of its own, which leaves for the kit at once.
async fn key_for(
    app: &App,
    id: &AuthorityId,
    wanted: &Wanted,
    standby: bool,
) -> Result<(KeyUri, Option<Credential>)> {
    let software = app.keys().software();
    let Some(elsewhere) = &wanted.elsewhere else {
        if standby {
            let made = software.create_standby(id.as_str(), wanted.algorithm).await;
            return made.map(|(key, own)| (key, Some(own))).map_err(Failure::Provider);
        }
        let made = software.create(id.as_str(), wanted.algorithm).await;
        return made.map(|key| (key, None)).map_err(Failure::Provider);
    };
    let (named, own) = (&elsewhere.key, elsewhere.credential.as_ref());
    if standby != own.is_some() {
        let detail = if standby {
            format!("{named} stands by: give the credential that signs with it, for the kit")
        } else {
            format!("{id} has nobody to stand by for: it signs by the server's own credential")
        };
        return Err(Failure::malformed(detail));
    }
    let provider = match own {
        Some(own) => skink_signer::open(named, Some(own.clone())).map_err(Failure::Provider)?,
        None => app.keys().of(named)?,
    };
    let key = provider.find(named).await.map_err(Failure::Provider)?;
    if let Some(own) = own {
        app.keys().borrow(&key, own)?;
    }
    Ok((key, own.cloned()))
}

/// The long list that a standby stands by with: in every package from now on.
async fn standby_list(app: &App, id: &AuthorityId) -> Result<()> {
    let _one_at_a_time = app.listing().lock().await;
    let now = app.now().truncated_to_secs();
    let listing = crate::crl::Listing {
        times: Some((
            now.minus(app.settings().backdate()),
            now.plus(app.settings().standby_life()),
        )),
        ..crate::crl::Listing::routine(id)
    };
    let lists = crate::crl::sign(app, &listing).await?;
    crate::crl::release(app, &lists, Stamp::server(app.now())).await
}

/// Proof that the server has the key.
async fn csr(app: &App, authority: &Authority) -> Result<String> {
    let identity = app.signing_identity(authority).await?;
    let spec = CsrSpec {
        subject: identity.subject.clone(),
        public_key: identity.public_key.clone(),
        subject_alt_names: Vec::new(),
    };
    let tbs = spec.tbs_der().map_err(Failure::X509)?;
    let signature =
        control_signature(app, authority, format!("csr:{}", authority.id), &tbs).await?;
    let der = assemble(&tbs, identity.signature_algorithm(), &signature).map_err(Failure::X509)?;
    let csr = Csr::from_der(&der).map_err(Failure::Stored)?;
    Ok(csr.to_pem())
}

/// The server signs with its control key, by which the root knows it.
async fn signed(app: &App, body: &RequestBody) -> Result<Request> {
    let control = control(app).await?;
    let identity = app.signing_identity(&control).await?;
    let input = body.signing_input().map_err(|error| unusable(&error))?;
    let signature =
        control_signature(app, &control, format!("ceremony:{}", body.id), &input).await?;
    Request::assemble(body, &identity.public_key, &signature).map_err(|error| unusable(&error))
}

/// The control authority: the active one, or in the beginning the one that is to be.
pub(crate) async fn control(app: &App) -> Result<Authority> {
    let control: IssuerName = parsed(CONTROL)?;
    let authorities = crate::db::authorities(app).await?;
    let own = authorities
        .into_iter()
        .filter(|one| one.issuer == control && one.state <= AuthorityState::Active);
    own.max_by_key(|one| one.state == AuthorityState::Active)
        .ok_or_else(|| Failure::conflict("there is no control authority"))
}

/// A signature by an authority's key that is no certificate and no list.
pub(crate) async fn control_signature(
    app: &App,
    authority: &Authority,
    subject: String,
    input: &[u8],
) -> Result<Vec<u8>> {
    let identity = app.signing_identity(authority).await?;
    let request = SignatureRequest {
        authority: authority.id.clone(),
        key: identity.key.clone(),
        purpose: AttemptPurpose::Control,
        subject,
        algorithm: identity.signature_algorithm(),
        incident: None,
    };
    let signed = app.signer().ask_and_sign(request, ToSign::Message(input)).await;
    signed.map(|signed| signed.signature).map_err(Failure::Sign)
}

/// What the root's lists are to revoke.
async fn revoke(app: &App) -> Result<Vec<Revoke>> {
    let authorities = crate::db::authorities(app).await?;
    let tainted = authorities.into_iter().filter_map(|one| one.taint.map(|taint| (one.id, taint)));
    Ok(tainted
        .map(|(authority, taint)| Revoke {
            authority,
            reason: skink_x509::crl::Reason::CaCompromise.as_str().to_owned(),
            revoked_at_ms: taint.at.as_millis(),
            suspected_since_ms: taint.suspected_since.map(skink_model::Time::as_millis),
        })
        .collect())
}

/// The newest of the root's lists that the server or any relying party has seen.
async fn floors(app: &App) -> Result<Vec<Floor>> {
    let rows = crate::db::current_crls(app).await?;
    let published = rows.iter().filter_map(|row| {
        let facts = row.signed.as_ref()?;
        Some((row.scope.as_str(), row.number, facts.this_update))
    });
    let forgotten = crate::db::forgotten_root_lists(app).await?;
    let seen = forgotten.iter().map(|list| (list.scope.as_str(), list.number, list.this_update));
    let mut floors: BTreeMap<&str, Floor> = BTreeMap::new();
    for (scope, number, this_update) in published.chain(seen) {
        let Some(scope) = scope.strip_prefix(crl::OF_ROOT) else { continue };
        let this_update_ms = this_update.as_millis();
        let floor = floors.entry(scope).or_insert_with(|| Floor {
            scope: scope.to_owned(),
            number,
            this_update_ms,
        });
        floor.number = floor.number.max(number);
        floor.this_update_ms = floor.this_update_ms.max(this_update_ms);
    }
    Ok(floors.into_values().collect())
}

/// A server that was restored from a backup does not ask the root to take back a revocation that it
/// has forgotten.
async fn nothing_forgotten(app: &App, revoke: &[Revoke]) -> Result<()> {
    for seen in crate::db::forgotten_root_lists(app).await? {
        let list = Crl::from_der(&seen.der).map_err(Failure::Stored)?;
        let about = seen.scope.strip_prefix(crl::OF_ROOT).unwrap_or_default();
        if list.is_empty() || revoke.iter().any(|one| one.authority.as_str() == about) {
            continue;
        }
        let detail = format!(
            "{about} is revoked by list {} of the root, which agents hold and this server has \
             forgotten: it was restored from a backup",
            seen.number
        );
        let hint = format!("declare an incident for {about} and taint it; then ask again");
        return Err(Problem::new(Code::Conflict, detail).hint(hint).into());
    }
    Ok(())
}

pub(crate) fn unusable(error: &skink_authority::ceremony::DocumentError) -> Failure {
    let detail = skink_model::with_causes(error);
    Problem::new(Code::CeremonyRefused, detail).into()
}
