//! What RFC 5280 §4 asks of each certificate by itself: a broken MUST is an error where formalities
//! count, a broken SHOULD a warning.

mod baseline;
mod extension_rules;
mod syntax;

use der::Decode as _;
use skink_x509::{Certificate, GeneralName, KeyUsage, oid};
use x509_cert::ext::pkix::AuthorityKeyIdentifier;

use crate::distinguished::is_self_issued;
use crate::finding::{Code, Finding, Severity};
use crate::{Formalities, Options, Profile};
use extension_rules::{
    ALWAYS_CRITICAL, BEST_CRITICAL, BEST_NOT_CRITICAL, NEVER_CRITICAL, Named, UNDERSTOOD,
};

pub use extension_rules::section_of;
use syntax::{is_absolute, is_mailbox};
pub(crate) use syntax::{is_host, is_mailbox_base};

/// Where on the path a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    EndEntity,
    Intermediate,
    Anchor,
}

/// Findings on one certificate; `sole` if it is all of the path.
pub(crate) fn judge(
    certificate: &Certificate,
    place: Place,
    sole: bool,
    options: &Options<'_>,
    findings: &mut Vec<Finding>,
) {
    let refuse = options.formalities == Formalities::Refuse;
    let webpki = options.profile == Profile::Webpki;
    let mut form = Form { certificate, refuse, webpki, findings };
    form.critical_extensions();
    form.names(place);
    form.serial();
    form.usages(place);
    form.key_identifiers(place, sole);
    form.revocation();
    if webpki && place == Place::EndEntity {
        form.peer(options);
    }
}

struct Form<'f> {
    certificate: &'f Certificate,
    refuse: bool,
    webpki: bool,
    findings: &'f mut Vec<Finding>,
}

/// A rule: what kind of finding its breach is, and where it stands.
type Rule = (Code, &'static str);

impl Form<'_> {
    fn must(&mut self, holds: bool, rule: Rule, message: impl FnOnce() -> String) {
        if !holds {
            let severity = if self.refuse { Severity::Error } else { Severity::Warning };
            self.broken(severity, rule, message());
        }
    }

    /// A broken must with what was expected and what was found.
    fn must_be(&mut self, wanted: &str, found: &str, rule: Rule, message: impl FnOnce() -> String) {
        let severity = if self.refuse { Severity::Error } else { Severity::Warning };
        let finding = Finding::new(rule.0, severity, Some(self.certificate), message());
        self.findings.push(finding.by(rule.1).with(wanted, found));
    }

    fn should(&mut self, holds: bool, rule: Rule, message: impl FnOnce() -> String) {
        if !holds {
            self.broken(Severity::Warning, rule, message());
        }
    }

    fn broken(&mut self, severity: Severity, (code, section): Rule, message: String) {
        let finding = Finding::new(code, severity, Some(self.certificate), message);
        self.findings.push(finding.by(section));
    }

    fn critical_extensions(&mut self) {
        const MUST_NOT: &str = "must not be critical";
        let certificate = self.certificate;
        for extension in certificate.extensions() {
            let (oid, critical) = (extension.oid, extension.critical);
            let rule = (Code::Criticality, section_of(oid));
            if NEVER_CRITICAL.contains(&oid) {
                self.must(!critical, rule, || format!("its extension {} {MUST_NOT}", Named(oid)));
            } else if oid == oid::NAME_CONSTRAINTS && self.webpki {
                // The web's own rules suffer it (BR §7.1.2.5.2).
                self.should(critical, rule, || "its name constraints must be critical".to_owned());
            } else if oid == oid::POLICY_CONSTRAINTS {
                let message = || "its policy constraints must be critical".to_owned();
                // PKITS is full of authorities whose are not, and wants them accepted.
                if self.webpki {
                    self.must(critical, rule, message);
                } else {
                    self.should(critical, rule, message);
                }
            } else if ALWAYS_CRITICAL.contains(&oid) {
                self.must(critical, rule, || {
                    format!("its extension {} must be critical", Named(oid))
                });
            } else if BEST_CRITICAL.contains(&oid) {
                self.should(critical, rule, || {
                    format!("its extension {} should be critical", Named(oid))
                });
            } else if BEST_NOT_CRITICAL.contains(&oid) {
                self.should(!critical, rule, || {
                    format!("its extension {} should not be critical", Named(oid))
                });
            } else if critical && !UNDERSTOOD.contains(&oid) {
                let message = format!("the critical extension {} is not understood", Named(oid));
                let finding = Finding::error(Code::UnknownCritical, certificate, message);
                self.findings.push(finding.with("extensions that are understood", oid));
            }
        }
    }

    /// §4.1.2.4, §4.1.2.6 and §4.2.1.6.
    fn names(&mut self, place: Place) {
        const SUBJECT: Rule = (Code::MalformedName, "RFC 5280 §4.1.2.6");
        const ALTERNATIVE: Rule = (Code::MalformedName, "RFC 5280 §4.2.1.6");
        let certificate = self.certificate;
        let issuer = (Code::MalformedName, "RFC 5280 §4.1.2.4");
        self.must(!certificate.issuer().is_empty(), issuer, || {
            "its issuer must not be empty".to_owned()
        });
        let alt_names = certificate.extension(oid::SUBJECT_ALT_NAME);
        if certificate.subject().is_empty() {
            self.must(!certificate.is_ca(), SUBJECT, || {
                "an authority's subject must not be empty".to_owned()
            });
            let critical = alt_names.is_some_and(|extension| extension.critical);
            self.must(critical, ALTERNATIVE, || {
                "without a subject it must have critical subject alternative names".to_owned()
            });
        } else if alt_names.is_some_and(|extension| extension.critical) {
            if self.webpki && place == Place::EndEntity {
                let rule = (Code::Criticality, "CA/Browser Forum BR §7.1.2.7.12");
                self.must(false, rule, || {
                    "subject alternative names beside a subject must not be critical".to_owned()
                });
            } else {
                self.should(false, (Code::Criticality, ALTERNATIVE.1), || {
                    "subject alternative names beside a subject should not be critical".to_owned()
                });
            }
        }
        for name in certificate.subject_alt_names() {
            let sound = match name {
                GeneralName::Other { tag, .. } => matches!(tag, 0 | 3 | 5 | 8),
                GeneralName::Dns(name) => is_host(name),
                GeneralName::Email(mailbox) => is_mailbox(mailbox),
                GeneralName::Uri(uri) => is_absolute(uri),
                _ => true,
            };
            self.must(sound, ALTERNATIVE, || format!("its alternative name {name} is malformed"));
        }
    }

    /// §4.1.2.2 and §4.1.2.8.
    fn serial(&mut self) {
        const SERIAL: Rule = (Code::SerialNumber, "RFC 5280 §4.1.2.2");
        let serial = self.certificate.serial();
        self.must(serial.as_be_bytes() != [0], SERIAL, || {
            "its serial number must not be zero".to_owned()
        });
        self.should(!serial.is_negative(), SERIAL, || "its serial number is negative".to_owned());
        let identifiers = self.certificate.has_unique_identifiers();
        self.should(!identifiers, (Code::Malformed, "RFC 5280 §4.1.2.8"), || {
            "it has unique identifiers, which nobody generates any more".to_owned()
        });
    }

    /// §4.2.1.3, §4.2.1.9 to §4.2.1.12.
    fn usages(&mut self, place: Place) {
        const USAGE: Rule = (Code::Malformed, "RFC 5280 §4.2.1.3");
        const PURPOSE: Rule = (Code::Malformed, "RFC 5280 §4.2.1.12");
        let certificate = self.certificate;
        let usage = certificate.key_usage();
        let signs = usage.is_some_and(|usage| usage.contains(KeyUsage::KEY_CERT_SIGN));
        // Of an issuer it is told that it is no authority.
        let peer = place == Place::EndEntity;
        self.must(!(peer && signs) || certificate.is_ca(), USAGE, || {
            "keyCertSign is for authorities only".to_owned()
        });
        self.must(!usage.is_some_and(KeyUsage::is_empty), USAGE, || {
            "its keyUsage allows nothing".to_owned()
        });
        if let Some(purposes) = certificate.extension(oid::EXTENDED_KEY_USAGE) {
            let given = certificate.extended_key_usages();
            self.must(!given.is_empty(), PURPOSE, || "its extKeyUsage allows nothing".to_owned());
            let any = purposes.critical && given.contains(&oid::ANY_EXTENDED_KEY_USAGE);
            self.should(!any, (Code::Criticality, PURPOSE.1), || {
                "an extKeyUsage with anyExtendedKeyUsage should not be critical".to_owned()
            });
            let root = place == Place::Anchor && self.webpki && is_self_issued(certificate);
            self.must(!root, (Code::Malformed, "CA/Browser Forum BR §7.1.2.1.2"), || {
                "a root must not have an extKeyUsage".to_owned()
            });
        }
        let limits = certificate.extension(oid::POLICY_CONSTRAINTS);
        let empty = limits.is_some_and(|limits| limits.value == [0x30, 0]);
        self.must(!empty, (Code::Malformed, "RFC 5280 §4.2.1.11"), || {
            "its policy constraints constrain nothing".to_owned()
        });
        if certificate.is_ca() {
            self.authority(place);
        } else {
            let names = certificate.extension(oid::NAME_CONSTRAINTS);
            self.must(names.is_none(), (Code::Malformed, "RFC 5280 §4.2.1.10"), || {
                "name constraints are for authorities only".to_owned()
            });
            let limited = peer && certificate.path_len().is_some();
            self.must(!limited, (Code::Malformed, "RFC 5280 §4.2.1.9"), || {
                "a path length is for authorities only".to_owned()
            });
        }
    }

    fn authority(&mut self, place: Place) {
        let given = self.certificate.key_usage().is_some();
        let message = || "an authority must say keyCertSign in its keyUsage".to_owned();
        let rule = (Code::Malformed, "RFC 5280 §4.2.1.3");
        match place {
            Place::Intermediate => self.must(given, rule, message),
            // Most self-made roots lack it.
            Place::Anchor | Place::EndEntity => self.should(given, rule, message),
        }
        let constraints = self.certificate.extension(oid::BASIC_CONSTRAINTS);
        let critical = constraints.is_some_and(|extension| extension.critical);
        let message = || "an authority's basicConstraints must be critical".to_owned();
        let rule = (Code::Criticality, "RFC 5280 §4.2.1.9");
        match place {
            // PKITS 4.6.4 wants an intermediate without to be accepted.
            Place::Intermediate => self.should(critical, rule, message),
            Place::Anchor | Place::EndEntity => self.must(critical, rule, message),
        }
    }

    /// §4.2.1.1 and §4.2.1.2.
    fn key_identifiers(&mut self, place: Place, sole: bool) {
        const AUTHORITY: Rule = (Code::KeyIdentifier, "RFC 5280 §4.2.1.1");
        let certificate = self.certificate;
        let named = certificate.authority_key_id();
        // A self-signed one needs none, and stands at the end.
        let last = place == Place::Anchor || sole;
        let exempt = last && is_self_issued(certificate);
        self.must(named.is_some() || exempt, AUTHORITY, || {
            "its authority key identifier is missing".to_owned()
        });
        self.issuer_by_name(exempt);
        if certificate.is_ca() && place != Place::EndEntity {
            let own = certificate.subject_key_id();
            self.must(own.is_some(), (Code::KeyIdentifier, "RFC 5280 §4.2.1.2"), || {
                "an authority's subject key identifier is missing".to_owned()
            });
            let bare = certificate.extension(oid::AUTHORITY_KEY_IDENTIFIER).is_some();
            let sound = !bare || named.is_some() && (named == own || own.is_none());
            let root = exempt && self.webpki;
            self.must(
                sound || !root,
                (Code::KeyIdentifier, "CA/Browser Forum BR §7.1.2.1.3"),
                || {
                    "a root's authority key identifier must be its own subject key identifier"
                        .to_owned()
                },
            );
        }
    }

    /// The other way in which an authorityKeyIdentifier names a certificate: by its issuer and serial,
    /// neither of which stands alone.
    fn issuer_by_name(&mut self, is_root: bool) {
        let certificate = self.certificate;
        let Some(extension) = certificate.extension(oid::AUTHORITY_KEY_IDENTIFIER) else { return };
        let identifier = certificate.authority_key_id().map_or(0, <[u8]>::len);
        // Tag and length of the sequence and of the key identifier: there is nothing else in it.
        if extension.value.len() <= identifier + 4 {
            return;
        }
        let Ok(named) = AuthorityKeyIdentifier::from_der(&extension.value) else {
            self.must(false, (Code::Unreadable, "RFC 5280 §4.2.1.1"), || {
                "its authority key identifier cannot be read".to_owned()
            });
            return;
        };
        let (issuer, serial) =
            (named.authority_cert_issuer.is_some(), named.authority_cert_serial_number.is_some());
        self.must(issuer == serial, (Code::KeyIdentifier, "RFC 5280 §4.2.1.1"), || {
            let (here, missing) = if issuer { ("issuer", "serial") } else { ("serial", "issuer") };
            format!("its authority key identifier gives an {here} without the {missing}")
                .replace("an serial", "a serial")
        });
        let section = if is_root {
            "CA/Browser Forum BR §7.1.2.1.3"
        } else {
            "CA/Browser Forum BR §7.1.2.11.1"
        };
        let by_name = self.webpki && (issuer || serial);
        self.must(!by_name, (Code::KeyIdentifier, section), || {
            "its authority key identifier must hold a key identifier and nothing else".to_owned()
        });
    }

    /// RFC 9608 §4: what is never revoked names no place where that would be said, and is nobody's
    /// issuer.
    fn revocation(&mut self) {
        const RULE: Rule = (Code::Malformed, "RFC 9608 §4");
        let certificate = self.certificate;
        if certificate.extension(oid::NO_REV_AVAIL).is_none() {
            return;
        }
        self.must(!certificate.is_ca(), RULE, || "noRevAvail is not for authorities".to_owned());
        let lists = certificate.extension(oid::CRL_DISTRIBUTION_POINTS).is_some()
            || certificate.extension(oid::FRESHEST_CRL).is_some();
        self.must(!lists && certificate.ocsp_uris().is_empty(), RULE, || {
            "it says that nobody ever revokes it, and where that would be said".to_owned()
        });
    }
}
