//! What the CA/Browser Forum's Baseline Requirements ask of a peer's certificate beyond RFC 5280.

use std::net::IpAddr;
use std::time::Duration;

use der::{AnyRef, Decode as _};
use skink_x509::{GeneralName, ObjectIdentifier, oid};

use super::Form;
use crate::finding::{Code, Finding, Severity};
use crate::{Options, Purpose};

/// The longest life of a server's certificate.
const LONGEST_LIFE: Duration = Duration::from_hours(398 * 24);

/// Purposes that a server's certificate must not have beside its own (§7.1.2.7.10).
const FORBIDDEN: [(ObjectIdentifier, &str); 6] = [
    (oid::ANY_EXTENDED_KEY_USAGE, "anyExtendedKeyUsage"),
    (oid::CODE_SIGNING, "codeSigning"),
    (oid::EMAIL_PROTECTION, "emailProtection"),
    (oid::TIME_STAMPING, "timeStamping"),
    (oid::OCSP_SIGNING, "OCSPSigning"),
    (oid::PRECERTIFICATE_SIGNING, "precertificate signing"),
];

impl Form<'_> {
    /// What is asked of a peer beyond RFC 5280.
    pub(super) fn peer(&mut self, options: &Options<'_>) {
        let certificate = self.certificate;
        if options.purpose == Purpose::Any {
            return;
        }
        if certificate.is_ca() {
            let message = "an authority's certificate is used by a peer".to_owned();
            let code = Code::AuthorityAsPeer;
            self.findings.push(Finding::error(code, certificate, message));
        }
        self.must(certificate.version() == 3, (Code::Malformed, "RFC 5280 §4.1.2.1"), || {
            "its version is not 3".to_owned()
        });
        if options.purpose == Purpose::Server {
            self.server();
        }
        let access = certificate.extension(oid::AUTHORITY_INFO_ACCESS);
        let readable = access.is_none_or(|it| AnyRef::from_der(&it.value).is_ok());
        self.must(readable, (Code::Unreadable, "RFC 5280 §4.2.2.1"), || {
            "its authority information access cannot be read".to_owned()
        });
    }

    fn server(&mut self) {
        self.life();
        self.server_purposes();
        self.server_names();
    }

    /// §6.3.2. A warning, and no more: the limit binds public authorities, and a certificate of a
    /// private one that outlives it harms nobody but its owner.
    fn life(&mut self) {
        let certificate = self.certificate;
        let life = certificate.not_after().since(certificate.not_before());
        if life > LONGEST_LIFE {
            let days = life.as_secs() / 86_400;
            let message = format!("it lives for {days} days");
            let finding = Finding::warning(Code::LongLife, certificate, message);
            self.findings.push(finding.with("at most 398 days", format_args!("{days} days")));
        }
    }

    /// §7.1.2.7.6 and §7.1.2.7.10.
    fn server_purposes(&mut self) {
        let certificate = self.certificate;
        let Some(extension) = certificate.extension(oid::EXTENDED_KEY_USAGE) else { return };
        let rule = (Code::Criticality, "CA/Browser Forum BR §7.1.2.7.6");
        self.must(!extension.critical, rule, || {
            "a server's extKeyUsage must not be critical".to_owned()
        });
        let given = certificate.extended_key_usages();
        for (_, name) in FORBIDDEN.iter().filter(|(purpose, _)| given.contains(purpose)) {
            let rule = (Code::ForbiddenPurpose, Code::ForbiddenPurpose.section());
            self.must_be("serverAuth, and clientAuth at most", name, rule, || {
                format!("a server's certificate must not be for {name}")
            });
        }
    }

    /// §7.1.2.7.12 and §7.1.4.3.
    fn server_names(&mut self) {
        let certificate = self.certificate;
        let names = certificate.subject_alt_names();
        if names.is_empty() {
            let rule = (Code::NoAltNames, "CA/Browser Forum BR §7.1.2.7.12");
            self.must_be("a name of the server", "none", rule, || {
                "it has no subject alternative names, where a server's names must stand".to_owned()
            });
            return;
        }
        let attributes = certificate.subject().attributes();
        let mut common = attributes.iter().filter(|(kind, _)| *kind == oid::COMMON_NAME);
        let Some((_, text)) = common.next() else { return };
        let rule = (Code::CommonName, Code::CommonName.section());
        self.should(common.next().is_none(), rule, || "it has several common names".to_owned());
        let text = text.as_deref().unwrap_or("(no text)");
        if names.iter().any(|name| is_copy(text, name)) {
            return;
        }
        let listed: Vec<_> = names.iter().map(ToString::to_string).collect();
        let wanted = format!("a copy of one of {}", listed.join(", "));
        // Nobody reads it any more, and private authorities put what they like there.
        let message =
            format!("its common name {text} does not repeat one of its alternative names");
        let finding = Finding::new(rule.0, Severity::Warning, Some(certificate), message);
        self.findings.push(finding.by(rule.1).with(wanted, text));
    }
}

/// Whether a common name is an alternative name, character for character; an address in the form of
/// RFC 3986 §3.2.2 or RFC 5952 §4.
fn is_copy(text: &str, name: &GeneralName) -> bool {
    match name {
        GeneralName::Dns(host) => host == text,
        GeneralName::Ip(IpAddr::V4(ip)) => ip.to_string() == text,
        GeneralName::Ip(IpAddr::V6(ip)) => ip.to_string() == text,
        _ => false,
    }
}
