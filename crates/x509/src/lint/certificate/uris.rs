//! CRLs and issuers' certificates come over plain HTTP: a CRL must not need a CRL.

use super::Facts;
use crate::lint::{Rule, Severity, is_plain_http};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "uris",
    severity: Severity::Error,
    section: "RFC 5280 §8",
    check: |facts| {
        let certificate = &facts.certificate;
        let points = certificate.crl_distribution_points();
        let all = points.iter().chain(certificate.ocsp_uris()).chain(certificate.ca_issuers_uris());
        all.filter(|uri| !is_plain_http(uri))
            .map(|uri| format!("{uri:?} is not fetched over plain HTTP"))
            .collect()
    },
};
