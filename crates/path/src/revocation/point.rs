//! Where a certificate says that CRLs about it are.

use der::Decode as _;
use skink_x509::{Certificate, oid};
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::GeneralName;

use super::scope::{PointName, Reasons, directory, point_names};
use crate::distinguished::Canonical;
use crate::world::List;

/// A distribution point of a certificate.
pub(super) struct Point {
    names: Option<Vec<PointName>>,
    pub(super) reasons: Reasons,
    issuers: Vec<Canonical>,
}

impl Point {
    /// The points in the certificate, and last the one that every certificate has: its issuer's
    /// (§6.3.3, last paragraph). None when the extension cannot be read.
    pub(super) fn all(certificate: &Certificate, issuer: &Canonical) -> Option<Vec<Self>> {
        let mut points = Vec::new();
        if let Some(extension) = certificate.extension(oid::CRL_DISTRIBUTION_POINTS) {
            for point in Vec::<DistributionPoint>::from_der(&extension.value).ok()? {
                points.push(Self::read(&point, issuer)?);
            }
        }
        let own = PointName::Directory(issuer.clone());
        points.push(Self { names: Some(vec![own]), reasons: Reasons::ALL, issuers: Vec::new() });
        Some(points)
    }

    fn read(point: &DistributionPoint, issuer: &Canonical) -> Option<Self> {
        let named = point.crl_issuer.iter().flatten();
        let issuers: Option<Vec<_>> = named
            .filter_map(|name| match name {
                GeneralName::DirectoryName(name) => Some(directory(name)),
                _ => None,
            })
            .collect();
        let issuers = issuers?;
        if point.crl_issuer.is_some() && issuers.is_empty() {
            return None;
        }
        let above = if issuers.is_empty() { std::slice::from_ref(issuer) } else { &issuers[..] };
        let full = match &point.distribution_point {
            Some(name) => Some(point_names(name, above)?),
            None => None,
        };
        Some(Self { names: full, reasons: Reasons::of(point.reasons), issuers })
    }

    /// Whether a list speaks about the certificate at this point (§6.3.3 (b)).
    pub(super) fn is_served_by(
        &self,
        list: &List<'_>,
        certificate: &Certificate,
        issuer: &Canonical,
    ) -> bool {
        let Ok(scope) = &list.scope else { return false };
        let from_right_issuer = if self.issuers.is_empty() {
            list.issuer == *issuer
        } else {
            scope.indirect && self.issuers.contains(&list.issuer)
        };
        from_right_issuer && scope.can_hold(certificate) && self.names_match(scope.names.as_deref())
    }

    fn names_match(&self, list: Option<&[PointName]>) -> bool {
        let Some(list) = list else { return true };
        match &self.names {
            Some(names) => names.iter().any(|name| list.contains(name)),
            None => self.issuers.iter().any(|issuer| {
                list.iter().any(|name| matches!(name, PointName::Directory(it) if it == issuer))
            }),
        }
    }
}
