//! Revocation by CRLs (RFC 5280 §6.3).
//!
//! Of the CRLs that speak about a certificate, each scope's current one is the one with the highest
//! number, then the newest. All current ones together must cover every reason for revocation.

mod entry;
mod point;
mod signer;

use der::Decode as _;
use skink_x509::crl::{Crl, CrlNumber, Reason};
use skink_x509::{Certificate, PublicKey, Time, oid};

use self::entry::Entry;
use self::point::{ALL_REASONS, Point, Reasons, Scope};
use crate::budget::{Budget, Spent};
use crate::candidates::Context;
use crate::distinguished::Distinguished;
use crate::finding::{Code, Finding};
use crate::{Profile, Revocation};

/// Findings on the revocation of everybody whose it is asked for.
pub(crate) fn judge(
    path: &[Certificate],
    context: Context<'_>,
    budget: &mut Budget,
    findings: &mut Vec<Finding>,
) -> Result<(), Spent> {
    let depth = match context.options.revocation {
        Revocation::Off => 0,
        Revocation::Leaf => 1,
        Revocation::Chain => path.len(),
    };
    let Some(anchor) = path.last() else { return Ok(()) };
    for pair in path.windows(2).take(depth) {
        let [certificate, issuer] = pair else { continue };
        let issuer_name = Distinguished::of(certificate.issuer());
        let judged = Judged { certificate, issuer, issuer_name, anchor };
        let lists = judged.lists(context, budget)?;
        judged.judge(&lists, context.options.time.truncated_to_secs(), findings);
    }
    Ok(())
}

/// A certificate whose revocation is judged.
struct Judged<'p> {
    certificate: &'p Certificate,
    issuer: &'p Certificate,
    issuer_name: Distinguished,
    anchor: &'p Certificate,
}

/// A CRL that speaks about it and that somebody signed who may.
struct List<'c> {
    crl: &'c Crl,
    issuer: &'c Distinguished,
    key: PublicKey,
    scope: Scope,
    reasons: Reasons,
    is_delta: bool,
}

impl Judged<'_> {
    fn lists<'c>(&self, context: Context<'c>, budget: &mut Budget) -> Result<Vec<List<'c>>, Spent> {
        let points = Point::all_of(self.certificate, &self.issuer_name);
        let mut lists = Vec::new();
        for (issuer, crl) in &context.material.crls {
            let Some(scope) = Scope::of(crl, issuer) else { continue };
            if !is_understood(crl, &scope, context.options.profile) {
                continue;
            }
            let covered = points.iter().filter_map(|point| {
                point.covered_by(issuer, &scope, self.certificate, &self.issuer_name)
            });
            let reasons = covered.fold(0, |all, reasons| all | reasons);
            if reasons == 0 {
                continue;
            }
            if let Some(key) = signer::key_of(crl, issuer, self, context, budget)? {
                let is_delta = extension(crl, oid::DELTA_CRL_INDICATOR).is_some();
                lists.push(List { crl, issuer, key, scope, reasons, is_delta });
            }
        }
        Ok(lists)
    }

    fn judge(&self, lists: &[List<'_>], time: Time, findings: &mut Vec<Finding>) {
        let certificate = self.certificate;
        let (mut covered, mut stale, mut revoked) = (0, None, None);
        for list in lists.iter().filter(|list| !list.is_delta) {
            let scope = || lists.iter().filter(|other| !other.is_delta && other.speaks_as(list));
            if scope().any(|other| other.rank() > list.rank()) {
                continue;
            }
            if scope().any(|other| other.crl.this_update() > list.crl.this_update()) {
                let message = "the CRL with the highest number is not the newest".to_owned();
                findings.push(Finding::note(Code::CrlDisagreement, certificate, message));
            }
            let delta = list.delta(lists, time);
            let Ok(entry) = self.entry(list, delta) else { continue };
            revoked = revoked.or(entry);
            if list.is_current(time) {
                covered |= list.reasons;
            } else {
                stale = Some(list.crl);
            }
        }
        if covered != ALL_REASONS {
            if let Some(crl) = stale {
                let until = crl.next_update().map_or("no date".to_owned(), |t| t.to_string());
                let message = format!("its CRL is of {} and good until {until}", crl.this_update());
                findings.push(Finding::error(Code::StaleCrl, certificate, message));
            } else if revoked.is_none() {
                let message = match covered {
                    0 => format!("no CRL of {} speaks about it", certificate.issuer()),
                    _ => "its CRLs leave reasons for revocation out".to_owned(),
                };
                findings.push(Finding::error(Code::NoCrl, certificate, message));
            }
        }
        if let Some(entry) = revoked {
            let reason = entry.reason.map_or("unspecified", Reason::as_str);
            let message = format!("revoked at {} ({reason})", entry.revoked_at);
            findings.push(Finding::error(Code::Revoked, certificate, message));
        }
    }

    /// What a list says about the certificate, with the `delta` on top.
    fn entry(
        &self,
        list: &List<'_>,
        delta: Option<&List<'_>>,
    ) -> Result<Option<Entry>, der::Error> {
        if let Some(entry) = delta.map(|delta| self.entry_in(delta)).transpose()?.flatten() {
            return Ok(Some(entry).filter(|entry| entry.reason != Some(Reason::RemoveFromCrl)));
        }
        self.entry_in(list)
    }

    fn entry_in(&self, list: &List<'_>) -> Result<Option<Entry>, der::Error> {
        if list.scope.indirect {
            entry::indirect(list.crl, list.issuer, self.certificate, &self.issuer_name)
        } else {
            Ok(entry::direct(list.crl, self.certificate))
        }
    }
}

impl<'c> List<'c> {
    /// Whether both are of one scope: each is a successor of the other or its predecessor.
    fn speaks_as(&self, other: &Self) -> bool {
        let point = |list: &Self| {
            extension(list.crl, oid::ISSUING_DISTRIBUTION_POINT).map(|point| point.value.clone())
        };
        self.issuer == other.issuer && point(self) == point(other)
    }

    fn rank(&self) -> (Option<&CrlNumber>, Time) {
        (self.crl.number(), self.crl.this_update())
    }

    fn is_current(&self, time: Time) -> bool {
        self.crl.this_update() <= time && self.crl.next_update().is_some_and(|until| time <= until)
    }

    /// The newest current delta that builds on this list (§5.2.4).
    fn delta<'l>(&self, lists: &'l [List<'c>], time: Time) -> Option<&'l List<'c>> {
        let number = self.crl.number()?;
        let fits = |delta: &&List<'_>| {
            delta.is_delta
                && delta.speaks_as(self)
                && delta.key == self.key
                && delta.is_current(time)
                && base_number(delta.crl).is_some_and(|base| base <= *number)
                && delta.crl.number() >= Some(number)
        };
        lists.iter().filter(fits).max_by_key(|delta| delta.rank())
    }
}

/// Whether everything critical in the CRL is processed here. The stricter profile takes complete,
/// direct CRLs only.
fn is_understood(crl: &Crl, scope: &Scope, profile: Profile) -> bool {
    let whole = profile == Profile::Rfc5280;
    let special =
        scope.indirect || scope.is_partial() || extension(crl, oid::DELTA_CRL_INDICATOR).is_some();
    (whole || !special)
        && crl.unknown_critical_extensions().iter().all(|critical| match *critical {
            oid::DELTA_CRL_INDICATOR => true,
            oid::CERTIFICATE_ISSUER => scope.indirect,
            _ => false,
        })
}

fn base_number(delta: &Crl) -> Option<CrlNumber> {
    let indicator = extension(delta, oid::DELTA_CRL_INDICATOR)?;
    let number = der::asn1::UintRef::from_der(&indicator.value).ok()?;
    CrlNumber::from_be_bytes(number.as_bytes()).ok()
}

fn extension(crl: &Crl, oid: oid::ObjectIdentifier) -> Option<&skink_x509::Extension> {
    crl.extensions().iter().find(|extension| extension.oid == oid)
}
