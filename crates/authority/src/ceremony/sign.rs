//! Holding a ceremony.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use skink_model::AuthorityId;
use skink_signer::sealed::{Custodian, PreparedCustodians};
use skink_signer::{AttemptPurpose, Credential, SignatureRequest, Signed, ToSign};
use skink_x509::crl::{Crl, Reason, RevokedEntry};
use skink_x509::{Certificate, Fingerprint, KeyDigest};

use super::document::digest_text;
use super::escrow::{Release, check_escrow};
use super::kit::{EscrowFacts, KitError, KitFacts, KitFile};
use super::plan::{CeremonyPlan, CeremonyRefused, Partition, PlannedCertificate};
use super::request::{Request, Revoke};
use super::response::{CertifiedAuthority, Response, ResponseBody, RootList, SignedAnchors};
use super::root::{OfflineRoot, RESPONSES, RootError, store};
use super::state::{Event, KnownAuthority};
use crate::hierarchy::{Subordinate, subordinate_spec};
use crate::list::{ListPlan, small_list};
use crate::to_be_signed::{FinishError, ToBeSigned};

/// What stands before the text of an anchors part under the root's signature, so that no other
/// signature of the root can be taken for one.
pub const ANCHORS_CONTEXT: &[u8] = b"skink-trust-anchors-v1\n";

/// What the anchors part of the trust package is made from.
#[derive(Clone, Debug)]
pub struct AnchorsInput {
    /// The trust domain.
    pub domain: String,
    /// The ceremony's number.
    pub ceremony: u64,
    /// The root.
    pub root: Certificate,
}

/// What the person who holds the ceremony decides.
pub struct SignOptions<'a> {
    /// The people who will hold the kits' shares: at least two.
    pub custodians: &'a [Custodian],
    /// The server's key, where it asks for the first time or with a new one: compared by the person
    /// with what the server shows.
    pub confirmed_requester: Option<KeyDigest>,
    /// Makes the text of the anchors part, whose format `trust` knows.
    pub anchors: Option<&'a (dyn Fn(&AnchorsInput) -> String + Send + Sync)>,
}

/// What a ceremony leaves.
#[derive(Debug)]
pub struct Ceremony {
    /// For the server.
    pub response: Response,
    /// For the custodians; off the server.
    pub kits: Vec<KitFile>,
}

/// The lists of one scope, signed.
struct SignedPartition {
    list: RootList,
    kit: Option<KitFile>,
}

impl OfflineRoot {
    /// Signs what [`OfflineRoot::plan`] shows. What belongs to the ceremony is on record before
    /// anything is signed: a crash costs numbers, never uniqueness.
    pub async fn sign(
        &mut self,
        request: &Request,
        options: &SignOptions<'_>,
    ) -> Result<Ceremony, RootError> {
        let plan = self.plan(request).map_err(RootError::Refused)?;
        if !plan.requester_known && options.confirmed_requester != Some(plan.requester) {
            let requester = plan.requester;
            return Err(RootError::Refused(CeremonyRefused::UnknownRequester { requester }));
        }
        let custodians = PreparedCustodians::new(options.custodians)
            .map_err(|source| RootError::Kit(KitError::Seal(source)))?;
        self.remember(Event::Reserved {
            ceremony: plan.number,
            request: plan.request.clone(),
            next: plan.next_numbers(),
            newest: plan.newest().as_secs(),
        })?;
        let mut certified = Vec::new();
        for planned in &plan.certificates {
            certified.push(self.certify(planned).await?);
        }
        let mut lists = Vec::new();
        let mut kits = Vec::new();
        for partition in &plan.partitions {
            let made = self.partition(partition, &plan, &certified, &custodians).await?;
            lists.push(made.list);
            kits.extend(made.kit);
        }
        let anchors = self.anchors(&plan, options).await?;
        let body = ResponseBody {
            request: plan.request.clone(),
            request_digest: plan.request_digest.to_string(),
            domain: plan.domain.clone(),
            ceremony: plan.number,
            signed_at_ms: plan.at.as_millis(),
            root_head: self.chain.head().clone(),
            root: self.certificate().to_pem(),
            certified: certified.iter().map(|(known, _)| certified_authority(known)).collect(),
            lists,
            kits: kits.iter().map(|kit| kit.facts().clone()).collect(),
            anchors,
        };
        let response = self.respond(&body).await?;
        self.remember(held(&plan, &body, &response, certified))?;
        Ok(Ceremony { response, kits })
    }

    pub(super) async fn certify(
        &self,
        planned: &PlannedCertificate,
    ) -> Result<(KnownAuthority, Certificate), RootError> {
        let certify = &planned.certify;
        let below = Subordinate {
            id: certify.authority.clone(),
            kind: certify.kind,
            subject: planned.subject.clone(),
            public_key: planned.public_key.clone(),
            serial: self.serial(),
            not_before: planned.not_before,
            not_after: planned.not_after,
            epoch: certify.epoch,
        };
        let root = self.authority.certificate();
        let spec = subordinate_spec(root, self.authority.id(), &below, &self.locations)
            .map_err(RootError::Hierarchy)?;
        let tbs = spec.tbs_der().map_err(RootError::Encode)?;
        let to_be_signed = ToBeSigned::new(self.authority.identity(), tbs);
        let whole = to_be_signed.with_throwaway_signature().unwrap_or_default();
        let findings = crate::lint::hierarchy_findings(&whole, root);
        if !findings.is_empty() {
            let (authority, findings) = (below.id.to_string(), findings.join("; "));
            return Err(RootError::Lint { authority, findings });
        }
        let der = to_be_signed
            .sign(&self.signer, AttemptPurpose::Certificate, below.id.as_str(), None)
            .await
            .map_err(RootError::Sign)?;
        let certificate = Certificate::from_der(&der)
            .map_err(|source| RootError::Sign(FinishError::ReadBack(source)))?;
        let standby = certify.standby.as_ref();
        let known = KnownAuthority {
            authority: below.id,
            issuer: certify.issuer.clone(),
            kind: certify.kind,
            certificate: certificate.to_pem(),
            epoch: certify.epoch,
            replaces: standby.map(|standby| standby.replaces.clone()),
            credential: standby.and_then(|standby| standby.credential.clone()),
        };
        Ok((known, certificate))
    }

    async fn partition(
        &self,
        partition: &Partition,
        plan: &CeremonyPlan,
        certified: &[(KnownAuthority, Certificate)],
        custodians: &PreparedCustodians,
    ) -> Result<SignedPartition, RootError> {
        let authority = partition.authority.as_ref();
        let certificate = authority.and_then(|id| self.known(id, certified));
        let revoked = partition.revoked.as_ref().zip(certificate.as_ref());
        let entries: Vec<RevokedEntry> =
            revoked.into_iter().map(|(revoke, certificate)| entry(revoke, certificate)).collect();
        let routine = self.list(&partition.routine, entries).await?;
        let list = RootList {
            scope: partition.scope.clone(),
            uri: partition.routine.uri.clone(),
            number: partition.routine.number.to_u64().unwrap_or(u64::MAX),
            der: STANDARD.encode(routine.der()),
        };
        let (Some(escrow), Some(id), Some(certificate)) =
            (&partition.escrow, authority, certificate)
        else {
            return Ok(SignedPartition { list, kit: None });
        };
        let compromised = RevokedEntry {
            serial: certificate.serial().clone(),
            revoked_at: escrow.this_update,
            reason: Some(Reason::CaCompromise),
            invalidity_date: None,
        };
        let sealed = self.list(escrow, vec![compromised]).await?;
        let release = Release {
            root: self.certificate(),
            authority: &certificate,
            published: Some(&routine),
            floor: None,
            now: plan.at,
        };
        check_escrow(sealed.der(), &release).map_err(RootError::Escrow)?;
        let facts = self.kit_facts(plan, id, partition.standby.as_ref(), escrow, &sealed);
        let facts =
            KitFacts { custodians: custodians.names().map(str::to_owned).collect(), ..facts };
        let credential = match &partition.standby {
            Some(standby) => self.credential(standby, certified)?,
            None => None,
        };
        let kit = KitFile::seal(facts, sealed.der(), credential.as_ref(), custodians)
            .map_err(RootError::Kit)?;
        Ok(SignedPartition { list, kit: Some(kit) })
    }

    fn kit_facts(
        &self,
        plan: &CeremonyPlan,
        authority: &AuthorityId,
        standby: Option<&AuthorityId>,
        escrow: &ListPlan,
        sealed: &Crl,
    ) -> KitFacts {
        KitFacts {
            id: format!("kit-{}-{authority}", plan.number),
            domain: self.info.config.domain.clone(),
            ceremony: plan.number,
            created_at_ms: plan.at.as_millis(),
            authority: authority.clone(),
            standby: standby.cloned(),
            custodians: Vec::new(),
            escrow: EscrowFacts {
                uri: escrow.uri.clone(),
                number: escrow.number.to_u64().unwrap_or(u64::MAX),
                this_update_ms: escrow.this_update.as_millis(),
                next_update_ms: escrow.next_update.truncated_to_secs().as_millis(),
                sha256: Fingerprint::of(sealed.der()).to_string(),
            },
        }
    }

    pub(super) async fn list(
        &self,
        plan: &ListPlan,
        entries: Vec<RevokedEntry>,
    ) -> Result<Crl, RootError> {
        let list =
            small_list(self.authority.identity(), plan, entries).map_err(RootError::Encode)?;
        let der = list
            .sign(&self.signer, AttemptPurpose::Crl, plan.subject(), None)
            .await
            .map_err(RootError::Sign)?;
        Crl::from_der(&der).map_err(|source| RootError::Sign(FinishError::ReadBack(source)))
    }

    async fn anchors(
        &self,
        plan: &CeremonyPlan,
        options: &SignOptions<'_>,
    ) -> Result<Option<SignedAnchors>, RootError> {
        let Some(text_of) = options.anchors else { return Ok(None) };
        let body = text_of(&AnchorsInput {
            domain: plan.domain.clone(),
            ceremony: plan.number,
            root: self.certificate().clone(),
        });
        let message = [ANCHORS_CONTEXT, body.as_bytes()].concat();
        let subject = format!("anchors of ceremony {}", plan.number);
        let made = self.sign_message(AttemptPurpose::TrustPackage, subject, &message).await?;
        Ok(Some(SignedAnchors { body, signature: STANDARD.encode(made.signature) }))
    }

    async fn respond(&self, body: &ResponseBody) -> Result<Response, RootError> {
        let message = body.signing_input().map_err(RootError::Document)?;
        let subject = format!("response to {}", body.request);
        let made = self.sign_message(AttemptPurpose::Control, subject, &message).await?;
        let response = Response::assemble(body, self.certificate(), &made.signature)
            .map_err(RootError::Document)?;
        let folder = self.dir.join(RESPONSES);
        let path = folder.join(format!("{}.json", body.ceremony));
        std::fs::create_dir_all(&folder)
            .map_err(|source| RootError::Storage { path: folder, source })?;
        let text = response.to_json().map_err(RootError::Document)?;
        store(&path, text.as_bytes())?;
        Ok(response)
    }

    async fn sign_message(
        &self,
        purpose: AttemptPurpose,
        subject: String,
        message: &[u8],
    ) -> Result<Signed, RootError> {
        let identity = self.authority.identity();
        let request = SignatureRequest {
            authority: identity.id.clone(),
            key: identity.key.clone(),
            purpose,
            subject,
            algorithm: identity.signature_algorithm(),
            incident: None,
        };
        let made = self.signer.ask_and_sign(request, ToSign::Message(message)).await;
        made.map_err(|source| RootError::Sign(FinishError::Sign(source)))
    }

    fn known(
        &self,
        id: &AuthorityId,
        certified: &[(KnownAuthority, Certificate)],
    ) -> Option<Certificate> {
        let new = certified.iter().find(|(known, _)| known.authority == *id);
        let new = new.map(|(_, certificate)| certificate.clone());
        new.or_else(|| self.state.authorities.get(id)?.certificate())
    }

    fn credential(
        &self,
        standby: &AuthorityId,
        certified: &[(KnownAuthority, Certificate)],
    ) -> Result<Option<Credential>, RootError> {
        let new = certified.iter().map(|(known, _)| known).find(|one| one.authority == *standby);
        let known = new.or_else(|| self.state.authorities.get(standby));
        let Some(envelope) = known.and_then(|known| known.credential.as_ref()) else {
            return Ok(None);
        };
        let damaged = || RootError::Damaged("a standby's credential does not open");
        let plain =
            self.opening.open(envelope, standby.as_str().as_bytes()).map_err(|_| damaged())?;
        let text = std::str::from_utf8(&plain).map_err(|_| damaged())?;
        Ok(Some(Credential::from_text(text)))
    }
}

fn certified_authority(known: &KnownAuthority) -> CertifiedAuthority {
    CertifiedAuthority {
        authority: known.authority.clone(),
        issuer: known.issuer.clone(),
        kind: known.kind,
        certificate: known.certificate.clone(),
    }
}

fn entry(revoke: &Revoke, certificate: &Certificate) -> RevokedEntry {
    let time = skink_model::Time::from_millis;
    RevokedEntry {
        serial: certificate.serial().clone(),
        revoked_at: time(revoke.revoked_at_ms),
        // The plan has seen that it is one.
        reason: revoke.reason.parse().ok(),
        invalidity_date: revoke.suspected_since_ms.map(time),
    }
}

fn held(
    plan: &CeremonyPlan,
    body: &ResponseBody,
    response: &Response,
    certified: Vec<(KnownAuthority, Certificate)>,
) -> Event {
    Event::Held {
        ceremony: plan.number,
        request: plan.request.clone(),
        request_digest: plan.request_digest.to_string(),
        response_digest: response.digest().to_string(),
        requester: digest_text(&plan.requester),
        at_ms: plan.at.as_millis(),
        head: body.root_head.clone(),
        certified: certified.into_iter().map(|(known, _)| known).collect(),
        revoked: plan.revoke.clone(),
        journal_head: plan.journal_head.clone(),
    }
}
