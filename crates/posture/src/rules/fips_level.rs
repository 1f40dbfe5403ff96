//! Authorities' keys in validated modules.

use crate::clause::{br, iso, nist, pci};
use crate::facts::Protection;
use crate::rule::{Asked, Outcome, Rule, Scope, Severity, Verdict, unless};

pub(super) const RULE: Rule = Rule {
    id: "fips-level",
    title: "an authority's key is kept in a module validated to FIPS 140 level 3",
    worst: Severity::Medium,
    scope: Scope::Keys,
    reads: "protection; the level, where the service tells or documents one",
    needs: "a token: none; AWS: kms:DescribeKey; Google: cloudkms.cryptoKeyVersions.get",
    recommendation: "make the next generation's key in a hardware module or a cloud's HSM; where a \
                     module's level is not told, keep its certificate's number with an acceptance",
    clauses: &[br("§6.2.7"), nist("§6.2.2"), pci("3.6.1.2"), iso("A.8.24")],
    judge,
};

fn judge(asked: &Asked<'_>) -> Vec<(String, Outcome)> {
    asked.keys(|key| {
        if !key.is_authoritys() {
            return Ok(Verdict::Apart);
        }
        if *key.protection.told()? == Protection::Software {
            return unless(Some((Severity::Medium, "kept in software".to_owned())));
        }
        let (level, wanted) = (*key.fips_level.told()?, asked.limits.fips_level);
        let evidence = || format!("its module has FIPS 140 level {level}, {wanted} is wanted");
        unless((level < wanted).then(|| (Severity::Medium, evidence())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use crate::fixture::{found, passes, unknown, unread};

    #[test]
    fn it_is_found_passed_and_unknown() {
        let software = |facts: &mut crate::Facts| {
            facts.keys[0].protection = Fact::Known(Protection::Software);
        };
        assert_eq!(found(&RULE, software), Some(Severity::Medium));
        let low = |facts: &mut crate::Facts| facts.keys[0].fips_level = Fact::Known(1);
        assert_eq!(found(&RULE, low), Some(Severity::Medium));
        assert!(passes(&RULE, |_| {}));
        assert!(unknown(&RULE, |facts| facts.keys[0].protection = unread()));
        assert!(unknown(&RULE, |facts| facts.keys[0].fips_level = unread()));
    }
}
