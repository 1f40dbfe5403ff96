//! Keys whose private half can be found from the public one.

use skink_x509::weak::{self, WeakKey};

use crate::clause::{br, iso, nist, pci};
use crate::facts::KeyKind;
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, Verdict, unless};

pub(super) const RULE: Rule = Rule {
    id: "weak-key",
    title: "no key is known to be weak: short or even RSA, small exponents, close primes, ROCA",
    worst: Severity::High,
    scope: Scope::Keys,
    reads: "the public half",
    needs: "reading public keys",
    recommendation: "make another key and replace it: `skink incident declare` with trigger \
                     algorithm, or a rotation if nobody relies on it yet",
    clauses: &[br("§6.1.1.3"), br("§6.1.6"), nist("§5.6"), pci("3.7.1"), iso("A.8.24")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.keys(|key| {
        if key.kind.known() == Some(&KeyKind::Symmetric) {
            return Ok(Verdict::Apart);
        }
        let weak = weak::check_key(key.public.told()?).err();
        unless(weak.map(|weak| {
            let severity = match weak {
                // Dear to verify, but sound.
                WeakKey::LongModulus { .. } => Severity::Low,
                WeakKey::Unknown => Severity::Medium,
                _ => Severity::High,
            };
            (severity, weak.to_string())
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{found, passes, public, unknown, unread};

    /// RSA-1024, from OpenSSL.
    const SHORT: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDhQ7ptJSlmlrjr7gI+ktVwFn79
YeXDP10pyvxY2Tlc+hgtaqfrd9+XCSZ3UycsVRAIGRiqg1LDaw3w2aQz9llgI1G/
Px9beoizDjdHkWTRhcx3mqwDP3synCgL33otqUHPcxrQomzkxiCKUuY5k2Se2tZl
F/zAwXYC1YKBDuV0eQIDAQAB
-----END PUBLIC KEY-----
";

    #[test]
    fn it_is_found_passed_and_unknown() {
        let short = public(SHORT);
        let is_found = found(&RULE, |facts| facts.keys[0].public = Fact::Known(short));
        assert_eq!(is_found, Some(Severity::High));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| facts.keys[0].public = unread()));
    }
}
