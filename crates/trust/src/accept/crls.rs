//! The CRLs of a package.

use std::sync::Arc;

use skink_x509::Certificate;
use skink_x509::crl::Crl;

use super::{Judged, Overruled, check_size};
use crate::held::scope_of;
use crate::{CrlEntry, HeldCrl, Limits, Manifest, Refusal, Status};

impl Judged {
    /// Takes the package's CRLs, but keeps a root's that outranks the one in the package.
    pub(super) fn crls(
        &mut self,
        status: &Status,
        manifest: &Manifest,
        roots: &[Certificate],
        find: impl Fn(&CrlEntry) -> Result<Arc<[u8]>, Refusal>,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        for entry in &status.crls {
            if self.crls.iter().any(|known| known.scope == entry.scope) {
                return Err(Refusal::Twice(format!("the scope {}", entry.scope)));
            }
            let part = find(entry)?;
            check_size("CRL", part.len(), limits.part)?;
            let offered = self.read_crl(entry, &part, roots)?;
            let next_update = offered.crl.next_update();
            if next_update.is_none_or(|due| due <= manifest.not_after()) {
                let next_update = next_update.unwrap_or(offered.crl.this_update());
                return Err(Refusal::OutlivesCrl { scope: offered.scope, next_update });
            }
            let taken = self.outranked_by_held(offered);
            self.crls.push(taken);
        }
        self.keep_forgotten();
        Ok(())
    }

    fn read_crl(
        &self,
        entry: &CrlEntry,
        part: &[u8],
        roots: &[Certificate],
    ) -> Result<HeldCrl, Refusal> {
        let scope = entry.scope.clone();
        let refuse = |reason| Refusal::BadCrl { scope: scope.clone(), reason };
        let crl = Crl::from_der(part).map_err(|_| refuse("cannot be read"))?;
        let by_root = roots.iter().any(|root| is_issued_by(&crl, root));
        if !crl.unknown_critical_extensions().is_empty() {
            return Err(refuse("has a critical extension that is not known"));
        }
        match crl.issuing_distribution_point() {
            Some(point) if point.indirect || point.only_some_reasons || point.unreadable_name => {
                return Err(refuse("is indirect or partial"));
            }
            Some(point) if !point.uris.iter().any(|uri| scope_of(uri) == Some(&entry.scope)) => {
                return Err(refuse("is of another distribution point"));
            }
            None if by_root => return Err(refuse("is the root's and names no partition")),
            _ => {}
        }
        if !by_root {
            let own = |id: &str| entry.scope.starts_with(&format!("/crl/{id}/"));
            let issuer = self
                .authorities
                .iter()
                .find(|authority| own(&authority.id) && is_issued_by(&crl, &authority.certificate));
            issuer.ok_or_else(|| refuse("is not signed by the authority of its scope"))?;
        }
        Ok(HeldCrl { scope, digest: entry.digest, crl, by_root })
    }

    fn outranked_by_held(&mut self, offered: HeldCrl) -> HeldCrl {
        let floor = self.held_crls.iter().find(|held| held.by_root && held.scope == offered.scope);
        match floor {
            Some(held) if !outranks(&offered, held) => {
                self.overruled.push(Overruled::Crl { scope: offered.scope });
                held.clone()
            }
            _ => offered,
        }
    }

    fn keep_forgotten(&mut self) {
        for held in self.held_crls.iter().filter(|held| held.by_root) {
            if self.crls.iter().all(|crl| crl.scope != held.scope) {
                self.overruled.push(Overruled::Crl { scope: held.scope.clone() });
                self.crls.push(held.clone());
            }
        }
    }
}

/// A higher number, or the very same list.
fn outranks(offered: &HeldCrl, held: &HeldCrl) -> bool {
    offered.digest == held.digest || offered.crl.number() > held.crl.number()
}

fn is_issued_by(crl: &Crl, issuer: &Certificate) -> bool {
    crl.issuer() == issuer.subject() && crl.verify_signed_by(issuer.public_key()).is_ok()
}
