//! RSA keys that have a prime in common.

use skink_x509::{PublicKey, weak};

use crate::clause::{br, iso, nist};
use crate::facts::{KeyFacts, KeyKind};
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, Verdict, unless};

pub(super) const RULE: Rule = Rule {
    id: "shared-prime",
    title: "no two RSA keys share a prime",
    worst: Severity::High,
    scope: Scope::Keys,
    reads: "the public halves, together",
    needs: "reading public keys",
    recommendation: "replace both keys, and distrust what made them: its randomness repeats",
    clauses: &[br("§6.1.1.3"), nist("§5.6"), iso("A.8.24")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    let keys = &asked.facts.keys;
    let mut different: Vec<PublicKey> = Vec::new();
    for public in keys.iter().filter_map(|key| key.public.known()) {
        // One key under two names shares its primes with itself.
        if !different.contains(public) {
            different.push(public.clone());
        }
    }
    let shared: Vec<&PublicKey> =
        weak::sharing_a_prime(&different).into_iter().map(|at| &different[at]).collect();
    asked.keys(|key| {
        if key.kind.known() == Some(&KeyKind::Symmetric) {
            return Ok(Verdict::Apart);
        }
        let public = key.public.told()?;
        unless(shared.contains(&public).then(|| (Severity::High, evidence(key, keys, &shared))))
    })
}

fn evidence(key: &KeyFacts, keys: &[KeyFacts], shared: &[&PublicKey]) -> String {
    let others = keys.iter().filter(|other| {
        let public = other.public.known();
        other.public != key.public && public.is_some_and(|public| shared.contains(&public))
    });
    let names: Vec<&str> = others.map(|other| other.name.as_str()).collect();
    format!("its modulus has a prime in common with that of {}", names.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{found, key, passes, public, unknown, unread};

    const ONE: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuFhbqOXvdy+RZNusz61D
CL51lmYhjMMd15r9Dmnwte0MmzG7DmOKsGqTqpvGKp1xAl+jIV8YYyxJIU0s5BIv
wI6RXj+BkPeuAGMstkktxhEfATU66j/WxuIRdcRk9JfO61J2vaJY7fFuW1MOZxDT
mOtfRWh/LGuyCOrPqhveBUn0+Zf47xq6fr6fgBHzjdWhRuoNS7nXkLWYg3Mgj29r
ggLFTUTXv56Vew1yAsQLIboqP6cJtsSlgo5fMgobHbCFd7+cVMO8wl+EvMee9fRe
ktvvHXgXIuSnrdEWEHRBDntcd3fww9p682QCP7hgQXKYE+T+dSwXiKvA2SRlH5Yk
TwIDAQAB
-----END PUBLIC KEY-----
";
    const OTHER: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEApLc2hWCOpzg2yqArBNab
PNo/qXAQU364UJmy0bJ+nRA+1BpHPEcPQkSbJHQS/w87krDzfTVmAKK/jCx2ushu
00x+Dl512z3FKtOzEaOYOo7sZl19MysZ+++IrHs8Ner7siY173+NLt5JiLNs866u
Q/hm/J6Ky3Yqjk1wrhX5Iau77xUXNKS8pQuYOS8xrqeVIpeCiZ0VTs9HKByjtx+C
f/1aG+v8u2Mbpzo9SXTdjBevCSLidxy+1dLIe0aGsw5uX0WPEbn5pDldBAPLYXl7
obBI4GavKqxxHXR+jZA5me0ilSkCBTQJ1EbtQNsmJ7Dou/UZZYhyp9ZEEQJwR2/S
TQIDAQAB
-----END PUBLIC KEY-----
";

    fn with(pem: &str) -> KeyFacts {
        let public = Fact::Known(public(pem));
        KeyFacts { public, ..key(&pem[60..70]) }
    }

    #[test]
    fn it_is_found_passed_and_unknown() {
        let pair = || vec![with(ONE), key("another"), with(OTHER)];
        assert_eq!(found(&RULE, |facts| facts.keys = pair()), Some(Severity::High));
        assert!(passes(&RULE, |facts| facts.keys = vec![with(ONE), with(ONE), key("another")]));
        assert!(unknown(&RULE, |facts| facts.keys[0].public = unread()));
    }
}
