//! The rules for certificates.

mod authority_key_id;
mod ca_basic_constraints;
mod ca_key_usage;
mod critical_flags;
mod dns_names;
mod dns_qualified;
mod duplicate_extensions;
mod end_entity_key_usage;
mod extended_key_usage;
mod issuer_limits;
mod issuer_name;
mod key_strength;
mod lifetime;
mod mailboxes;
mod ocsp_responder;
mod serial_positive;
mod serial_size;
mod server_names;
mod signature_algorithm;
mod structure;
mod subject_key_id;
mod subject_name;
mod time_encoding;
mod trust_signer;
mod unique_ids;
mod uris;
mod validity_nests;
mod validity_order;
mod version;

use x509_cert::time::Time;

use super::{Finding, LintContext, Rule, Severity};
use crate::certificate::Tbs;
use crate::{Certificate, ParseError, tlv};

const RULES: [Rule<Facts>; 29] = [
    structure::RULE,
    version::RULE,
    serial_positive::RULE,
    serial_size::RULE,
    signature_algorithm::RULE,
    issuer_name::RULE,
    validity_order::RULE,
    validity_nests::RULE,
    time_encoding::RULE,
    lifetime::RULE,
    subject_name::RULE,
    key_strength::RULE,
    unique_ids::RULE,
    duplicate_extensions::RULE,
    critical_flags::RULE,
    ca_basic_constraints::RULE,
    ca_key_usage::RULE,
    issuer_limits::RULE,
    end_entity_key_usage::RULE,
    extended_key_usage::RULE,
    ocsp_responder::RULE,
    trust_signer::RULE,
    server_names::RULE,
    dns_names::RULE,
    dns_qualified::RULE,
    mailboxes::RULE,
    subject_key_id::RULE,
    authority_key_id::RULE,
    uris::RULE,
];

/// What the rules look at.
struct Facts {
    certificate: Certificate,
    raw: Raw,
    /// What the lenient reader noted.
    broken: Vec<ParseError>,
    context: LintContext,
}

/// Fields as they are encoded.
struct Raw {
    /// The content of the serial's INTEGER.
    serial: Vec<u8>,
    /// The content of the inner signature algorithm.
    signature: Vec<u8>,
    /// The times; none where one is too early for the library's type, as a `UTCTime` may be.
    not_before: Option<Time>,
    not_after: Option<Time>,
    has_unique_id: bool,
}

/// Everything that is wrong with a certificate, in the order of the rules. Bytes that no reader
/// makes sense of are one finding of the rule `structure`.
pub fn lint_certificate(der: &[u8], context: &LintContext) -> Vec<Finding> {
    let read = Certificate::from_der_lenient(der);
    told(read.and_then(|(certificate, broken)| lint(certificate, broken, context)))
}

/// The same of a certificate that was read strictly, which is not read again.
pub fn lint_read_certificate(certificate: &Certificate, context: &LintContext) -> Vec<Finding> {
    told(lint(certificate.clone(), Vec::new(), context))
}

fn told(linted: Result<Vec<Finding>, ParseError>) -> Vec<Finding> {
    linted.unwrap_or_else(|error| {
        vec![Finding {
            rule: structure::RULE.name,
            severity: Severity::Error,
            section: structure::RULE.section,
            message: structure::describe(&error),
        }]
    })
}

fn lint(
    certificate: Certificate,
    broken: Vec<ParseError>,
    context: &LintContext,
) -> Result<Vec<Finding>, ParseError> {
    let signed = tlv::Signed::parse(certificate.der(), "a certificate")?;
    let tbs = Tbs::decode_from(signed.tbs)?;
    let raw = Raw {
        serial: tbs.serial.value().to_vec(),
        signature: tbs.signature.0.to_vec(),
        not_before: tbs.validity.not_before.decode_as().ok(),
        not_after: tbs.validity.not_after.decode_as().ok(),
        has_unique_id: tbs.issuer_unique_id.is_some() || tbs.subject_unique_id.is_some(),
    };
    let facts = Facts { certificate, raw, broken, context: context.clone() };
    Ok(RULES.iter().flat_map(|rule| rule.run(&facts)).collect())
}
