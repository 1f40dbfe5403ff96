//! What attackers work with: the fleet, the thief, what he prepared, and where it is counted.

use std::collections::HashMap;

use rustls::pki_types::CertificateDer;
use skink_x509::Certificate;
use skink_x509::crl::Crl;

use crate::DrillError;
use crate::attack::scoreboard::Scoreboard;
use crate::fleet::Fleet;
use crate::thief::forge::{Identity, Thief};
use crate::thief::status;

/// The scene of the attacks.
pub(crate) struct Battlefield {
    pub(crate) fleet: Fleet,
    pub(crate) thief: Thief,
    pub(crate) scoreboard: Scoreboard,
    /// The thief's CRL for the stolen authority: no entries, number 2^150.
    pub(crate) empty_crl: Crl,
    /// The stolen key certified by the partner's root, with a compressed point.
    pub(crate) cross_certificate: Vec<u8>,
    /// Certificates of the fleet from before the incident, by DNS name.
    pub(crate) legitimate: HashMap<String, Certificate>,
}

impl Battlefield {
    /// The certificate that a twin copies.
    pub(crate) fn legitimate(&self, name: &str) -> Result<&Certificate, DrillError> {
        self.legitimate.get(name).ok_or_else(|| DrillError::Thief {
            what: "copying a certificate",
            reason: format!("{name} has none"),
        })
    }

    /// An OCSP response that says `good` of the forged leaf, by a responder of the thief's own.
    pub(crate) fn forged_staple(&self, identity: &Identity) -> Result<Vec<u8>, DrillError> {
        let leaf = identity.chain.first().map(CertificateDer::as_ref).unwrap_or_default();
        let leaf = Certificate::from_der(leaf)
            .map_err(|error| DrillError::Thief { what: "stapling", reason: error.to_string() })?;
        status::good_response(&self.thief, &leaf)
    }
}
