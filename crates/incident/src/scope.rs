//! What an incident is about, in numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use skink_model::{AuthorityId, Time, wire};

use crate::forecast::Forecast;

/// What triage found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Valid certificates of the authority.
    pub certificates: u64,
    /// The same by profile.
    pub by_profile: BTreeMap<String, u64>,
    /// The same by owner.
    pub by_owner: BTreeMap<String, u64>,
    /// The same by channel.
    pub by_channel: BTreeMap<String, u64>,
    /// Endpoints by criticality.
    pub by_criticality: BTreeMap<String, u64>,
    /// Managed endpoints that hold a certificate of the authority.
    pub endpoints: u32,
    /// Managed relying parties by distrust mechanism.
    pub relying_parties: BTreeMap<String, u64>,
    /// Relying parties that no agent tends.
    pub unmanaged: Vec<Unmanaged>,
    /// Relying parties that cannot distrust an intermediate: they need the root replaced.
    pub needs_root_replaced: Vec<String>,
    /// Endpoints whose peers refuse them when revocation comes before the transition.
    pub breaks_if_immediate: u64,
    /// Endpoints whose peers refuse them when revocation comes after the transition.
    pub breaks_if_cutover: u64,
    /// Until when readers that cache a CRL believe the one they have.
    #[serde(with = "wire::millis_option", default)]
    pub cached_crl_until: Option<Time>,
    /// Certificates that expire before the forecast finish.
    pub expire_before_finish: u64,
    /// The standby that the recovery kit holds.
    pub standby: Option<AuthorityId>,
    /// The kit's age in days.
    pub kit_age_days: Option<u64>,
    /// How long it will take.
    pub forecast: Forecast,
}

impl Scope {
    /// How many managed relying parties there are.
    pub fn managed(&self) -> u64 {
        self.relying_parties.values().sum()
    }
}

/// A relying party for which a person must act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmanaged {
    /// Its name.
    pub name: String,
    /// Who must act.
    pub owner: String,
}
