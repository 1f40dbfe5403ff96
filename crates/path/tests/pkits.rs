//! NIST PKITS 1.0.1: every one of its verdicts, or the reason for another.

#![expect(clippy::unwrap_used, reason = "a test panics")]
#![expect(clippy::print_stdout, reason = "a skipped test says so, and figures are worth reading")]

mod vectors;

use std::path::Path;

use serde::Deserialize;
use skink_path::{
    Code, Options, Profile, Purpose, Rejection, Revocation, Severity, VerifiedPath, validate,
};
use skink_x509::crl::Crl;
use skink_x509::{Certificate, ObjectIdentifier, ParseError, Time};

/// When the publishers' verdicts hold: 2011-04-15.
const TIME: (&str, Time) = ("2011-04-15T00:00:00Z", Time::from_secs(1_302_825_600));

#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the publisher's shape")]
struct Case {
    id: String,
    number: String,
    certs: Vec<String>,
    crls: Vec<String>,
    initial_policy_set: Vec<String>,
    initial_explicit_policy: bool,
    initial_policy_mapping_inhibit: bool,
    initial_inhibit_any_policy: bool,
    time: String,
    should_validate: bool,
}

impl Case {
    /// Nothing where the end entity or the anchor cannot be read; other certificates and lists that
    /// cannot be read are left out, as a relying party would.
    fn validate(&self, folder: &Path) -> Option<Result<VerifiedPath, Rejection>> {
        assert_eq!(self.time, TIME.0, "{}", self.id);
        let certificate = |name: &String| {
            let der = std::fs::read(folder.join("certs").join(format!("{name}.crt"))).unwrap();
            readable(name, Certificate::from_der(&der))
        };
        let crl = |name: &String| {
            let der = std::fs::read(folder.join("crls").join(format!("{name}.crl"))).unwrap();
            readable(name, Crl::from_der(&der))
        };
        let [anchor, between @ .., leaf] = &self.certs[..] else { panic!("{}", self.id) };
        let crls: Vec<Crl> = self.crls.iter().filter_map(crl).collect();
        let between: Vec<Certificate> = between.iter().filter_map(certificate).collect();
        let policies = self.initial_policy_set.iter();
        let options = Options {
            profile: Profile::Rfc5280,
            policies: policies.map(|oid| ObjectIdentifier::new(oid).unwrap()).collect(),
            explicit_policy: self.initial_explicit_policy,
            inhibit_mapping: self.initial_policy_mapping_inhibit,
            inhibit_any_policy: self.initial_inhibit_any_policy,
            ..Options::new(TIME.1, Purpose::Any).checking(Revocation::Chain).formal()
        };
        Some(validate(&certificate(leaf)?, &between, &[certificate(anchor)?], &crls, &options))
    }

    /// Why a case that is not to validate may be refused, by its section.
    fn reasons(&self) -> &'static [Code] {
        let mut numbers = self.number.split('.').skip(1);
        match numbers.next().unwrap() {
            // The one authority with a bad signature has one that is no whole number of bytes.
            "1" => &[Code::BadSignature, Code::IssuerNotFound],
            "2" => &[Code::NotYetValid, Code::Expired],
            "3" => &[Code::IssuerNotFound],
            "4" | "15" => &[
                Code::NoCrl,
                Code::StaleCrl,
                Code::Revoked,
                Code::CrlUnknownCritical,
                Code::CrlSignature,
                Code::CrlWrongKey,
                Code::CrlSigner,
                Code::CrlSign,
                Code::CrlNumber,
            ],
            "5" => &[Code::Revoked, Code::NotAnAuthority, Code::KeyUsage],
            "6" => &[Code::NotAnAuthority, Code::PathLength],
            "7" => &[Code::KeyUsage, Code::CrlSign],
            "8" | "9" | "11" | "12" => &[Code::Policy],
            "10" => &[Code::Policy, Code::UnreadablePolicy],
            "13" => &[Code::NameConstraint],
            "14" => &[
                Code::NoCrl,
                Code::SomeReasons,
                Code::Revoked,
                Code::CrlScope,
                Code::CrlSigner,
                Code::CrlWrongKey,
            ],
            "16" => &[Code::UnknownCritical],
            other => panic!("there is no section 4.{other}"),
        }
    }
}

/// What is read of a file, which may fail for these alone.
fn readable<T>(name: &str, read: Result<T, ParseError>) -> Option<T> {
    const UNREADABLE: [&str; 3] = [
        // Signatures that are no whole number of bytes.
        "BadCRLSignatureCACRL",
        "BadSignedCACert",
        "InvalidDSASignatureTest6EE",
    ];
    match read {
        Ok(read) => Some(read),
        Err(error) => {
            assert!(UNREADABLE.contains(&name), "{name}: {error}");
            None
        }
    }
}

#[test]
fn pkits_has_its_verdicts_or_reasons() {
    let Some(folder) = vectors::folder("pkits") else { return };
    let text = std::fs::read_to_string(folder.join("pkits.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 249);
    let verdicts = cases.iter().map(|case| {
        let verdict = case.validate(&folder);
        let accepted = matches!(verdict, Some(Ok(_)));
        if let Some(Err(rejection)) = &verdict
            && !case.should_validate
        {
            let reasons: Vec<Code> = rejection
                .findings()
                .iter()
                .filter(|one| one.severity == Severity::Error)
                .map(|one| one.code)
                .collect();
            let fits = reasons.iter().all(|reason| case.reasons().contains(reason));
            assert!(fits, "{} is refused because of {reasons:?}", case.id);
        }
        let told = match verdict {
            Some(Ok(_)) => "is accepted".to_owned(),
            Some(Err(rejection)) => rejection.to_string(),
            None => "cannot be read".to_owned(),
        };
        (case.id.clone(), accepted == case.should_validate, format!("{} {told}", case.number))
    });
    let agreed = vectors::compare(include_str!("pkits-exceptions.txt"), verdicts);
    println!("{agreed} of {} PKITS verdicts", cases.len());
}
