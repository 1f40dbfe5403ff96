//! Distribution points: where a certificate's revocation stands, and what a CRL speaks about.

use der::Decode as _;
use skink_x509::crl::Crl;
use skink_x509::{Certificate, oid};
use x509_cert::ext::pkix::CrlDistributionPoints;
use x509_cert::ext::pkix::crl::IssuingDistributionPoint;
use x509_cert::ext::pkix::crl::dp::{DistributionPoint, ReasonFlags};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};

use crate::distinguished::Distinguished;

/// A set of revocation reasons.
pub(super) type Reasons = u16;

/// Every reason, keyCompromise to aACompromise. An unspecified reason belongs to each set.
pub(super) const ALL_REASONS: Reasons = 0b1_1111_1110;

/// One distribution point of a certificate.
#[derive(Debug)]
pub(super) struct Point {
    names: Vec<PointName>,
    reasons: Reasons,
    /// Who signs the CRL; the certificate's issuer where there is none.
    issuers: Vec<Distinguished>,
}

/// The scope of a CRL (RFC 5280 §5.2.5).
#[derive(Debug, Default)]
pub(super) struct Scope {
    names: Option<Vec<PointName>>,
    kinds: Kinds,
    reasons: Option<Reasons>,
    pub(super) indirect: bool,
}

#[derive(Debug, Default)]
struct Kinds {
    only_users: bool,
    only_authorities: bool,
    only_attributes: bool,
}

#[derive(Debug, PartialEq)]
enum PointName {
    Directory(Distinguished),
    Other(GeneralName),
}

impl Point {
    /// The distribution points of a certificate, and behind them the one that every issuer has
    /// (§6.3.3, last paragraph). Points that cannot be read are none.
    pub(super) fn all_of(certificate: &Certificate, issuer: &Distinguished) -> Vec<Self> {
        let said = certificate
            .extension(oid::CRL_DISTRIBUTION_POINTS)
            .and_then(|extension| CrlDistributionPoints::from_der(&extension.value).ok());
        let own = said.map(|said| said.0).unwrap_or_default();
        let issuers = Self {
            names: vec![PointName::Directory(issuer.clone())],
            reasons: ALL_REASONS,
            issuers: Vec::new(),
        };
        own.iter().map(|point| Self::read(point, issuer)).chain([issuers]).collect()
    }

    fn read(point: &DistributionPoint, certificate_issuer: &Distinguished) -> Self {
        let issuers: Vec<Distinguished> =
            point.crl_issuer.iter().flatten().filter_map(directory).collect();
        let names = match &point.distribution_point {
            Some(name) => names(name, issuers.first().unwrap_or(certificate_issuer)),
            None => issuers.iter().cloned().map(PointName::Directory).collect(),
        };
        Self { names, reasons: mask(point.reasons), issuers }
    }

    /// The reasons for which a CRL with that issuer and scope speaks about the certificate, where
    /// it does (§6.3.3 (b) and (d)).
    pub(super) fn covered_by(
        &self,
        crl_issuer: &Distinguished,
        scope: &Scope,
        certificate: &Certificate,
        issuer: &Distinguished,
    ) -> Option<Reasons> {
        let signer_fits = if self.issuers.is_empty() {
            crl_issuer == issuer
        } else {
            scope.indirect && self.issuers.contains(crl_issuer)
        };
        let name_fits = scope
            .names
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| self.names.contains(name)));
        let fits = signer_fits && name_fits && scope.kinds.hold(certificate);
        fits.then(|| self.reasons & scope.reasons.unwrap_or(ALL_REASONS))
    }
}

impl Scope {
    /// The scope of a CRL; none where it cannot be read.
    pub(super) fn of(crl: &Crl, crl_issuer: &Distinguished) -> Option<Self> {
        let mut extensions = crl.extensions().iter();
        let Some(extension) = extensions.find(|one| one.oid == oid::ISSUING_DISTRIBUTION_POINT)
        else {
            return Some(Self::default());
        };
        let point = IssuingDistributionPoint::from_der(&extension.value).ok()?;
        Some(Self {
            names: point.distribution_point.as_ref().map(|name| names(name, crl_issuer)),
            kinds: Kinds {
                only_users: point.only_contains_user_certs,
                only_authorities: point.only_contains_ca_certs,
                only_attributes: point.only_contains_attribute_certs,
            },
            reasons: point.only_some_reasons.map(|reasons| mask(Some(reasons))),
            indirect: point.indirect_crl,
        })
    }

    /// Whether it leaves reasons out.
    pub(super) fn is_partial(&self) -> bool {
        self.reasons.is_some()
    }
}

impl Kinds {
    fn hold(&self, certificate: &Certificate) -> bool {
        let left_out = if certificate.is_ca() { self.only_users } else { self.only_authorities };
        !left_out && !self.only_attributes
    }
}

fn mask(reasons: Option<ReasonFlags>) -> Reasons {
    reasons.map_or(ALL_REASONS, |reasons| reasons.bits() & ALL_REASONS)
}

fn names(name: &DistributionPointName, relative_to: &Distinguished) -> Vec<PointName> {
    match name {
        DistributionPointName::FullName(names) => names
            .iter()
            .map(|name| match directory(name) {
                Some(name) => PointName::Directory(name),
                None => PointName::Other(name.clone()),
            })
            .collect(),
        DistributionPointName::NameRelativeToCRLIssuer(rdn) => {
            vec![PointName::Directory(relative_to.below(rdn))]
        }
    }
}

fn directory(name: &GeneralName) -> Option<Distinguished> {
    match name {
        GeneralName::DirectoryName(name) => Some(Distinguished::from_rdns(name.as_ref())),
        _ => None,
    }
}
