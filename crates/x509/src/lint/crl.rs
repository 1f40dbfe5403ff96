//! The rules for CRLs.

mod authority_key_id;
mod distribution_point;
mod issuer;
mod next_update;
mod number;
mod signature_algorithm;
mod structure;
mod time_encoding;
mod unique_serials;
mod unknown_critical;

use super::{Finding, LintContext, Rule};
use crate::crl::Crl;

const RULES: [Rule<Facts>; 9] = [
    signature_algorithm::RULE,
    issuer::RULE,
    time_encoding::RULE,
    next_update::RULE,
    number::RULE,
    authority_key_id::RULE,
    distribution_point::RULE,
    unknown_critical::RULE,
    unique_serials::RULE,
];

/// What the rules look at.
struct Facts {
    crl: Crl,
    context: LintContext,
}

/// Everything that is wrong with a CRL, in the order of the rules. Bytes that cannot be read are one
/// finding of the rule `crl_structure`.
pub fn lint_crl(der: &[u8], context: &LintContext) -> Vec<Finding> {
    match Crl::from_der(der) {
        Ok(crl) => {
            let facts = Facts { crl, context: context.clone() };
            RULES.iter().flat_map(|rule| rule.run(&facts)).collect()
        }
        Err(error) => vec![structure::finding(&error)],
    }
}
