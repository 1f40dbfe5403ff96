//! Algorithms and sizes that last as long as they are needed.

use skink_x509::{KeyAlgorithm, Time};

use crate::clause::{br, iso, nist, pci};
use crate::facts::{AuthorityFacts, KeyFacts, KeyKind, Work};
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, Verdict, unless};

pub(super) const RULE: Rule = Rule {
    id: "key-size",
    title: "every key is of an approved algorithm and size, for as long as it is used",
    worst: Severity::High,
    scope: Scope::Keys,
    reads: "algorithm and size; the end of the authority",
    needs: "reading public keys",
    recommendation: "replace it by EC P-256 or P-384, or RSA-3072 and larger, with the next generation",
    clauses: &[nist("§5.6"), br("§6.1.5"), pci("3.7.1"), iso("A.8.24")],
    judge,
};

/// 2031-01-01: from then on 112 bits of strength are not enough (NIST SP 800-57-1 r5, §5.6).
const END_OF_112_BITS: Time = Time::from_secs(1_924_992_000);

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.keys(|key| {
        if key.kind.known() == Some(&KeyKind::Symmetric) {
            return symmetric(key);
        }
        let public = key.public.told()?;
        let bits = public.bits();
        match public.algorithm() {
            KeyAlgorithm::Dsa => found(Severity::High, "DSA is withdrawn".to_owned()),
            KeyAlgorithm::Other => {
                found(Severity::Medium, "an algorithm that is not known".to_owned())
            }
            KeyAlgorithm::Rsa2048
            | KeyAlgorithm::Rsa3072
            | KeyAlgorithm::Rsa4096
            | KeyAlgorithm::RsaOther => rsa(asked, key, bits),
            _ => Ok(Verdict::Holds),
        }
    })
}

fn rsa(asked: &Asked<'_>, key: &KeyFacts, bits: usize) -> crate::rule::Judged {
    if bits < 2048 {
        return found(Severity::High, format!("RSA with {bits} bits"));
    }
    if bits >= 3072 {
        return Ok(Verdict::Holds);
    }
    let end = authority(asked, key).and_then(|one| one.not_after.known()).copied();
    match end {
        Some(end) if end >= END_OF_112_BITS => {
            found(Severity::Medium, format!("RSA with {bits} bits is to last until {end}"))
        }
        Some(_) => Ok(Verdict::Holds),
        None => found(Severity::Low, format!("RSA with {bits} bits does not last beyond 2030")),
    }
}

fn authority<'a>(asked: &Asked<'a>, key: &KeyFacts) -> Option<&'a AuthorityFacts> {
    let Work::Authority(id) = &key.work else { return None };
    let known = asked.facts.server.as_ref()?.authorities.known()?;
    known.iter().find(|one| one.id == *id)
}

fn symmetric(key: &KeyFacts) -> crate::rule::Judged {
    let algorithm = key.algorithm.told()?.to_ascii_lowercase();
    let old = ["des", "rc4", "rc2", "blowfish", "md5"].iter().any(|word| algorithm.contains(word));
    unless(old.then(|| (Severity::High, format!("{algorithm} is withdrawn"))))
}

fn found(severity: Severity, evidence: String) -> crate::rule::Judged {
    unless(Some((severity, evidence)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{ahead, found as finds, passes, public, server, unknown, unread};

    const RSA: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuFhbqOXvdy+RZNusz61D
CL51lmYhjMMd15r9Dmnwte0MmzG7DmOKsGqTqpvGKp1xAl+jIV8YYyxJIU0s5BIv
wI6RXj+BkPeuAGMstkktxhEfATU66j/WxuIRdcRk9JfO61J2vaJY7fFuW1MOZxDT
mOtfRWh/LGuyCOrPqhveBUn0+Zf47xq6fr6fgBHzjdWhRuoNS7nXkLWYg3Mgj29r
ggLFTUTXv56Vew1yAsQLIboqP6cJtsSlgo5fMgobHbCFd7+cVMO8wl+EvMee9fRe
ktvvHXgXIuSnrdEWEHRBDntcd3fww9p682QCP7hgQXKYE+T+dSwXiKvA2SRlH5Yk
TwIDAQAB
-----END PUBLIC KEY-----
";

    #[test]
    fn it_is_found_passed_and_unknown() {
        let until = |days| {
            finds(&RULE, |facts| {
                facts.keys[0].public = Fact::Known(public(RSA));
                let Fact::Known(authorities) = &mut server(facts).authorities else { return };
                authorities[1].not_after = Fact::Known(ahead(days));
            })
        };
        assert_eq!(until(5 * 365), Some(Severity::Medium));
        assert_eq!(until(365), None);
        let alone = finds(&RULE, |facts| {
            facts.keys[0].public = Fact::Known(public(RSA));
            facts.server = None;
        });
        assert_eq!(alone, Some(Severity::Low));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| facts.keys[0].public = unread()));
    }

    #[test]
    fn secret_keys_are_judged_by_their_algorithm() {
        let of = |algorithm: &str| {
            finds(&RULE, |facts| {
                facts.keys[0].kind = Fact::Known(KeyKind::Symmetric);
                facts.keys[0].algorithm = Fact::Known(algorithm.to_owned());
            })
        };
        assert_eq!(of("des3"), Some(Severity::High));
        assert_eq!(of("aes256-gcm96"), None);
    }
}
