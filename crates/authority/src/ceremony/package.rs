//! Signing a trust package when the server is lost: with a new key of the next epoch.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use skink_model::{AuthorityId, IssuerName};
use skink_signer::{AttemptPurpose, KeyUri, ToSign};
use skink_x509::crl::CrlNumber;
use skink_x509::{Certificate, KeyAlgorithm};

use super::plan::PlannedCertificate;
use super::request::Certify;
use super::response::RootList;
use super::root::{FILES, OfflineRoot, RootError};
use super::state::Event;
use crate::hierarchy::{AuthorityKind, subject_of};
use crate::identity::SigningIdentity;
use crate::list::ListPlan;
use crate::to_be_signed::FinishError;

/// What stands before the text of a package under the trust key's signature.
pub const PACKAGE_CONTEXT: &[u8] = b"skink-trust-package-v1\n";

/// A key for trust packages that stays with the root.
#[derive(Debug)]
pub struct PackageKey {
    identity: SigningIdentity,
    certificate: Certificate,
    epoch: u64,
    list: RootList,
}

impl PackageKey {
    /// Its certificate, signed by the root.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its epoch: packages of it outrank all earlier ones, whatever their version.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The root's list about it.
    pub const fn list(&self) -> &RootList {
        &self.list
    }
}

impl OfflineRoot {
    /// Certifies a new key for trust packages. Its epoch is above that of every trust key of this
    /// root and above `above`, the newest that relying parties have seen.
    pub async fn new_package_key(&mut self, above: u64) -> Result<PackageKey, RootError> {
        let known = || self.state.authorities.values();
        let epoch = known().filter_map(|one| one.epoch).max().unwrap_or(0).max(above);
        let epoch = epoch.checked_add(1).ok_or(RootError::Damaged("no epoch is left"))?;
        let trust = known().find(|one| one.kind == AuthorityKind::Trust);
        let named = trust.map_or_else(|| "trust".parse(), |one| Ok(one.issuer.clone()));
        let issuer: IssuerName = named.map_err(|_| RootError::Damaged("the trust issuer"))?;
        let id = self.next_generation(&issuer);

        let files = KeyUri::new(FILES, id.as_str())
            .map_err(|_| RootError::Damaged("the trust key's name"))?;
        let provider = self.signer.provider(&files).map_err(not_signed)?;
        let key = provider.create(id.as_str(), KeyAlgorithm::EcP256).await;
        let key = key.map_err(RootError::Key)?;
        let public_key = provider.public_key(&key).await.map_err(RootError::Key)?;
        let planning = self.planning();
        let this_update = planning.this_update().map_err(RootError::Refused)?;
        let planned = PlannedCertificate {
            certify: Certify {
                authority: id.clone(),
                issuer,
                kind: AuthorityKind::Trust,
                csr: String::new(),
                epoch: Some(epoch),
                standby: None,
            },
            subject: subject_of(&self.info.config.domain, &id).map_err(RootError::Hierarchy)?,
            public_key: public_key.clone(),
            not_before: this_update,
            not_after: planning.authority_until(),
        };
        let plan = planning.partition(Some(id.clone()), this_update, None).routine;
        let (known, certificate) = self.certify(&planned).await?;
        let number = plan.number.to_u64().unwrap_or(u64::MAX - 2);
        self.remember(Event::Package {
            authority: known,
            next: number + 2,
            newest: this_update.as_secs(),
        })?;
        let list = self.package_list(&id, &plan, number).await?;
        let subject = certificate.subject().clone();
        let identity = SigningIdentity { id, subject, public_key, key };
        Ok(PackageKey { identity, certificate, epoch, list })
    }

    /// The signature over a package's text, as `trust` puts it into the envelope.
    pub async fn sign_package(&self, key: &PackageKey, body: &str) -> Result<Vec<u8>, RootError> {
        let message = [PACKAGE_CONTEXT, body.as_bytes()].concat();
        let request = skink_signer::SignatureRequest {
            authority: key.identity.id.clone(),
            key: key.identity.key.clone(),
            purpose: AttemptPurpose::TrustPackage,
            subject: format!("package of epoch {}", key.epoch),
            algorithm: key.identity.signature_algorithm(),
            incident: None,
        };
        let made = self.signer.ask_and_sign(request, ToSign::Message(&message)).await;
        made.map(|made| made.signature).map_err(not_signed)
    }

    async fn package_list(
        &self,
        id: &AuthorityId,
        plan: &ListPlan,
        number: u64,
    ) -> Result<RootList, RootError> {
        let plan = ListPlan { number: CrlNumber::from_u64(number), ..plan.clone() };
        let list = self.list(&plan, Vec::new()).await?;
        let der = STANDARD.encode(list.der());
        Ok(RootList { scope: id.to_string(), uri: plan.uri, number, der })
    }

    fn next_generation(&self, issuer: &IssuerName) -> AuthorityId {
        let taken = |id: &AuthorityId| self.state.authorities.contains_key(id);
        let mut generations = (1..u32::MAX).map(|n| AuthorityId::generation(issuer, n));
        let free = generations.find(|id| !taken(id));
        free.unwrap_or_else(|| AuthorityId::generation(issuer, u32::MAX))
    }
}

fn not_signed(source: skink_signer::SignError) -> RootError {
    RootError::Sign(FinishError::Sign(source))
}
