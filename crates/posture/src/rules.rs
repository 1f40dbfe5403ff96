//! Every rule, a file each.

mod authority_lifetime;
mod blocked_key;
mod certificate_lifetime;
mod crl_fresh;
mod deletion_guard;
mod deletion_pending;
mod drill;
mod exportable;
mod file_permissions;
mod fips_level;
mod key_age;
mod key_origin;
mod key_rotation;
mod key_size;
mod logging;
mod ocsp_fresh;
mod one_place;
mod operator_second_factor;
mod recovery_kit;
mod secret_age;
mod separation;
mod shared_prime;
mod signers;
mod standby_place;
mod weak_key;
mod wide_policy;

use std::fmt::Write as _;

use crate::{Rule, Scope};

/// Every rule, in the order of reports.
pub const ALL: &[&Rule] = &[
    &weak_key::RULE,
    &shared_prime::RULE,
    &blocked_key::RULE,
    &exportable::RULE,
    &key_origin::RULE,
    &wide_policy::RULE,
    &signers::RULE,
    &separation::RULE,
    &file_permissions::RULE,
    &deletion_pending::RULE,
    &deletion_guard::RULE,
    &key_size::RULE,
    &fips_level::RULE,
    &key_age::RULE,
    &key_rotation::RULE,
    &secret_age::RULE,
    &logging::RULE,
    &one_place::RULE,
    &standby_place::RULE,
    &recovery_kit::RULE,
    &drill::RULE,
    &authority_lifetime::RULE,
    &certificate_lifetime::RULE,
    &crl_fresh::RULE,
    &ocsp_fresh::RULE,
    &operator_second_factor::RULE,
];

/// The rules as a table in Markdown, for the documents.
pub fn table() -> String {
    let mut text = "| rule | what ought to hold | at worst | reads | needs | clauses |\n\
                    |---|---|---|---|---|---|\n"
        .to_owned();
    for rule in ALL {
        let clauses: Vec<String> = rule.clauses.iter().map(ToString::to_string).collect();
        let where_from = match rule.scope {
            Scope::Keys => "",
            Scope::Server => " (server)",
        };
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {}{where_from} | {} | {} |",
            rule.id,
            rule.title,
            rule.worst,
            rule.reads,
            rule.needs,
            clauses.join("; ")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{Fact, Outcome, fixture};

    #[test]
    fn rules_have_names_of_their_own_and_say_all_about_themselves() {
        let mut names = HashSet::new();
        for rule in ALL {
            assert!(names.insert(rule.id), "{} twice", rule.id);
            assert!(!rule.clauses.is_empty() && !rule.needs.is_empty(), "{}", rule.id);
            for text in [rule.title, rule.reads, rule.needs, rule.recommendation] {
                assert!(!text.is_empty() && !text.contains(['|', '\n', '<']), "{}", rule.id);
            }
        }
    }

    #[test]
    fn where_all_is_well_every_rule_has_looked_and_passes() {
        let facts = fixture::facts();
        let report = crate::check(
            &facts,
            &crate::Limits::default(),
            &crate::Baseline::default(),
            fixture::NOW,
        );
        for rule in ALL {
            let about = report.checks.iter().filter(|check| check.rule.id == rule.id);
            let outcomes: Vec<&Outcome> = about.map(|check| &check.outcome).collect();
            let silent = ["key-rotation", "secret-age"].contains(&rule.id) && outcomes.is_empty();
            let good = !outcomes.is_empty() && outcomes.iter().all(|one| **one == Outcome::Passed);
            assert!(good || silent, "{}: {outcomes:?}", rule.id);
        }
    }

    #[test]
    fn where_nothing_could_be_read_nothing_passes() {
        let mut facts = fixture::facts();
        let (key, server) = (&mut facts.keys[0], facts.server.as_mut().unwrap());
        key.kind = fixture::unread();
        key.algorithm = fixture::unread();
        key.public = fixture::unread();
        key.standing = fixture::unread();
        key.created = fixture::unread();
        key.protection = fixture::unread();
        key.fips_level = fixture::unread();
        key.origin = fixture::unread();
        key.exportable = fixture::unread();
        key.was_exportable = fixture::unread();
        key.deletion = fixture::unread();
        key.rotates_every = fixture::unread();
        key.grants = fixture::unread();
        key.file_mode = fixture::unread();
        facts.secrets[0].created = fixture::unread();
        facts.logs[0].on = fixture::unread();
        facts.logs[0].kept = fixture::unread();
        server.authorities = fixture::unread();
        server.kits = fixture::unread();
        server.issuers = fixture::unread();
        server.last_drill = fixture::unread();
        server.profiles = fixture::unread();
        server.operators = fixture::unread();
        server.blocked = fixture::unread();
        server.root_beside = fixture::unread();
        server.publications = fixture::unread();
        let report = crate::check(
            &facts,
            &crate::Limits::default(),
            &crate::Baseline::default(),
            fixture::NOW,
        );
        for rule in ALL {
            let about = report.checks.iter().filter(|check| check.rule.id == rule.id);
            let outcomes: Vec<&Outcome> = about.map(|check| &check.outcome).collect();
            let unknown = outcomes.iter().all(|one| matches!(one, Outcome::Unknown { .. }));
            assert!(!outcomes.is_empty() && unknown, "{}: {outcomes:?}", rule.id);
        }
        assert!(matches!(fixture::unread::<()>(), Fact::Unknown(_)));
    }
}
