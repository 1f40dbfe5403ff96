//! A grade for protocols and ciphers, with its reasons. Certificates are judged elsewhere.

use serde::Serialize;

use super::Scan;

/// A grade: `A` to `F`, and everything that kept it from being better.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grade {
    /// `A` to `F`, without E.
    pub letter: char,
    /// Worst first.
    pub reasons: Vec<Reason>,
}

/// Why a grade is not better.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The best grade that is still possible with it; `A` is a remark only.
    pub at_best: char,
    /// What is so.
    pub what: String,
    /// What to do.
    pub remedy: &'static str,
}

/// What a cipher's name may hold, the best grade with it, why, and the remedy.
const WEAK: [(&str, char, &str, &str); 8] = [
    ("_NULL_", 'F', "does not encrypt", "take NULL ciphers out (OpenSSL: `!eNULL`)"),
    ("_anon_", 'F', "does not prove who the server is", "take anonymous ciphers out (`!aNULL`)"),
    (
        "_EXPORT_",
        'F',
        "was weakened on purpose (FREAK, Logjam)",
        "take export ciphers out (`!EXPORT`)",
    ),
    ("_RC4_", 'F', "RC4 is broken (RFC 7465)", "take RC4 out (`!RC4`)"),
    ("_DES_", 'F', "a key of 56 bits is guessed in hours", "take DES out (`!DES`)"),
    ("_3DES_", 'C', "blocks of 64 bits (SWEET32)", "take 3DES out (`!3DES`)"),
    ("_IDEA_", 'C', "blocks of 64 bits (SWEET32)", "take IDEA out (`!IDEA`)"),
    ("_MD5", 'C', "MD5 guards the records", "take MD5 out (`!MD5`)"),
];

pub(super) fn of(scan: &Scan) -> Grade {
    let mut reasons = Vec::new();
    let mut say = |at_best, what: String, remedy| reasons.push(Reason { at_best, what, remedy });
    protocols(scan, &mut say);
    ciphers(scan, &mut say);
    features(scan, &mut say);
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.at_best));
    let letter = reasons.iter().map(|reason| reason.at_best).max().unwrap_or('A');
    Grade { letter, reasons }
}

fn protocols(scan: &Scan, say: &mut impl FnMut(char, String, &'static str)) {
    if scan.speaks("SSL 3.0") {
        say('F', "SSL 3.0 is spoken (POODLE, RFC 7568)".into(), "turn SSL 3.0 off");
    }
    let old: Vec<_> = ["TLS 1.0", "TLS 1.1"].into_iter().filter(|it| scan.speaks(it)).collect();
    let new = scan.speaks("TLS 1.2") || scan.speaks("TLS 1.3");
    if !old.is_empty() {
        let remedy = "allow TLS 1.2 and 1.3 only (RFC 8996)";
        say(if new { 'B' } else { 'D' }, format!("{} is spoken", old.join(" and ")), remedy);
    }
    if !new {
        let remedy = "turn TLS 1.2 and 1.3 on; it may take a newer TLS library";
        say('D', "neither TLS 1.2 nor TLS 1.3 is spoken".into(), remedy);
    } else if !scan.speaks("TLS 1.3") {
        say('B', "TLS 1.3 is not spoken".into(), "turn TLS 1.3 on");
    }
}

fn ciphers(scan: &Scan, say: &mut impl FnMut(char, String, &'static str)) {
    let mut all: Vec<&str> =
        scan.protocols.iter().flat_map(|it| &it.ciphers).map(String::as_str).collect();
    all.sort_unstable();
    all.dedup();
    for (part, at_best, why, remedy) in WEAK {
        let hit: Vec<_> = all.iter().copied().filter(|name| name.contains(part)).collect();
        if let Some(first) = hit.first() {
            let more =
                if hit.len() > 1 { format!(" and {} more", hit.len() - 1) } else { String::new() };
            say(at_best, format!("{first}{more}: {why}"), remedy);
        }
    }
    let secret = |name: &&str| name.starts_with("TLS_RSA_");
    let without: Vec<_> = all.iter().copied().filter(secret).collect();
    if !without.is_empty() {
        let remedy = "take ciphers without (EC)DHE out (`!kRSA`)";
        let only = without.len() == all.len();
        let what = "whoever gets the server's key later can read what was recorded today";
        let count = without.len();
        say(
            if only { 'C' } else { 'B' },
            format!("{count} ciphers without forward secrecy: {what}"),
            remedy,
        );
    }
    let cbc = all.iter().filter(|name| name.contains("_CBC_")).count();
    if cbc > 0 && cbc == all.len() {
        say('B', "only CBC ciphers are taken".into(), "add AES-GCM or ChaCha20-Poly1305");
    } else if cbc > 0 {
        let remedy = "AES-GCM and ChaCha20-Poly1305 are enough for every client since 2013";
        say('A', format!("{cbc} CBC ciphers are taken too"), remedy);
    }
    if scan.smallest_dh_bits.is_some_and(|bits| bits < 2048) {
        let bits = scan.smallest_dh_bits.unwrap_or_default();
        let at_best = if bits < 1024 { 'F' } else { 'B' };
        say(
            at_best,
            format!("a prime of {bits} bits for DHE (Logjam)"),
            "use ffdhe2048 or more (RFC 7919), or no DHE",
        );
    }
}

fn features(scan: &Scan, say: &mut impl FnMut(char, String, &'static str)) {
    if scan.compresses {
        say('C', "TLS compression is on (CRIME)".into(), "turn compression off");
    }
    if scan.secure_renegotiation == Some(false) {
        let remedy = "update the TLS library: RFC 5746 is of 2010";
        say('C', "renegotiation is not bound to the connection (CVE-2009-3555)".into(), remedy);
    }
    if scan.extended_master_secret == Some(false) {
        let remedy = "update the TLS library (RFC 7627)";
        say('A', "no extended master secret".into(), remedy);
    }
    if !scan.groups.iter().any(|name| name.contains("MLKEM")) {
        let remedy = "X25519MLKEM768 comes with OpenSSL 3.5, Go 1.24, BoringSSL, rustls 0.23.27";
        say('A', "no key exchange that withstands quantum computers".into(), remedy);
    }
    if scan.stapled.seen == 0 {
        let remedy =
            "if the certificate names an OCSP responder, turn stapling on: `skink chain config`";
        say('A', "no OCSP response is stapled".into(), remedy);
    } else if scan.stapled.seen < scan.stapled.of {
        let times = scan.stapled;
        let what = format!("stapled in {} of {} handshakes only", times.seen, times.of);
        say('A', what, "give the server a file with the response, or a resolver that answers");
    }
    let tried = [scan.resumes_tls13, scan.resumes_by_ticket, scan.resumes_by_id];
    if tried.iter().any(Option::is_some) && !tried.contains(&Some(true)) {
        let remedy = "a shared session cache, or ticket keys that all workers share, saves a signature per visit";
        say('A', "sessions are not resumed".into(), remedy);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Spoken, Times};
    use super::*;

    fn spoken(version: &str, ciphers: &[&str]) -> Spoken {
        Spoken {
            version: version.into(),
            spoken: !ciphers.is_empty(),
            refusal: None,
            ciphers: ciphers.iter().map(|name| (*name).to_owned()).collect(),
            server_prefers: None,
        }
    }

    fn good() -> Scan {
        Scan {
            protocols: vec![spoken("TLS 1.3", &["TLS_AES_128_GCM_SHA256"])],
            groups: vec!["X25519MLKEM768".into()],
            stapled: Times { seen: 3, of: 3 },
            resumes_tls13: Some(true),
            ..Scan::default()
        }
    }

    #[test]
    fn nothing_to_say_is_an_a_and_the_worst_reason_decides() {
        assert_eq!(good().grade(), Grade { letter: 'A', reasons: Vec::new() });
        let mut old = good();
        old.protocols.push(spoken("TLS 1.0", &["TLS_RSA_WITH_AES_128_CBC_SHA"]));
        let grade = old.grade();
        assert_eq!(grade.letter, 'B');
        assert!(grade.reasons[0].what.contains("TLS 1.0"), "{grade:?}");
        old.protocols.push(spoken("SSL 3.0", &["TLS_RSA_WITH_RC4_128_MD5"]));
        assert_eq!(old.grade().letter, 'F');
        let sweet = spoken("TLS 1.2", &["TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"]);
        let grade = Scan { protocols: vec![sweet], ..good() }.grade();
        assert_eq!(grade.letter, 'C');
        assert!(grade.reasons[0].what.contains("SWEET32"), "3DES is not DES: {grade:?}");
    }
}
