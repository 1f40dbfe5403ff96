//! OpenSSL's own verification recipe: its verdicts, or the reason for another.

#![expect(clippy::unwrap_used, reason = "a test panics")]
#![expect(clippy::print_stdout, reason = "a skipped test says so, and figures are worth reading")]

mod vectors;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::asn1::AnyRef;
use der::{Decode as _, Encode as _, Reader as _, SliceReader, Tag, Tagged as _};
use serde::Deserialize;
use skink_path::{Code, Finding, Options, Profile, Purpose, validate};
use skink_testkit::NOW;
use skink_x509::{Certificate, ObjectIdentifier, Time, oid};

/// One command line.
#[derive(Deserialize)]
struct Case {
    line: u32,
    args: Vec<String>,
    expect: String,
}

/// Somebody's trust in a certificate: OpenSSL keeps with it what it is trusted and mistrusted for.
struct Trusted {
    certificate: Certificate,
    trust: Vec<ObjectIdentifier>,
    mistrust: Vec<ObjectIdentifier>,
}

impl Trusted {
    /// A block of the label `TRUSTED CERTIFICATE`: the certificate, and its settings behind it.
    fn from_settings(der: &[u8]) -> Self {
        let mut reader = SliceReader::new(der).unwrap();
        let certificate = AnyRef::decode(&mut reader).unwrap().to_der().unwrap();
        let settings = AnyRef::decode(&mut reader).unwrap();
        let mut settings = SliceReader::new(settings.value()).unwrap();
        let (mut trust, mut mistrust) = (Vec::new(), Vec::new());
        while !settings.is_finished() {
            let field = AnyRef::decode(&mut settings).unwrap();
            let into = match field.tag() {
                Tag::Sequence => &mut trust,
                Tag::ContextSpecific { number, .. } if number.value() == 0 => &mut mistrust,
                _ => continue,
            };
            let mut oids = SliceReader::new(field.value()).unwrap();
            while !oids.is_finished() {
                into.push(ObjectIdentifier::decode(&mut oids).unwrap());
            }
        }
        Self { certificate: Certificate::from_der(&certificate).unwrap(), trust, mistrust }
    }

    /// Whether it is trusted or mistrusted for that purpose by name; none where nothing is said.
    fn for_purpose(&self, purpose: Purpose) -> Option<bool> {
        let wanted = match purpose {
            Purpose::Server => Some(oid::SERVER_AUTH),
            Purpose::Client => Some(oid::CLIENT_AUTH),
            _ => None,
        };
        let covers = |oids: &[ObjectIdentifier]| {
            oids.iter().any(|oid| Some(*oid) == wanted || *oid == oid::ANY_EXTENDED_KEY_USAGE)
        };
        if covers(&self.mistrust) {
            Some(false)
        } else {
            (!self.trust.is_empty()).then(|| wanted.is_none() || covers(&self.trust))
        }
    }

    /// What is signed by an algorithm that is not verified is taken by its names.
    fn is_self_signed(&self) -> bool {
        let Self { certificate, .. } = self;
        certificate.is_self_issued()
            && (certificate.signature_algorithm().is_none()
                || certificate.danger_verify_signed_by(certificate.public_key()).is_ok())
    }
}

/// Every certificate of a file that can be read, or why the file cannot.
fn read(file: &Path) -> Result<Vec<Trusted>, String> {
    // Two files that the recipe makes while it runs: other blocks stand beside the certificate.
    let mixed = ["certplusrsa.pem", "rsapluscert.pem"].iter().any(|name| file.ends_with(name));
    let text = if mixed {
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let certificate = std::fs::read_to_string(file.with_file_name("test/certs/root-cert.pem"));
        [key, &certificate.unwrap(), key].concat()
    } else {
        std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?
    };
    let mut all = Vec::new();
    for block in text.split_inclusive("-----END") {
        let Some(begin) = block.find("-----BEGIN ") else { continue };
        let (label, rest) = block[begin + 11..].split_once("-----").unwrap();
        let body: String = rest.split_whitespace().filter(|word| *word != "-----END").collect();
        let body = body.trim_end_matches("-----END");
        if label.ends_with("CERTIFICATE") {
            let der = STANDARD.decode(body).unwrap();
            all.push(match label {
                "TRUSTED CERTIFICATE" => Trusted::from_settings(&der),
                _ => Trusted {
                    certificate: Certificate::from_der(&der)
                        .map_err(|error| format!("{}: {error}", file.display()))?,
                    trust: Vec::new(),
                    mistrust: Vec::new(),
                },
            });
        }
    }
    Ok(all)
}

/// A command line, as far as it has a meaning here.
struct Line<'a> {
    leaf: Certificate,
    trusted: Vec<Trusted>,
    untrusted: Vec<Certificate>,
    partial_chain: bool,
    level: u32,
    options: Options<'a>,
}

impl Line<'_> {
    fn read(case: &Case, folder: &Path) -> Result<Self, String> {
        let mut options = Options { profile: Profile::Rfc5280, ..Options::new(NOW, Purpose::Any) };
        let (mut leaf, mut trusted, mut untrusted) = (None, Vec::new(), Vec::new());
        let (mut partial_chain, mut level) = (false, 0);
        let mut args = case.args[2..].iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().unwrap().as_str();
            match arg.as_str() {
                "-trusted" | "-CAfile" | "-CAstore" => trusted.extend(read(&folder.join(value()))?),
                "-untrusted" => {
                    let read = read(&folder.join(value()))?.into_iter();
                    untrusted.extend(read.map(|one| one.certificate));
                }
                "-purpose" => {
                    options.purpose = match value() {
                        "sslserver" => Purpose::Server,
                        "sslclient" => Purpose::Client,
                        other => panic!("purpose {other}"),
                    }
                }
                "-attime" => options.time = Time::from_secs(value().parse().unwrap()),
                "-verify_depth" => options.max_intermediates = value().parse().unwrap(),
                "-policy" => options.policies.push(value().parse().unwrap()),
                "-explicit_policy" => options.explicit_policy = true,
                "-x509_strict" => options = options.formal(),
                "-auth_level" => level = value().parse().unwrap(),
                "-partial_chain" => partial_chain = true,
                "-vfyopt" => drop(value()),
                "-allow_proxy_certs" | "-policy_check" | "-check_ss_sig" => {}
                file if !file.starts_with('-') => {
                    leaf = read(&folder.join(file))?.into_iter().next();
                }
                other => panic!("option {other}"),
            }
        }
        let leaf = leaf.unwrap().certificate;
        Ok(Self { leaf, trusted, untrusted, partial_chain, level, options })
    }

    /// The reason of a refusal. Mistrust by name is a denied key; trust by name makes an anchor of
    /// what is not self-signed, as `-partial_chain` does; from level 1 on nothing may be weak.
    fn verdict(mut self) -> Result<(), String> {
        let purpose = self.options.purpose;
        let mistrusted = self.trusted.iter().filter(|it| it.for_purpose(purpose) == Some(false));
        let denied = mistrusted.map(|it| it.certificate.public_key().digest()).collect();
        let (anchors, others): (Vec<_>, Vec<_>) =
            self.trusted.into_iter().partition(|it| match it.for_purpose(purpose) {
                Some(trusted) => trusted,
                None => self.partial_chain || it.is_self_signed(),
            });
        let anchors: Vec<_> = anchors.into_iter().map(|it| it.certificate).collect();
        self.untrusted.extend(others.into_iter().map(|it| it.certificate));
        let options = self.options.denying(&denied);
        let path = validate(&self.leaf, &self.untrusted, &anchors, &[], &options)
            .map_err(|rejection| rejection.to_string())?;
        let weak = |note: &&Finding| matches!(note.code, Code::WeakKey | Code::WeakSignature);
        match path.notes().iter().find(weak) {
            Some(note) if self.level > 0 => Err(note.to_string()),
            _ => Ok(()),
        }
    }
}

fn verdict(case: &Case, folder: &Path) -> Result<(), String> {
    Line::read(case, folder)?.verdict()
}

#[test]
fn the_recipe_has_its_verdicts_or_reasons() {
    let Some(folder) = vectors::folder("openssl-verify") else { return };
    let text = std::fs::read_to_string(folder.join("25-test_verify.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 171);
    let verdicts = cases.iter().map(|case| {
        let verdict = verdict(case, &folder);
        let agrees = verdict.is_ok() == (case.expect == "pass");
        let told = verdict.err().unwrap_or_else(|| "is accepted".to_owned());
        (format!("line-{}", case.line), agrees, told)
    });
    let agreed = vectors::compare(include_str!("openssl-exceptions.txt"), verdicts);
    println!("{agreed} of {} verdicts of the OpenSSL recipe", cases.len());
}
