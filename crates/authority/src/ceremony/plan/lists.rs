//! Which lists a ceremony signs, under which numbers and times.

use std::collections::BTreeMap;
use std::time::Duration;

use skink_model::{AuthorityId, Time};
use skink_x509::crl::CrlNumber;

use super::{CeremonyPlan, Partition, PlannedCertificate, Planning};
use crate::ceremony::ROOT;
use crate::ceremony::request::Revoke;
use crate::list::ListPlan;

impl Planning<'_> {
    pub(super) fn partitions(
        &self,
        certificates: &[PlannedCertificate],
        revoke: &[Revoke],
        this_update: Time,
    ) -> Vec<Partition> {
        let known = self
            .state
            .authorities
            .values()
            .filter_map(|one| Some((one.authority.clone(), one.certificate()?.not_after())));
        let new = certificates.iter().map(|one| (one.certify.authority.clone(), one.not_after));
        let own = self.partition(None, this_update, None);
        let alive = known.chain(new).filter(|(_, not_after)| *not_after > self.now);
        let others = alive.map(|(authority, not_after)| {
            let fresh = revoke.iter().find(|one| one.authority == authority);
            let revoked = self.state.revoked.get(&authority).or(fresh).cloned();
            let new_standby = certificates
                .iter()
                .rev()
                .find(|one| one.certify.standby.as_ref().is_some_and(|s| s.replaces == authority));
            let standby = new_standby
                .map(|one| one.certify.authority.clone())
                .or_else(|| self.state.standby_for(&authority).map(|one| one.authority.clone()));
            let escrow = revoked.is_none().then_some(not_after);
            let mut partition = self.partition(Some(authority), this_update, escrow);
            if revoked.is_some() {
                // What is revoked never comes back: no later list is needed to say so.
                partition.routine.next_update = partition.routine.next_update.max(not_after);
            }
            partition.standby = standby.filter(|_| revoked.is_none());
            partition.revoked = revoked;
            partition
        });
        std::iter::once(own).chain(others).collect()
    }

    pub(in crate::ceremony) fn partition(
        &self,
        authority: Option<AuthorityId>,
        this_update: Time,
        escrow_until: Option<Time>,
    ) -> Partition {
        let scope = authority.as_ref().map_or_else(|| ROOT.to_owned(), ToString::to_string);
        let uri = authority
            .as_ref()
            .map_or_else(|| self.locations.root_crl(), |id| self.locations.root_partition(id));
        let number = self.state.next(&scope);
        // Beyond the next two ceremonies.
        let interval = self.config.ceremony_interval.duration();
        let next_update = this_update.plus(interval.saturating_mul(2)).plus(interval / 2);
        let routine = ListPlan {
            uri: uri.clone(),
            number: CrlNumber::from_u64(number),
            this_update,
            next_update: next_update.min(self.root.not_after()),
        };
        let escrow = escrow_until.map(|next_update| ListPlan {
            uri,
            number: CrlNumber::from_u64(number + 1),
            this_update: this_update.plus(Duration::from_secs(1)),
            next_update,
        });
        Partition { scope, authority, routine, escrow, revoked: None, standby: None }
    }
}

impl CeremonyPlan {
    /// The first number that this ceremony does not use, of each scope.
    pub(in crate::ceremony) fn next_numbers(&self) -> BTreeMap<String, u64> {
        let next = |partition: &Partition| {
            // Also where no escrow is signed: numbers cost nothing, and gaps mean nothing.
            let number = partition.routine.number.to_u64().unwrap_or(u64::MAX - 2);
            (partition.scope.clone(), number + 2)
        };
        self.partitions.iter().map(next).collect()
    }

    /// The newest time of any list.
    pub(in crate::ceremony) fn newest(&self) -> Time {
        let lists = self.partitions.iter().flat_map(|one| {
            std::iter::once(one.routine.this_update)
                .chain(one.escrow.as_ref().map(|escrow| escrow.this_update))
        });
        lists.max().unwrap_or(self.at)
    }
}
