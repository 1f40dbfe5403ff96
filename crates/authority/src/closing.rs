//! The closing set: everything that an authority's key will ever have to sign again, planned
//! together so that the parts fit.

use std::time::Duration;

use skink_model::Time;
use skink_x509::crl::CrlNumber;

use crate::identity::SigningAuthority;
use crate::list::ListPlan;
use crate::locations::Locations;
use crate::profile::LONGEST_LIFETIME;

/// When the parts of a closing set speak, and under which numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosingPlan {
    /// Today's revocations; carries honest readers through the transition.
    pub transition: ListPlan,
    /// Everything ever issued; sealed until the authority is revoked.
    pub final_list: ListPlan,
    /// Until when the responder's certificate has to be valid: it outlives both lists, as far as
    /// its own limit and the authority's certificate let it.
    pub responder_until: Time,
}

/// What the plan depends on.
#[derive(Clone, Debug)]
pub struct Closing<'a> {
    /// The authority whose key is to be disabled.
    pub authority: &'a SigningAuthority,
    /// Where its lists are found.
    pub locations: &'a Locations,
    /// The present instant.
    pub now: Time,
    /// The first of two reserved numbers: above everything published and everything that readers
    /// have reported.
    pub first_number: CrlNumber,
    /// The last deadline of the incident's plan.
    pub last_deadline: Time,
    /// The last instant at which anything that the authority issued is valid.
    pub last_not_after: Time,
    /// When the newest list so far was said; the transition list is newer.
    pub last_this_update: Option<Time>,
}

/// Why no closing set can be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClosingError {
    /// No number is left above the first.
    #[error("no list number is left above {0}")]
    NoNumber(CrlNumber),
    /// The newest list is from the future: the clock is behind.
    #[error("the newest list is of {newest}, which is not before {now}: the clock is behind")]
    ClockBehind {
        /// The newest list's time.
        newest: Time,
        /// The present instant.
        now: Time,
    },
}

/// For slow clocks.
const BACKDATE: Duration = Duration::from_mins(5);
/// Past every deadline, so that lateness is no outage.
const SLACK: Duration = Duration::from_hours(7 * 24);
/// Past the last certificate; little, so that the responder's certificate can be longer still.
const FINAL_SLACK: Duration = Duration::from_hours(12);

impl Closing<'_> {
    /// Plans the set.
    ///
    /// The transition list speaks past every deadline of the plan, for a list that expires makes
    /// servers refuse everything. The final list is later and has the higher number, so that it
    /// wins for readers that go by either; it speaks past the last certificate.
    pub fn plan(&self) -> Result<ClosingPlan, ClosingError> {
        let uri = self.locations.crl(self.authority.id(), 0);
        let no_number = |_| ClosingError::NoNumber(self.first_number.clone());
        let second = self.first_number.successor().map_err(no_number)?;
        let this_update = self.this_update()?;
        let transition = ListPlan {
            uri: uri.clone(),
            number: self.first_number.clone(),
            this_update,
            next_update: self.last_deadline.max(self.now).plus(SLACK).truncated_to_secs(),
        };
        let until = self.last_not_after.max(transition.next_update).plus(FINAL_SLACK);
        let final_list = ListPlan {
            uri,
            number: second,
            this_update: this_update.plus(Duration::from_secs(1)),
            next_update: until.truncated_to_secs(),
        };
        let longest =
            self.now.truncated_to_secs().minus(BACKDATE).plus(LONGEST_LIFETIME.duration());
        let responder_until = final_list
            .next_update
            .plus(Duration::from_secs(1))
            .min(longest)
            .min(self.authority.certificate().not_after());
        Ok(ClosingPlan { transition, final_list, responder_until })
    }

    /// Five minutes back where that is still newer than the newest list.
    fn this_update(&self) -> Result<Time, ClosingError> {
        let now = self.now.truncated_to_secs();
        let back_dated = now.minus(BACKDATE);
        let Some(newest) = self.last_this_update else { return Ok(back_dated) };
        let next = newest.truncated_to_secs().plus(Duration::from_secs(1)).max(back_dated);
        if next > now.plus(Duration::from_secs(1)) {
            return Err(ClosingError::ClockBehind { newest, now: self.now });
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, NOW, plus_days};

    #[tokio::test]
    async fn the_parts_outlive_each_other_and_outrank_what_was_before() {
        let pki = Fixture::new().await;
        let closing = Closing {
            authority: &pki.issuer,
            locations: &pki.locations,
            now: NOW,
            first_number: CrlNumber::from_u64(41),
            last_deadline: plus_days(1),
            last_not_after: plus_days(30),
            last_this_update: Some(NOW.minus(Duration::from_mins(1))),
        };
        let plan = closing.plan().unwrap();
        assert!(plan.transition.this_update > NOW.minus(Duration::from_mins(1)));
        assert!(plan.transition.next_update > plus_days(1));
        assert!(plan.final_list.this_update > plan.transition.this_update);
        assert!(plan.final_list.number > plan.transition.number);
        assert!(plan.final_list.next_update > plus_days(30));
        assert!(plan.responder_until > plan.final_list.next_update);

        let quiet = Closing { last_this_update: None, ..closing.clone() }.plan().unwrap();
        assert_eq!(quiet.transition.this_update, NOW.minus(BACKDATE));
        let behind = Closing { last_this_update: Some(plus_days(1)), ..closing };
        assert!(matches!(behind.plan(), Err(ClosingError::ClockBehind { .. })));
    }
}
