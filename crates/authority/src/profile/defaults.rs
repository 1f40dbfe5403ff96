//! The profiles that exist before anybody writes one, and the defaults of those that are written.

use super::{NameRules, ProfileConfig, SubjectRule};
use crate::span::Span;

/// Certificates for servers, clients and both; canaries and probes; the control channel's two ends;
/// OCSP responders.
pub fn default_profiles() -> Vec<ProfileConfig> {
    let (server, client) = (["server_auth"].as_slice(), ["client_auth"].as_slice());
    let both = &["server_auth", "client_auth"];
    vec![
        profile("server", server),
        profile("client", client),
        profile("server-client", both),
        // Stands as long as its authority does, so that distrust can be proven at any time.
        ProfileConfig { lifetime: Span::days(397), ..profile("canary", both) },
        profile("probe", both),
        profile("control-server", both),
        profile("control-agent", client),
        ProfileConfig {
            lifetime: Span::days(397),
            names: NameRules { required: false, ..NameRules::default() },
            subject: SubjectRule::CommonName,
            revocation: false,
            ocsp_nocheck: true,
            ..profile("ocsp-responder", &["ocsp_signing"])
        },
    ]
}

fn profile(name: &str, extended_key_usage: &[&str]) -> ProfileConfig {
    ProfileConfig {
        name: name.to_owned(),
        key_usage: key_usage(),
        extended_key_usage: extended_key_usage.iter().map(|&usage| usage.to_owned()).collect(),
        subject: SubjectRule::default(),
        lifetime: lifetime(),
        max_lifetime: max_lifetime(),
        backdate: backdate(),
        key_algorithms: key_algorithms(),
        names: NameRules::any(),
        revocation: true,
        ocsp_nocheck: false,
    }
}

pub(super) fn key_usage() -> Vec<String> {
    vec!["digitalSignature".to_owned()]
}

pub(super) const fn lifetime() -> Span {
    Span::days(30)
}

pub(super) const fn max_lifetime() -> Span {
    super::LONGEST_LIFETIME
}

pub(super) const fn backdate() -> Span {
    Span::minutes(5)
}

pub(super) fn key_algorithms() -> Vec<String> {
    skink_x509::KeyAlgorithm::GENERATED.iter().map(ToString::to_string).collect()
}

pub(super) const fn yes() -> bool {
    true
}
