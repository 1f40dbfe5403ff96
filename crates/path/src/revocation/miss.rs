//! Why a CRL does not decide.

use std::fmt::Display;

use skink_x509::crl::Crl;
use skink_x509::{Certificate, KeyUsage, SignatureAlgorithm, Time};

use super::scope::{Scope, Strange};
use crate::Rejection;
use crate::finding::Code;

/// A reason, ready to be told.
#[derive(Clone, Debug)]
pub(super) struct Miss {
    pub(super) code: Code,
    pub(super) section: &'static str,
    pub(super) message: String,
    pub(super) expected: String,
    pub(super) found: String,
}

impl Miss {
    fn new(code: Code, message: String, expected: impl Display, found: impl Display) -> Self {
        let (expected, found) = (format!("{expected}"), format!("{found}"));
        Self { code, section: code.section(), message, expected, found }
    }

    fn by(self, section: &'static str) -> Self {
        Self { section, ..self }
    }

    /// No list is there.
    pub(super) fn none() -> Self {
        Self::new(Code::NoCrl, String::new(), "a current CRL of the issuer", "no CRL")
    }

    pub(super) fn unreadable_points() -> Self {
        let message = "its distribution points cannot be read".to_owned();
        Self::new(Code::Unreadable, message, "distribution points", "something else")
            .by("RFC 5280 §4.2.1.13")
    }

    pub(super) fn some_reasons() -> Self {
        let message = "its CRLs do not speak about every reason of revocation".to_owned();
        Self::new(Code::SomeReasons, message, "CRLs for every reason", "CRLs for some reasons")
    }

    pub(super) fn outdated(crl: &Crl, now: Time) -> Self {
        let next = crl.next_update();
        let until = next.map_or_else(|| "no date".to_owned(), |time| time.to_string());
        let from = crl.this_update();
        let found = format!("of {from} and good until {until}");
        let message = format!("CRL {} is {found}", number(crl));
        Self::new(Code::StaleCrl, message, format_args!("a CRL that is current at {now}"), found)
    }

    pub(super) fn weak(crl: &Crl, algorithm: SignatureAlgorithm) -> Self {
        let message =
            format!("the signature of CRL {} is by {algorithm}, which is weak", number(crl));
        Self::new(Code::WeakSignature, message, "a signature with SHA-256 or better", algorithm)
            .by("RFC 5280 §5.1.1.2")
    }

    pub(super) fn may_not_sign(crl: &Crl, signer: &Certificate) -> Self {
        let who = signer.subject();
        let message = format!("CRL {}: the keyUsage of {who} lacks cRLSign", number(crl));
        let given = signer.key_usage().map_or_else(|| "none".to_owned(), |it| it.to_string());
        Self::new(Code::CrlSign, message, KeyUsage::CRL_SIGN, given)
    }

    pub(super) fn wrong_key(crl: &Crl, issuer: &Certificate) -> Self {
        let who = issuer.subject();
        let message = format!("CRL {} is signed with another key than that of {who}", number(crl));
        let key = |id: Option<&[u8]>| id.map_or_else(|| "none".to_owned(), hexadecimal);
        let wanted = format!("the key identifier {}", key(issuer.subject_key_id()));
        Self::new(Code::CrlWrongKey, message, wanted, key(crl.authority_key_id()))
    }

    pub(super) fn bad_signature(crl: &Crl, issuer: &Certificate) -> Self {
        let who = issuer.subject();
        let number = number(crl);
        let message =
            format!("the signature of CRL {number} does not verify with the key of {who}");
        let wanted = format!("a signature by the key {}", issuer.public_key().digest());
        Self::new(Code::CrlSignature, message, wanted, "another")
    }

    /// Nobody is there who has the list's name and may have signed it.
    pub(super) fn no_signer(crl: &Crl) -> Self {
        let who = crl.issuer();
        let message = format!("CRL {}: no certificate of its signer {who} counts", number(crl));
        let wanted = format!("a certificate of {who} that verifies it and may sign CRLs");
        Self::new(Code::CrlSigner, message, wanted, "none")
    }

    /// Its signer is there and leads nowhere that counts.
    pub(super) fn refused_signer(crl: &Crl, signer: &Certificate, why: &Rejection) -> Self {
        let who = signer.subject();
        let message = format!("CRL {}: its signer {who} does not count: {why}", number(crl));
        let found = format!("{}", signer.fingerprint());
        Self::new(Code::CrlSigner, message, "a signer that leads to the same anchor", found)
    }

    /// Whether a signer was found.
    pub(super) fn is_about_somebody(&self) -> bool {
        self.found != "none"
    }

    pub(super) fn strange(crl: &Crl, why: Strange) -> Self {
        let number = number(crl);
        let unknown = |where_, oid, section| {
            let message =
                format!("CRL {number}: the critical extension {oid}{where_} is not understood");
            Self::new(Code::CrlUnknownCritical, message, "extensions that are understood", oid)
                .by(section)
        };
        let unreadable = |what: &str, section| {
            let message = format!("CRL {number}: its {what} cannot be read");
            Self::new(Code::CrlUnreadable, message, format_args!("a readable {what}"), "another")
                .by(section)
        };
        match why {
            Strange::Extension(oid) => unknown("", oid, "RFC 5280 §5.2"),
            Strange::Entry(oid) => unknown(" of an entry", oid, "RFC 5280 §5.3"),
            Strange::Point => unreadable("issuing distribution point", "RFC 5280 §5.2.5"),
            Strange::Delta => unreadable("delta indicator", "RFC 5280 §5.2.4"),
        }
    }

    pub(super) fn out_of_scope(crl: &Crl, scope: &Scope, certificate: &Certificate) -> Self {
        let (section, holds) = scope.misses(certificate);
        let message = format!("CRL {} is about {holds}", number(crl));
        let wanted = if certificate.is_ca() { "an authority" } else { "an end entity" };
        let wanted = format!("a CRL about {wanted} at its distribution points");
        Self::new(Code::CrlScope, message, wanted, holds).by(section)
    }
}

fn number(crl: &Crl) -> String {
    crl.number().map_or_else(|| "without number".to_owned(), ToString::to_string)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
