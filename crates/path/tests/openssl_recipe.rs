//! OpenSSL's own verification recipe: its verdicts, or the reason for another.

#![expect(clippy::unwrap_used, reason = "a test panics")]
#![expect(clippy::print_stdout, reason = "a skipped test says so, and figures are worth reading")]

mod vectors;

use std::path::Path;

use serde::Deserialize;
use skink_path::{Options, Profile, Purpose, validate};
use skink_testkit::NOW;
use skink_x509::{Certificate, Time};

/// One command line.
#[derive(Deserialize)]
struct Case {
    line: u32,
    args: Vec<String>,
    expect: String,
}

#[derive(Default)]
struct Given {
    anchors: Vec<Certificate>,
    untrusted: Vec<Certificate>,
    unreadable: Vec<String>,
}

impl Given {
    /// Every certificate of a file that can be read; a bare block of OpenSSL's own label, with its
    /// trust settings, cannot.
    fn read(&mut self, file: &Path) -> Vec<Certificate> {
        let mut read = Vec::new();
        let Ok(text) = std::fs::read_to_string(file) else {
            self.unreadable.push(format!("no file {}", file.display()));
            return read;
        };
        for block in text.split_inclusive("-----END CERTIFICATE-----") {
            if !block.contains("-----BEGIN CERTIFICATE-----") {
                continue;
            }
            match Certificate::from_pem(block) {
                Ok(certificate) => read.push(certificate),
                Err(error) => self.unreadable.push(format!("{}: {error}", file.display())),
            }
        }
        read
    }
}

/// The reason of a refusal.
fn verdict(case: &Case, folder: &Path) -> Result<(), String> {
    let mut given = Given::default();
    let mut options = Options { profile: Profile::Rfc5280, ..Options::new(NOW, Purpose::Any) };
    let mut leaf = None;
    let mut args = case.args[2..].iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap().as_str();
        match arg.as_str() {
            "-trusted" | "-CAfile" => {
                let anchors = given.read(&folder.join(value()));
                given.anchors.extend(anchors);
            }
            "-untrusted" => {
                let untrusted = given.read(&folder.join(value()));
                given.untrusted.extend(untrusted);
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
            "-auth_level" | "-vfyopt" | "-CAstore" => drop(value()),
            // Every anchor is one here, self-signed or not.
            "-partial_chain" | "-allow_proxy_certs" | "-policy_check" | "-check_ss_sig" => {}
            file if !file.starts_with('-') => leaf = Some(folder.join(file)),
            other => panic!("option {other}"),
        }
    }
    let leaf = given.read(&leaf.unwrap()).into_iter().next();
    let leaf = leaf.ok_or_else(|| given.unreadable.join("; "))?;
    validate(&leaf, &given.untrusted, &given.anchors, &[], &options)
        .map(drop)
        .map_err(|rejection| format!("{rejection} {}", given.unreadable.join("; ")))
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
