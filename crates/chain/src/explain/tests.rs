use std::collections::HashSet;

use super::*;

fn best(text: &str) -> Option<Cause> {
    explain(text).first().map(|it| it.cause)
}

#[test]
fn every_known_message_is_explained_by_its_own_cause_first() {
    for (family, says, cause) in known() {
        let text = says.replace('…', " something ");
        assert_eq!(best(&text), Some(cause), "{family}: {says}");
    }
}

#[test]
fn no_family_knows_a_message_twice() {
    let mut seen = HashSet::new();
    for (family, says, _) in known() {
        assert!(seen.insert((family, normal(says))), "{family}: {says}");
    }
    assert!(seen.len() > 350, "{}", seen.len());
}

#[test]
fn whole_lines_of_real_programs_are_understood() {
    let cases = [
        (
            "curl: (60) SSL certificate problem: unable to get local issuer certificate\nMore details here: https://curl.se/docs/sslcerts.html",
            Cause::UnknownIssuer,
        ),
        (
            "nginx: [emerg] SSL_CTX_use_PrivateKey(\"/etc/nginx/key.pem\") failed (SSL: error:05800074:x509 certificate routines::key values mismatch)",
            Cause::KeyMismatch,
        ),
        (
            "javax.net.ssl.SSLHandshakeException: PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path to requested target",
            Cause::UnknownIssuer,
        ),
        (
            "Get \"https://web:443/\": tls: failed to verify certificate: x509: certificate is valid for a.example, not b.example",
            Cause::NameMismatch,
        ),
        (
            "x509: certificate has expired or is not yet valid: current time 2026-01-01T00:00:00Z is before 2026-02-01T00:00:00Z",
            Cause::NotYetValid,
        ),
        (
            "requests.exceptions.SSLError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain (_ssl.c:1000)",
            Cause::UntrustedRoot,
        ),
        (
            "FATAL:  private key file \"server.key\" has group or world access",
            Cause::FilePermission,
        ),
        ("Error code: SSL_ERROR_BAD_CERT_DOMAIN", Cause::NameMismatch),
        ("npm ERR! code UNABLE_TO_GET_ISSUER_CERT_LOCALLY", Cause::UnknownIssuer),
    ];
    for (text, cause) in cases {
        assert_eq!(best(text), Some(cause), "{text}: {:?}", explain(text));
    }
}

#[test]
fn what_is_not_known_is_not_guessed() {
    for text in ["", "connection refused", "segmentation fault", "mismatch", "error 404"] {
        assert_eq!(explain(text), [], "{text}");
    }
}

#[test]
fn typographic_quotes_and_broken_lines_do_not_matter() {
    let text = "Hostname/IP does not match\n   certificate’s altnames: Host: x";
    assert_eq!(best(text), Some(Cause::NameMismatch));
}
