//! What a CRL speaks about.

use der::{Decode as _, Encode as _};
use skink_x509::crl::{Crl, CrlNumber};
use skink_x509::{Certificate, Name, ObjectIdentifier, oid};
use x509_cert::ext::pkix::crl::dp::{IssuingDistributionPoint, ReasonFlags};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};

use crate::distinguished::Canonical;

/// A set of reasons, by their bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reasons(u16);

impl Reasons {
    pub(super) const NONE: Self = Self(0);
    /// keyCompromise to aACompromise.
    pub(super) const ALL: Self = Self(0x1fe);

    pub(super) fn of(flags: Option<ReasonFlags>) -> Self {
        flags.map_or(Self::ALL, |flags| Self(flags.bits() & Self::ALL.0))
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }
}

/// A name of a distribution point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PointName {
    Directory(Canonical),
    Other(Vec<u8>),
}

/// The names of a distribution point; a relative one stands behind one of the `issuers`.
pub(super) fn point_names(
    name: &DistributionPointName,
    issuers: &[Canonical],
) -> Option<Vec<PointName>> {
    match name {
        DistributionPointName::FullName(names) => names.iter().map(point_name).collect(),
        DistributionPointName::NameRelativeToCRLIssuer(relative) => {
            let relative = relative.to_der().ok()?;
            let content = der::asn1::AnyRef::from_der(&relative).ok()?.value();
            let whole = |issuer: &Canonical| issuer.with_relative(content);
            issuers.iter().map(|issuer| whole(issuer).map(PointName::Directory)).collect()
        }
    }
}

fn point_name(name: &GeneralName) -> Option<PointName> {
    match name {
        GeneralName::DirectoryName(name) => directory(name).map(PointName::Directory),
        other => other.to_der().ok().map(PointName::Other),
    }
}

pub(super) fn directory(name: &x509_cert::name::Name) -> Option<Canonical> {
    Some(Canonical::of(&Name::from_der(&name.to_der().ok()?).ok()?))
}

/// Why a list decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strange {
    /// Its issuing distribution point cannot be read.
    Point,
    /// Its delta indicator cannot be read.
    Delta,
    /// It has a critical extension that is not understood.
    Extension(ObjectIdentifier),
    /// One of its entries has.
    Entry(ObjectIdentifier),
}

/// The scope of a CRL: lists of one issuer and scope replace each other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the extension is made of them")]
pub(crate) struct Scope {
    pub(super) names: Option<Vec<PointName>>,
    only_users: bool,
    only_authorities: bool,
    only_attributes: bool,
    pub(super) reasons: Reasons,
    pub(super) indirect: bool,
    /// The key identifier that the list names: a delta must name the same (§6.3.3 (c)(3)).
    pub(super) key_id: Option<Vec<u8>>,
    /// For a delta, the number from which on it says what changed.
    pub(super) delta_base: Option<CrlNumber>,
}

impl Scope {
    /// The scope, or why the list decides nothing.
    pub(crate) fn of(crl: &Crl) -> Result<Self, Strange> {
        let mut scope = Self {
            names: None,
            only_users: false,
            only_authorities: false,
            only_attributes: false,
            reasons: Reasons::ALL,
            indirect: false,
            key_id: crl.authority_key_id().map(<[u8]>::to_vec),
            delta_base: None,
        };
        for extension in crl.extensions() {
            match extension.oid {
                oid::ISSUING_DISTRIBUTION_POINT => scope.read(crl, &extension.value)?,
                oid::DELTA_CRL_INDICATOR => {
                    let number = der::asn1::UintRef::from_der(&extension.value).ok();
                    let number = number.and_then(|it| CrlNumber::from_be_bytes(it.as_bytes()).ok());
                    scope.delta_base = Some(number.ok_or(Strange::Delta)?);
                }
                _ => {}
            }
        }
        let known = |oid| {
            oid == oid::DELTA_CRL_INDICATOR || oid == oid::CERTIFICATE_ISSUER && scope.indirect
        };
        let mut unknown = crl.unknown_critical_extensions().iter().filter(|oid| !known(**oid));
        if let Some(oid) = unknown.next() {
            let of_entry = crl.unknown_critical_entry_extensions().contains(oid);
            return Err(if of_entry { Strange::Entry(*oid) } else { Strange::Extension(*oid) });
        }
        Ok(scope)
    }

    fn read(&mut self, crl: &Crl, value: &[u8]) -> Result<(), Strange> {
        const BAD: Strange = Strange::Point;
        let point = IssuingDistributionPoint::from_der(value).map_err(|_| BAD)?;
        if let Some(name) = &point.distribution_point {
            self.names = Some(point_names(name, &[Canonical::of(crl.issuer())]).ok_or(BAD)?);
        }
        self.only_users = point.only_contains_user_certs;
        self.only_authorities = point.only_contains_ca_certs;
        self.only_attributes = point.only_contains_attribute_certs;
        self.reasons = Reasons::of(point.only_some_reasons);
        self.indirect = point.indirect_crl;
        Ok(())
    }

    /// Whether the list can hold this kind of certificate (§6.3.3 (b)(2)(ii) to (iv)).
    pub(super) fn can_hold(&self, certificate: &Certificate) -> bool {
        let is_authority = certificate.is_ca();
        let kind = if is_authority { !self.only_users } else { !self.only_authorities };
        kind && !self.only_attributes
    }

    /// What a list that does not serve a certificate is about, and where that is ruled.
    pub(super) fn misses(&self, certificate: &Certificate) -> (&'static str, &'static str) {
        match certificate.is_ca() {
            _ if self.only_attributes => ("RFC 5280 §6.3.3 (b)(2)(iv)", "attribute certificates"),
            true if self.only_users => ("RFC 5280 §6.3.3 (b)(2)(ii)", "end entities only"),
            false if self.only_authorities => ("RFC 5280 §6.3.3 (b)(2)(iii)", "authorities only"),
            _ => ("RFC 5280 §6.3.3 (b)(2)(i)", "the certificates of other distribution points"),
        }
    }

    /// Whether two complete lists of one issuer replace each other, whatever key they name.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Self { key_id: None, ..self.clone() } == Self { key_id: None, ..other.clone() }
    }

    /// Whether a delta changes lists of this scope.
    pub(super) fn is_changed_by(&self, delta: &Self) -> bool {
        Self { delta_base: None, ..delta.clone() } == *self
    }
}
