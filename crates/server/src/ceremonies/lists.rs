//! What becomes of the root's lists that a response brings.
//!
//! A response may be older than an incident: its request was made on a quiet day. What it says of
//! a generation that was tainted since then would take the revocation back, so that list is passed
//! over, and the rest of the response is taken in: without it the root would hold no further
//! ceremony. A list that revokes is the other way round: it is distrust for everybody who goes by
//! the parent's lists, so it waits for its incident's step.

use serde_json::json;
use skink_model::{
    Authority, AuthorityId, AuthorityState, CrlFacts, CrlKind, CrlRow, IncidentId, Stamp,
};
use skink_store::crls::{self, NewCrl};
use skink_store::{Reader, Tx, audit, authorities, incidents, journal, sightings};
use skink_x509::crl::Crl;
use skink_x509::{Certificate, Serial};

use crate::crl;
use crate::failure::{Failure, Result};

/// A list that the root signed.
#[derive(Debug)]
pub(crate) struct RootList {
    /// Its scope: `root/workloads-g1`.
    pub(crate) scope: String,
    /// Its number.
    pub(crate) number: u64,
    /// What is kept of it.
    pub(crate) facts: CrlFacts,
    /// The list.
    pub(crate) crl: Crl,
}

/// What became of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is out.
    Published,
    /// It revokes, and waits for its incident's step.
    Waiting,
    /// It would take a revocation back.
    PassedOver,
}

impl RootList {
    /// As people read it.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.scope, self.number)
    }

    pub(crate) fn tell(&self, fate: Fate) {
        let (scope, number) = (&self.scope, self.number);
        match fate {
            Fate::Published => tracing::info!(
                crl.scope = scope,
                crl.number = number,
                "a list of the root was published"
            ),
            Fate::Waiting => tracing::warn!(
                crl.scope = scope,
                crl.number = number,
                "a list of the root revokes, and waits for its incident"
            ),
            Fate::PassedOver => tracing::warn!(
                crl.scope = scope,
                crl.number = number,
                "a list of the root would take a revocation back: it is passed over"
            ),
        }
    }

    /// In the transaction that takes the response in.
    pub(crate) async fn take_in(
        &self,
        tx: &mut Tx<'_>,
        root: &AuthorityId,
        by: &Stamp,
    ) -> Result<Fate> {
        let about = self.about(tx).await?;
        if self.takes_back(tx, root, about.as_ref()).await? {
            let detail = json!({
                "scope": self.scope, "number": self.number, "by": by.actor.to_string(),
            });
            journal::append(tx, journal::SERVER, by.at, "crl.passed-over", &detail).await?;
            audit::record(tx, by, "crl.pass-over", &self.scope, &detail).await?;
            return Ok(Fate::PassedOver);
        }
        let incident = self.incident(tx, about.as_ref()).await?;
        let waits = incident.is_some()
            && about.is_some_and(|authority| authority.state == AuthorityState::Tainted);
        let new = NewCrl {
            scope: self.scope.clone(),
            authority: root.clone(),
            kind: if incident.is_some() { CrlKind::Escrow } else { CrlKind::Routine },
            floor: 0,
            incident,
        };
        let der = self.crl.der();
        crls::import(tx, by.at, &new, self.number, &self.facts, der).await?;
        if waits {
            return Ok(Fate::Waiting);
        }
        crls::publish(tx, by, &self.scope, self.number).await?;
        Ok(Fate::Published)
    }

    /// The authority that the list is about; none for the root's own.
    async fn about(&self, from: &mut impl Reader) -> Result<Option<Authority>> {
        let name = self.scope.strip_prefix(crl::OF_ROOT).unwrap_or_default();
        if name == skink_authority::ceremony::ROOT {
            return Ok(None);
        }
        Ok(Some(authorities::require(from, &crate::authorities::id(name)?).await?))
    }

    /// Whether something is revoked, or is about to be, that this list does not revoke.
    async fn takes_back(
        &self,
        from: &mut impl Reader,
        root: &AuthorityId,
        about: Option<&Authority>,
    ) -> Result<bool> {
        let mut revoked = Vec::new();
        if let Some(authority) = about.filter(|authority| authority.taint.is_some()) {
            revoked.extend(serial(authority)?);
        }
        let said = |row: &CrlRow| {
            let open = row.kind == CrlKind::Escrow && row.signed.is_some();
            row.scope == self.scope && (open || row.published_at.is_some())
        };
        let rows = crls::of_authority(from, root).await?;
        for row in rows.iter().filter(|row| said(row)) {
            let der = crls::der(from, &row.scope, row.number).await?;
            let der = der.ok_or(Failure::Bug("a list without its bytes"))?;
            let list = Crl::from_der(&der).map_err(Failure::Stored)?;
            revoked.extend(list.entries().map(|entry| entry.serial.clone()));
        }
        for seen in sightings::root_lists(from).await?.iter().filter(|one| one.scope == self.scope)
        {
            let list = Crl::from_der(&seen.der).map_err(Failure::Stored)?;
            revoked.extend(list.entries().map(|entry| entry.serial.clone()));
        }
        Ok(revoked.iter().any(|serial| self.crl.find(serial).is_none()))
    }

    /// The incident whose step puts this list out: it revokes that incident's authority.
    async fn incident(
        &self,
        from: &mut impl Reader,
        about: Option<&Authority>,
    ) -> Result<Option<IncidentId>> {
        let Some(authority) = about else { return Ok(None) };
        let revokes = serial(authority)?.is_some_and(|serial| self.crl.find(&serial).is_some());
        if !revokes {
            return Ok(None);
        }
        Ok(incidents::running_for(from, &authority.id).await?.map(|incident| incident.id))
    }
}

fn serial(authority: &Authority) -> Result<Option<Serial>> {
    let Some(certificate) = &authority.certificate else { return Ok(None) };
    let certificate = Certificate::from_pem(&certificate.pem).map_err(Failure::Stored)?;
    Ok(Some(certificate.serial().clone()))
}
