//! Facts with which all is well, for the rules' tests.

use std::time::Duration;

use skink_testkit::TestKey;
use skink_x509::{PublicKey, Time};

use crate::facts::*;
use crate::rule::{Asked, Outcome, Severity};
use crate::span::days;
use crate::{Fact, Limits, Rule};

/// 2026-09-21.
pub(crate) const NOW: Time = skink_testkit::NOW;

pub(crate) fn ago(count: u64) -> Time {
    NOW.minus(days(count))
}

pub(crate) fn ahead(count: u64) -> Time {
    NOW.plus(days(count))
}

/// A public key out of a file.
pub(crate) fn public(pem: &str) -> PublicKey {
    let (_, der) = der::Document::from_pem(pem).unwrap();
    PublicKey::from_spki_der(der.as_bytes()).unwrap()
}

/// A fact that nobody may read.
pub(crate) fn unread<T>() -> Fact<T> {
    Fact::unknown("permission denied")
}

pub(crate) fn key(name: &str) -> KeyFacts {
    KeyFacts {
        name: name.to_owned(),
        work: Work::Authority("workloads-g1".to_owned()),
        service_managed: false,
        kind: Fact::Known(KeyKind::Asymmetric),
        algorithm: Fact::Known("ec-p256".to_owned()),
        public: Fact::Known(TestKey::generate(skink_x509::KeyAlgorithm::EcP256).public().clone()),
        standing: Fact::Known(Standing::Enabled),
        created: Fact::Known(ago(30)),
        protection: Fact::Known(Protection::Hardware),
        fips_level: Fact::Known(3),
        origin: Fact::Known(Origin::Generated),
        exportable: Fact::Known(Exportable::No),
        was_exportable: Fact::Known(false),
        deletion: Fact::Known(Deletion::After(days(30))),
        rotates_every: Fact::Known(Some(days(365))),
        grants: Fact::Known(vec![grant("the server")]),
        unseen_grants: None,
        file_mode: Fact::Known(Some(0o100_600)),
    }
}

pub(crate) fn grant(who: &str) -> Grant {
    Grant {
        who: who.to_owned(),
        everybody: false,
        what: "sign".to_owned(),
        everything: false,
        signs: Signs::Yes,
        administers: false,
    }
}

pub(crate) fn authority(id: &str, issuer: &str, parent: Option<&str>) -> AuthorityFacts {
    AuthorityFacts {
        id: id.to_owned(),
        issuer: issuer.to_owned(),
        parent: parent.map(ToOwned::to_owned),
        standing: AuthorityStanding::Active,
        not_before: Fact::Known(ago(30)),
        not_after: Fact::Known(ahead(5 * 365)),
        place: parent.map(|_| "awskms:1".to_owned()),
    }
}

pub(crate) fn publication(kind: PublicationKind) -> Publication {
    Publication {
        kind,
        name: "http://pki.example.test/one".to_owned(),
        authority: "workloads-g1".to_owned(),
        by_root: false,
        sound: Fact::Known(Ok(())),
        this_update: Fact::Known(ago(1)),
        next_update: Fact::Known(Some(ahead(6))),
    }
}

/// All is well.
pub(crate) fn facts() -> Facts {
    Facts {
        keys: vec![key("awskms:one")],
        secrets: vec![SecretFacts {
            name: "token of lea".to_owned(),
            created: Fact::Known(ago(10)),
        }],
        logs: vec![LogFacts {
            name: "awskms".to_owned(),
            on: Fact::Known(true),
            kept: Fact::Known(Some(days(400))),
        }],
        server: Some(ServerFacts {
            domain: "example.test".to_owned(),
            authorities: Fact::Known(vec![
                authority("root", "root", None),
                authority("workloads-g1", "workloads", Some("root")),
                AuthorityFacts {
                    standing: AuthorityStanding::Standby,
                    place: Some("vault:2".to_owned()),
                    ..authority("workloads-g2", "workloads", Some("root"))
                },
            ]),
            kits: Fact::Known(vec![KitFacts {
                issuer: "workloads".to_owned(),
                created: ago(30),
                expires: ahead(600),
            }]),
            issuers: Fact::Known(vec!["workloads".to_owned()]),
            last_drill: Fact::Known(Some(ago(20))),
            profiles: Fact::Known(vec![ProfileFacts {
                name: "server".to_owned(),
                max_life: days(30),
            }]),
            operators: Fact::Known(vec![OperatorFacts {
                name: "lea".to_owned(),
                role: "pki-lead".to_owned(),
                changes: true,
                ways_in: vec!["client-key"],
                factors: 2,
            }]),
            blocked: Fact::Known(Vec::new()),
            root_beside: Fact::Known(None),
            publications: Fact::Known(vec![
                publication(PublicationKind::Crl),
                Publication {
                    next_update: Fact::Known(Some(NOW.plus(Duration::from_hours(1)))),
                    ..publication(PublicationKind::Ocsp)
                },
            ]),
        }),
    }
}

pub(crate) fn server(facts: &mut Facts) -> &mut ServerFacts {
    facts.server.as_mut().unwrap()
}

/// Everything that a rule says after something was changed.
pub(crate) fn judged(
    rule: &'static Rule,
    change: impl FnOnce(&mut Facts),
) -> Vec<(String, Outcome)> {
    let mut facts = facts();
    change(&mut facts);
    let limits = Limits::default();
    (rule.judge)(&Asked { facts: &facts, limits: &limits, now: NOW })
}

/// The worst that a rule finds.
pub(crate) fn found(rule: &'static Rule, change: impl FnOnce(&mut Facts)) -> Option<Severity> {
    let worst = judged(rule, change).into_iter().filter_map(|(_, outcome)| match outcome {
        Outcome::Found { severity, .. } => Some(severity),
        _ => None,
    });
    let worst = worst.max();
    assert!(worst <= Some(rule.worst), "{} finds worse than it says", rule.id);
    worst
}

/// Whether a rule says of everything that it holds, and says anything at all.
pub(crate) fn passes(rule: &'static Rule, change: impl FnOnce(&mut Facts)) -> bool {
    let said = judged(rule, change);
    !said.is_empty() && said.iter().all(|(_, outcome)| *outcome == Outcome::Passed)
}

/// Whether a rule says of something that nobody knows.
pub(crate) fn unknown(rule: &'static Rule, change: impl FnOnce(&mut Facts)) -> bool {
    judged(rule, change).iter().any(|(_, outcome)| matches!(outcome, Outcome::Unknown { .. }))
}
