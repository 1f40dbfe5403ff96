//! Who signed a CRL, and whether he may (RFC 5280 §6.3.3 (f) and (g)).

use skink_x509::crl::Crl;
use skink_x509::{Certificate, KeyUsage, PublicKey};

use super::Judged;
use crate::budget::{Budget, Spent};
use crate::candidates::{Context, Search};
use crate::distinguished::Distinguished;
use crate::{Options, PeerName, Profile, Purpose, Revocation};

/// Signers whose CRLs are needed to judge signers, and so on.
const DEEPEST: usize = 4;

/// The key of the CRL, if its holder may sign it: the issuer on the path, or, where RFC 5280 is
/// taken as it stands, another certificate of the CRL's issuer with a path to the same anchor.
pub(super) fn key_of(
    crl: &Crl,
    crl_issuer: &Distinguished,
    judged: &Judged<'_>,
    context: Context<'_>,
    budget: &mut Budget,
) -> Result<Option<PublicKey>, Spent> {
    let issuer = judged.issuer;
    if judged.issuer_name == *crl_issuer && may_sign(issuer) {
        budget.step()?;
        if crl.verify_signed_by(issuer.public_key()).is_ok() {
            return Ok(Some(issuer.public_key().clone()));
        }
    }
    if context.options.profile != Profile::Rfc5280 {
        return Ok(None);
    }
    for candidate in context.material.named(crl_issuer) {
        let signer = candidate.certificate;
        if signer == issuer || !may_sign(signer) {
            continue;
        }
        budget.step()?;
        if crl.verify_signed_by(signer.public_key()).is_ok()
            && is_authorised(signer, judged, context, budget)
        {
            return Ok(Some(signer.public_key().clone()));
        }
    }
    Ok(None)
}

fn may_sign(signer: &Certificate) -> bool {
    signer.key_usage().is_none_or(|usage| usage.contains(KeyUsage::CRL_SIGN))
}

/// Whether a valid path leads from the signer to the anchor of the path that is judged, without
/// anything that is itself being judged as an issuer on it. What the signer says about himself
/// counts: he is often the only one who could.
fn is_authorised(
    signer: &Certificate,
    judged: &Judged<'_>,
    context: Context<'_>,
    budget: &mut Budget,
) -> bool {
    let fingerprint = signer.fingerprint();
    if signer == judged.anchor || context.signers.contains(&fingerprint) {
        return true;
    }
    if context.signers.len() >= DEEPEST {
        return false;
    }
    let options = Options {
        purpose: Purpose::Any,
        name: PeerName::None,
        revocation: Revocation::Chain,
        ..context.options.clone()
    };
    let below = Context {
        options: &options,
        anchor: Some(judged.anchor),
        judged: &[context.judged, &[judged.certificate.fingerprint()]].concat(),
        signers: &[context.signers, &[fingerprint]].concat(),
        ..context
    };
    Search::new(below, budget).run(signer).is_ok()
}
