//! Revocation by CRLs (RFC 5280 §6.3): complete, direct CRLs of the issuer itself.

use skink_x509::crl::{Contains, Crl};
use skink_x509::{Certificate, KeyUsage};

use crate::candidates::Spent;
use crate::finding::{Code, Finding};
use crate::{Options, Revocation};

/// Findings on the revocation of everybody whose it is asked for.
pub(crate) fn judge(
    path: &[Certificate],
    crls: &[Crl],
    options: &Options<'_>,
    step: &mut dyn FnMut() -> Result<(), Spent>,
    findings: &mut Vec<Finding>,
) -> Result<(), Spent> {
    let judged = match options.revocation {
        Revocation::Off => 0,
        Revocation::Leaf => 1,
        Revocation::Chain => path.len(),
    };
    for pair in path.windows(2).take(judged) {
        let [certificate, issuer] = pair else { continue };
        let current = current_crl(certificate, issuer, crls, step, findings)?;
        judge_one(certificate, current, options, findings);
    }
    Ok(())
}

fn judge_one(
    certificate: &Certificate,
    crl: Option<&Crl>,
    options: &Options<'_>,
    findings: &mut Vec<Finding>,
) {
    let Some(crl) = crl else {
        let message = format!("no CRL of {} speaks about it", certificate.issuer());
        findings.push(Finding::error(Code::NoCrl, certificate, message));
        return;
    };
    let time = options.time.truncated_to_secs();
    if time < crl.this_update() || crl.next_update().is_none_or(|until| until < time) {
        let until = crl.next_update().map_or_else(|| "no date".to_owned(), |t| t.to_string());
        let message = format!("its CRL is of {} and good until {until}", crl.this_update());
        findings.push(Finding::error(Code::StaleCrl, certificate, message));
    }
    if let Some(entry) = crl.find(certificate.serial()) {
        let reason = entry.reason.map_or("unspecified", |reason| reason.as_str());
        let message = format!("revoked at {} ({reason})", entry.revoked_at);
        findings.push(Finding::error(Code::Revoked, certificate, message));
    }
}

/// Of the CRLs in whose scope the certificate is and that its issuer signed: the one with the
/// highest number, then the newest; a disagreement of the two is told.
fn current_crl<'c>(
    certificate: &Certificate,
    issuer: &Certificate,
    crls: &'c [Crl],
    step: &mut dyn FnMut() -> Result<(), Spent>,
    findings: &mut Vec<Finding>,
) -> Result<Option<&'c Crl>, Spent> {
    let may_sign = issuer.key_usage().is_none_or(|usage| usage.contains(KeyUsage::CRL_SIGN));
    let mut usable = Vec::new();
    for crl in crls.iter().filter(|crl| may_sign && covers(crl, certificate)) {
        step()?;
        if crl.verify_signed_by(issuer.public_key()).is_ok() {
            usable.push(crl);
        }
    }
    let by_number = usable.iter().copied().max_by_key(|crl| (crl.number(), crl.this_update()));
    let newest = usable.iter().copied().max_by_key(|crl| (crl.this_update(), crl.number()));
    if let (Some(by_number), Some(newest)) = (by_number, newest)
        && by_number.fingerprint() != newest.fingerprint()
    {
        let message = "the CRL with the highest number is not the newest".to_owned();
        findings.push(Finding::note(Code::CrlDisagreement, certificate, message));
    }
    Ok(by_number)
}

/// Whether the certificate is in the CRL's scope (§6.3.3 (b)). A partition speaks only about
/// certificates that name its distribution point.
fn covers(crl: &Crl, certificate: &Certificate) -> bool {
    if crl.issuer() != certificate.issuer() || !crl.unknown_critical_extensions().is_empty() {
        return false;
    }
    let Some(scope) = crl.issuing_distribution_point() else { return true };
    if scope.indirect || scope.only_some_reasons || scope.unreadable_name {
        return false;
    }
    let kind = match scope.contains {
        Contains::All => true,
        Contains::UserCertificates => !certificate.is_ca(),
        Contains::AuthorityCertificates => certificate.is_ca(),
        Contains::AttributeCertificates => false,
    };
    let points = certificate.crl_distribution_points();
    kind && (scope.uris.is_empty() || scope.uris.iter().any(|uri| points.contains(uri)))
}
