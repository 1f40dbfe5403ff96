//! What RFC 5280 §4 asks of each certificate by itself: a broken MUST is an error where formalities
//! count, a broken SHOULD a warning.

use std::time::Duration;

use der::{AnyRef, Decode as _};
use skink_x509::{Certificate, GeneralName, KeyUsage, ObjectIdentifier, oid};

use crate::distinguished::is_self_issued;
use crate::finding::{Code, Finding};
use crate::{Formalities, Options, Profile, Purpose};

/// Where on the path a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    EndEntity,
    Intermediate,
    Anchor,
}

/// The longest life of a server's certificate.
const LONGEST_LIFE: Duration = Duration::from_hours(398 * 24);

/// Critical extensions whose rules are enforced here.
const UNDERSTOOD: [ObjectIdentifier; 11] = [
    oid::BASIC_CONSTRAINTS,
    oid::KEY_USAGE,
    oid::EXTENDED_KEY_USAGE,
    oid::SUBJECT_ALT_NAME,
    oid::NAME_CONSTRAINTS,
    oid::CRL_DISTRIBUTION_POINTS,
    oid::CERTIFICATE_POLICIES,
    oid::POLICY_MAPPINGS,
    oid::POLICY_CONSTRAINTS,
    oid::INHIBIT_ANY_POLICY,
    oid::OCSP_NOCHECK,
];

/// Extensions that must not be critical: told as such, not as unknown.
const NEVER_CRITICAL: [ObjectIdentifier; 5] = [
    oid::SUBJECT_KEY_IDENTIFIER,
    oid::AUTHORITY_KEY_IDENTIFIER,
    oid::AUTHORITY_INFO_ACCESS,
    oid::SUBJECT_INFO_ACCESS,
    oid::FRESHEST_CRL,
];

/// Extensions that must be critical.
const ALWAYS_CRITICAL: [ObjectIdentifier; 2] = [oid::NAME_CONSTRAINTS, oid::INHIBIT_ANY_POLICY];

/// Findings on one certificate.
pub(crate) fn judge(
    certificate: &Certificate,
    place: Place,
    options: &Options<'_>,
    findings: &mut Vec<Finding>,
) {
    let refuse = options.formalities == Formalities::Refuse;
    let mut form = Form { certificate, refuse, findings };
    form.critical_extensions();
    form.names();
    form.serial();
    form.usages(place);
    form.key_identifiers(place);
    if options.profile == Profile::Webpki && place == Place::EndEntity {
        form.peer(options);
    }
}

struct Form<'f> {
    certificate: &'f Certificate,
    refuse: bool,
    findings: &'f mut Vec<Finding>,
}

impl Form<'_> {
    fn must(&mut self, holds: bool, message: &str) {
        if !holds && self.refuse {
            let finding = Finding::error(Code::Malformed, self.certificate, message.to_owned());
            self.findings.push(finding);
        } else {
            self.should(holds, message);
        }
    }

    fn should(&mut self, holds: bool, message: &str) {
        if !holds {
            let finding = Finding::warning(Code::Malformed, self.certificate, message.to_owned());
            self.findings.push(finding);
        }
    }

    fn critical_extensions(&mut self) {
        let certificate = self.certificate;
        for extension in certificate.extensions() {
            let oid = extension.oid;
            if NEVER_CRITICAL.contains(&oid) {
                self.must(
                    !extension.critical,
                    &format!("its extension {oid} must not be critical"),
                );
            } else if ALWAYS_CRITICAL.contains(&oid) {
                self.must(extension.critical, &format!("its extension {oid} must be critical"));
            } else if oid == oid::POLICY_CONSTRAINTS {
                // A must, but PKITS 4.8.1 and many others want it accepted.
                self.should(extension.critical, "its policy constraints must be critical");
            } else if extension.critical && !UNDERSTOOD.contains(&oid) {
                let message = format!("the critical extension {oid} is not understood");
                self.findings.push(Finding::error(Code::UnknownCritical, certificate, message));
            }
        }
    }

    /// §4.1.2.4, §4.1.2.6 and §4.2.1.6.
    fn names(&mut self) {
        let certificate = self.certificate;
        self.must(!certificate.issuer().is_empty(), "its issuer must not be empty");
        let alt_names = certificate.extension(oid::SUBJECT_ALT_NAME);
        if certificate.subject().is_empty() {
            self.must(!certificate.is_ca(), "an authority's subject must not be empty");
            let critical = alt_names.is_some_and(|extension| extension.critical);
            self.must(
                critical,
                "without a subject it must have critical subject alternative names",
            );
        } else if alt_names.is_some_and(|extension| extension.critical) {
            self.should(false, "subject alternative names beside a subject should not be critical");
        }
        for name in certificate.subject_alt_names() {
            let sound = match name {
                GeneralName::Other { tag, .. } => matches!(tag, 0 | 3 | 5 | 8),
                GeneralName::Dns(name) => is_host(name),
                GeneralName::Email(mailbox) => is_mailbox(mailbox),
                _ => true,
            };
            self.must(sound, &format!("its alternative name {name} is malformed"));
        }
    }

    /// §4.1.2.2.
    fn serial(&mut self) {
        let serial = self.certificate.serial();
        self.must(serial.as_be_bytes() != [0], "its serial number must not be zero");
        self.should(!serial.is_negative(), "its serial number is negative");
    }

    /// §4.2.1.3, §4.2.1.9 and §4.2.1.12.
    fn usages(&mut self, place: Place) {
        let certificate = self.certificate;
        let usage = certificate.key_usage();
        let signs = usage.is_some_and(|usage| usage.contains(KeyUsage::KEY_CERT_SIGN));
        // Of an issuer it is told that it is no authority.
        let peer = place == Place::EndEntity;
        self.must(!(peer && signs) || certificate.is_ca(), "keyCertSign is for authorities only");
        self.must(!usage.is_some_and(KeyUsage::is_empty), "its keyUsage allows nothing");
        let purposes = certificate.extension(oid::EXTENDED_KEY_USAGE);
        let empty = purposes.is_some() && certificate.extended_key_usages().is_empty();
        self.must(!empty, "its extKeyUsage allows nothing");
        if certificate.is_ca() {
            self.should(usage.is_some(), "an authority should say keyCertSign in its keyUsage");
            let constraints = certificate.extension(oid::BASIC_CONSTRAINTS);
            let critical = constraints.is_some_and(|extension| extension.critical);
            let message = "an authority's basicConstraints must be critical";
            // PKITS 4.6.4 wants an intermediate without to be accepted.
            match place {
                Place::Intermediate => self.should(critical, message),
                Place::Anchor | Place::EndEntity => self.must(critical, message),
            }
        } else {
            let names = certificate.extension(oid::NAME_CONSTRAINTS);
            self.must(names.is_none(), "name constraints are for authorities only");
            let limited = peer && certificate.path_len().is_some();
            self.must(!limited, "a path length is for authorities only");
        }
    }

    /// §4.2.1.1 and §4.2.1.2.
    fn key_identifiers(&mut self, place: Place) {
        let certificate = self.certificate;
        let named = certificate.authority_key_id().is_some();
        // Self-signed ones need none; an anchor has nobody above that would have to be found.
        let exempt = is_self_issued(certificate);
        self.must(named || exempt, "its authority key identifier is missing");
        if certificate.is_ca() && place != Place::EndEntity {
            let own = certificate.subject_key_id().is_some();
            self.must(own, "an authority's subject key identifier is missing");
        }
    }

    /// What is asked of a peer beyond RFC 5280.
    fn peer(&mut self, options: &Options<'_>) {
        let certificate = self.certificate;
        if options.purpose == Purpose::Any {
            return;
        }
        if certificate.is_ca() {
            let message = "an authority's certificate is used by a peer".to_owned();
            let code = Code::AuthorityAsPeer;
            self.findings.push(Finding::error(code, certificate, message));
        }
        self.must(certificate.version() == 3, "its version is not 3");
        let life = certificate.not_after().since(certificate.not_before());
        if options.purpose == Purpose::Server && life > LONGEST_LIFE {
            let message = format!("it lives for {} days", life.as_secs() / 86_400);
            self.findings.push(Finding::warning(Code::LongLife, certificate, message));
        }
        let access = certificate.extension(oid::AUTHORITY_INFO_ACCESS);
        let readable = access.is_none_or(|it| AnyRef::from_der(&it.value).is_ok());
        self.must(readable, "its authority information access cannot be read");
    }
}

/// Labels of letters, digits, hyphens within and, as met, underscores; a wildcard may be the whole of the
/// leftmost.
pub(crate) fn is_host(name: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn is_mailbox(mailbox: &str) -> bool {
    mailbox.rsplit_once('@').is_some_and(|(local, host)| !local.is_empty() && is_host(host))
}
