use skink_x509::crl::CrlNumber;

use super::*;
use crate::fixture::{Domain, Draft, G1_SCOPE, Key, NOW, Root, days, digest_of};
use crate::{Edition, Parts};

#[track_caller]
fn refused(domain: &Domain, held: &Held, draft: Draft) -> Refusal {
    domain.offer(held, draft).unwrap_err()
}

#[test]
fn a_first_package_and_the_next_are_accepted() {
    let domain = Domain::new();
    let held = domain.first();
    assert_eq!(held.edition(), Edition::new(1, 1));
    assert_eq!(held.active("workloads").unwrap().id, "workloads-g1");
    assert_eq!(held.issuing_anchors().count(), 2);
    let next = domain.offer(&held, domain.draft(2)).unwrap();
    assert_eq!(next.held.edition(), Edition::new(1, 2));
    assert!(next.overruled.is_empty());
}

#[test]
fn unsigned_is_refused() {
    let domain = Domain::new();
    let (envelope, parts) = domain.sign(domain.draft(1));
    let text = String::from_utf8(envelope).unwrap();
    let start = text.find("\"signature\":\"").unwrap() + 13;
    let unsigned = format!("{}\"}}", &text[..start]);
    let error =
        domain.pinned().accept(unsigned.as_bytes(), &parts, NOW, &Limits::default()).unwrap_err();
    assert!(matches!(error, Refusal::NotSigned), "{error}");
}

#[test]
fn altered_is_refused_wherever_it_was_altered() {
    let domain = Domain::new();
    let (envelope, parts) = domain.sign(domain.draft(1));
    let text = String::from_utf8(envelope.clone()).unwrap();
    let altered = text.replace("\\\"version\\\":1", "\\\"version\\\":7");
    assert_ne!(text, altered);
    let held = domain.pinned();
    let error = held.accept(altered.as_bytes(), &parts, NOW, &Limits::default()).unwrap_err();
    assert!(matches!(error, Refusal::NotSigned), "{error}");

    let mut bent = Parts::new();
    for (_, part) in parts.iter() {
        let mut part = part.to_vec();
        *part.last_mut().unwrap() ^= 1;
        bent.insert(part);
    }
    let error = held.accept(&envelope, &bent, NOW, &Limits::default()).unwrap_err();
    assert!(matches!(error, Refusal::PartMissing { .. }), "{error}");
}

#[test]
fn older_and_replayed_are_refused() {
    let domain = Domain::new();
    let (old, old_parts) = domain.sign(domain.draft(1));
    let first = domain.pinned().accept(&old, &old_parts, NOW, &Limits::default()).unwrap().held;
    let error = first.accept(&old, &old_parts, NOW, &Limits::default()).unwrap_err();
    assert!(matches!(error, Refusal::Replayed(_)), "{error}");
    let second = domain.offer(&first, domain.draft(2)).unwrap().held;
    let error = second.accept(&old, &old_parts, NOW, &Limits::default()).unwrap_err();
    assert!(matches!(error, Refusal::Older { .. }), "{error}");
    let error = refused(&domain, &second, domain.draft(2));
    assert!(matches!(error, Refusal::Equivocation(_)), "{error}");
}

#[test]
fn a_first_package_below_the_token_is_refused() {
    let domain = Domain::new();
    let root = domain.root.certificate.clone();
    let held = Held::pinned("example", "main", root, Edition::new(1, 3));
    assert!(matches!(refused(&domain, &held, domain.draft(2)), Refusal::Older { .. }));
    assert!(domain.offer(&held, domain.draft(3)).is_ok());
}

#[test]
fn another_domain_or_stream_is_refused() {
    let domain = Domain::new();
    let mut draft = domain.draft(1);
    draft.domain = "elsewhere".into();
    assert!(matches!(refused(&domain, &domain.pinned(), draft), Refusal::OtherDomain { .. }));
    let root = domain.root.certificate.clone();
    let held = Held::pinned("example", "canary", root, Edition::new(1, 1));
    assert!(matches!(refused(&domain, &held, domain.draft(1)), Refusal::OtherDomain { .. }));
    let mut draft = domain.draft(1);
    draft.anchors.domain = "elsewhere".into();
    assert!(matches!(refused(&domain, &domain.pinned(), draft), Refusal::OtherDomain { .. }));
}

#[test]
fn oversize_is_refused_before_it_is_read() {
    let domain = Domain::new();
    let (envelope, parts) = domain.sign(domain.draft(1));
    let held = domain.pinned();
    let limits = Limits { envelope: 100, ..Limits::default() };
    let error = held.accept(&envelope, &parts, NOW, &limits).unwrap_err();
    assert!(matches!(error, Refusal::Oversize { what: "envelope", .. }), "{error}");
    let limits = Limits { part: 100, ..Limits::default() };
    let error = held.accept(&envelope, &parts, NOW, &limits).unwrap_err();
    assert!(matches!(error, Refusal::Oversize { .. }), "{error}");
    let limits = Limits { total: 100, ..Limits::default() };
    let error = held.accept(&envelope, &parts, NOW, &limits).unwrap_err();
    assert!(matches!(error, Refusal::Oversize { what: "package", .. }), "{error}");
    let limits = Limits { authorities: 1, ..Limits::default() };
    let error = held.accept(&envelope, &parts, NOW, &limits).unwrap_err();
    assert!(matches!(error, Refusal::Oversize { what: "list of authorities", .. }), "{error}");
}

#[test]
fn expired_when_new_is_refused_but_what_runs_goes_on() {
    let domain = Domain::new();
    let held = domain.first();
    let (envelope, parts) = domain.sign(domain.draft(2));
    let error = held.accept(&envelope, &parts, days(5), &Limits::default()).unwrap_err();
    assert!(matches!(error, Refusal::Expired { .. }), "{error}");
    assert_eq!(held.active("workloads").unwrap().id, "workloads-g1");
    assert!(held.not_after().unwrap() <= days(5));
}

#[test]
fn a_wrong_key_is_refused() {
    let domain = Domain::new();
    let held = domain.first();
    let wrong_key = |signer: &Root| {
        let (envelope, parts) = domain.draft(2).signed_by(&domain.root, signer);
        let error = held.accept(&envelope, &parts, NOW, &Limits::default()).unwrap_err();
        assert!(matches!(error, Refusal::WrongKey { .. }), "{error}");
    };
    wrong_key(&Root::new("Somebody else").trust_key(1));
    wrong_key(&domain.g1);
    wrong_key(&domain.g1.trust_key(1));
    wrong_key(&domain.root.trust_key(2));
}

#[test]
fn a_key_of_one_certificate_cannot_borrow_another() {
    let domain = Domain::new();
    let thief = Root { key: Key::generate(), certificate: domain.trust.certificate.clone() };
    let (envelope, parts) = domain.draft(1).signed_by(&domain.root, &thief);
    let error = domain.pinned().accept(&envelope, &parts, NOW, &Limits::default()).unwrap_err();
    assert!(matches!(error, Refusal::NotSigned), "{error}");
}

#[test]
fn a_revoked_trust_key_is_refused() {
    let domain = Domain::new();
    let mut draft = domain.draft(1);
    let scope = "/crl/root/trust.crl";
    draft.crl(scope, domain.root.crl(scope, 5, &[&domain.trust.certificate]));
    assert!(matches!(refused(&domain, &domain.pinned(), draft), Refusal::WrongKey { .. }));
}

#[test]
fn a_stolen_key_that_runs_ahead_is_healed_by_the_next_epoch() {
    let mut domain = Domain::new();
    let held = domain.first();
    let stolen = domain.offer(&held, domain.draft(1 << 63)).unwrap().held;
    assert!(matches!(refused(&domain, &stolen, domain.draft(2)), Refusal::Older { .. }));
    domain.trust = domain.root.trust_key(2);
    let mut draft = domain.draft(1);
    draft.edition = Edition::new(2, 1);
    draft.crl(G1_SCOPE, domain.root.crl(G1_SCOPE, u64::MAX, &[]));
    let healed = domain.offer(&stolen, draft).unwrap().held;
    assert_eq!(healed.edition(), Edition::new(2, 1));
}

#[test]
fn anchors_need_a_root_that_is_trusted_or_was_named() {
    let mut domain = Domain::new();
    let held = domain.first();
    let old_root = domain.root.certificate.to_pem();
    let new = Domain::new();
    let mut draft = new.draft(2);
    draft.anchors.roots.push(old_root.clone());
    assert!(matches!(refused(&new, &held, draft), Refusal::AnchorsNotSigned));

    let mut naming = domain.draft(2);
    naming.anchors.ceremony = 2;
    naming.anchors.successors = vec![new.root.certificate.fingerprint()];
    let held = domain.offer(&held, naming).unwrap().held;
    let mut draft = new.draft(3);
    draft.anchors.ceremony = 3;
    draft.anchors.roots.push(old_root);
    let held = new.offer(&held, draft).unwrap().held;
    assert_eq!(held.roots().len(), 2);

    domain.trust = domain.root.trust_key(1);
    let back = domain.draft(4);
    assert!(matches!(refused(&domain, &held, back), Refusal::AnchorsOlder { .. }));
}

#[test]
fn a_package_that_leaves_nothing_trusted_is_refused() {
    let domain = Domain::new();
    let held = domain.first();
    let mut draft = domain.draft(2);
    draft.status.denied_keys = vec![domain.g1.digest(), domain.g2.digest()];
    assert!(matches!(refused(&domain, &held, draft), Refusal::NothingTrusted(_)));
    let mut draft = domain.draft(2);
    draft.state(0, AuthorityState::Distrusted).state(1, AuthorityState::Retired);
    assert!(matches!(refused(&domain, &held, draft), Refusal::NothingTrusted(_)));
    let mut draft = domain.draft(2);
    draft.status.server_keys.clear();
    assert!(matches!(refused(&domain, &held, draft), Refusal::NothingTrusted(_)));
    let mut draft = domain.draft(2);
    draft.status.denied_keys = vec![domain.root.digest()];
    assert!(matches!(refused(&domain, &held, draft), Refusal::DeniesRoot(_)));
}

/// Generation 1 tainted, denied and revoked by the root; generation 2 active.
fn distrusting(domain: &Domain, version: u64) -> Draft {
    let mut draft = domain.draft(version);
    draft.state(0, AuthorityState::Tainted).state(1, AuthorityState::Active);
    draft.status.denied_keys = vec![domain.g1.digest()];
    draft.crl(G1_SCOPE, domain.root.crl(G1_SCOPE, 100, &[&domain.g1.certificate]));
    draft
}

#[test]
fn a_higher_version_that_forgets_does_not_bring_a_tainted_generation_back() {
    let domain = Domain::new();
    let held = domain.offer(&domain.first(), distrusting(&domain, 2)).unwrap().held;
    assert_eq!(held.authority("workloads-g1").unwrap().state, AuthorityState::Revoked);

    let mut forgets = domain.draft(9);
    forgets.state(0, AuthorityState::Active).state(1, AuthorityState::Retiring);
    let accepted = domain.offer(&held, forgets).unwrap();
    assert!(accepted.overruled.contains(&Overruled::State {
        authority: "workloads-g1".into(),
        offered: AuthorityState::Active,
        kept: AuthorityState::Revoked,
    }));
    assert!(accepted.overruled.contains(&Overruled::Crl { scope: G1_SCOPE.into() }));
    let held = accepted.held;
    assert!(held.active("workloads").is_none());
    assert!(held.denied_keys().contains(&domain.g1.digest()));
    assert!(held.issuing_anchors().all(|authority| authority.id != "workloads-g1"));
    assert!(held.crl(G1_SCOPE).unwrap().revokes(&domain.g1.certificate));

    let mut only = domain.draft(10);
    only.status.authorities.truncate(1);
    assert!(matches!(refused(&domain, &held, only), Refusal::NothingTrusted(_)));
}

#[test]
fn a_taint_alone_stays_and_goes_on_being_trusted() {
    let domain = Domain::new();
    let mut tainting = domain.draft(2);
    tainting.state(0, AuthorityState::Tainted).state(1, AuthorityState::Active);
    let held = domain.offer(&domain.first(), tainting).unwrap().held;
    assert_eq!(held.issuing_anchors().count(), 2);
    let accepted = domain.offer(&held, domain.draft(3)).unwrap();
    assert_eq!(
        accepted.overruled,
        [Overruled::State {
            authority: "workloads-g1".into(),
            offered: AuthorityState::Active,
            kept: AuthorityState::Tainted,
        }]
    );
    assert!(accepted.held.active("workloads").is_none());
}

#[test]
fn forgetting_the_partition_altogether_changes_nothing_either() {
    let domain = Domain::new();
    let held = domain.offer(&domain.first(), distrusting(&domain, 2)).unwrap().held;
    let mut forgets = distrusting(&domain, 3);
    forgets.status.crls.clear();
    let accepted = domain.offer(&held, forgets).unwrap();
    assert_eq!(accepted.overruled, [Overruled::Crl { scope: G1_SCOPE.into() }]);
    let crl = &accepted.held.crl(G1_SCOPE).unwrap().crl;
    assert_eq!(crl.number(), Some(&CrlNumber::from_u64(100)));
}

#[test]
fn a_forgotten_denial_is_kept_and_reported() {
    let domain = Domain::new();
    let mut denying = domain.draft(2);
    denying.state(0, AuthorityState::Tainted).state(1, AuthorityState::Active);
    denying.status.denied_keys = vec![domain.g1.digest()];
    let held = domain.offer(&domain.first(), denying).unwrap().held;
    let mut forgets = domain.draft(3);
    forgets.state(0, AuthorityState::Tainted).state(1, AuthorityState::Active);
    let accepted = domain.offer(&held, forgets).unwrap();
    assert_eq!(accepted.overruled, [Overruled::Denial(domain.g1.digest())]);
    assert!(!accepted.held.authority("workloads-g1").unwrap().is_trusted());
}

#[test]
fn only_a_root_ends_a_taint() {
    let domain = Domain::new();
    let mut denying = domain.draft(2);
    denying.state(0, AuthorityState::Tainted).state(1, AuthorityState::Active);
    denying.status.denied_keys = vec![domain.g1.digest()];
    let held = domain.offer(&domain.first(), denying).unwrap().held;
    let mut same_ceremony = domain.draft(3);
    same_ceremony.anchors.reinstated = vec![domain.g1.digest()];
    let still = domain.offer(&held, same_ceremony).unwrap().held;
    assert!(still.denied_keys().contains(&domain.g1.digest()));
    let mut ceremony = domain.draft(4);
    ceremony.anchors.reinstated = vec![domain.g1.digest()];
    ceremony.anchors.ceremony = 2;
    let ended = domain.offer(&still, ceremony).unwrap().held;
    assert_eq!(ended.active("workloads").unwrap().id, "workloads-g1");
}

#[test]
fn a_package_must_expire_before_every_crl_in_it() {
    let domain = Domain::new();
    let mut draft = domain.draft(1);
    draft.not_after = days(30);
    assert!(matches!(refused(&domain, &domain.pinned(), draft), Refusal::OutlivesCrl { .. }));
}

#[test]
fn crls_must_be_what_they_are_listed_as() {
    let domain = Domain::new();
    let pinned = domain.pinned();
    let bad = |scope: &str, der: Vec<u8>| {
        let mut draft = domain.draft(1);
        draft.add_crl(scope, der);
        domain.offer(&pinned, draft).unwrap_err()
    };
    let own = "/crl/workloads-g1/p0.crl";
    let thief = Root::new("workloads-g1");
    assert!(matches!(bad(own, thief.crl(own, 1, &[])), Refusal::BadCrl { .. }));
    let other = "/crl/workloads-g2/p0.crl";
    assert!(matches!(bad(other, domain.g1.crl(other, 1, &[])), Refusal::BadCrl { .. }));
    assert!(matches!(bad(own, domain.g1.crl(other, 1, &[])), Refusal::BadCrl { .. }));
    assert!(matches!(bad(own, b"no CRL".to_vec()), Refusal::BadCrl { .. }));
    let twice = domain.root.crl(G1_SCOPE, 9, &[]);
    assert!(matches!(bad(G1_SCOPE, twice), Refusal::Twice(_)));
    let mut draft = domain.draft(1);
    draft.crl(own, domain.g1.crl(own, 1, &[]));
    assert!(domain.offer(&pinned, draft).is_ok());
}

#[test]
fn authorities_must_be_signed_by_a_root_and_named_once() {
    let domain = Domain::new();
    let foreign = Root::new("Elsewhere").authority("workloads-g3");
    let mut draft = domain.draft(1);
    draft.status.authorities[1].certificate = foreign.certificate.to_pem();
    let error = refused(&domain, &domain.pinned(), draft);
    assert!(matches!(error, Refusal::ForeignAuthority(_)), "{error}");
    let mut draft = domain.draft(1);
    draft.status.authorities[1].id = "workloads-g1".into();
    assert!(matches!(refused(&domain, &domain.pinned(), draft), Refusal::Twice(_)));
    let mut draft = domain.draft(1);
    draft.state(1, AuthorityState::Active);
    assert!(matches!(refused(&domain, &domain.pinned(), draft), Refusal::Twice(_)));
}

#[test]
fn only_what_changed_has_to_travel() {
    let domain = Domain::new();
    let held = domain.first();
    let mut draft = domain.draft(2);
    draft.crl(G1_SCOPE, held.crl(G1_SCOPE).unwrap().crl.der().to_vec());
    let (envelope, parts) = domain.sign(draft);
    let read = Envelope::parse(&envelope, &Limits::default()).unwrap();
    let wanted = held.wanted(&read, &Parts::new()).unwrap();
    assert_eq!(wanted, [read.manifest().anchors, read.manifest().status]);
    let mut fetched = Parts::new();
    for digest in wanted {
        fetched.insert(parts.find(digest).unwrap().to_vec());
    }
    assert!(held.wanted(&read, &fetched).unwrap().is_empty());
    let accepted = held.accept(&envelope, &fetched, NOW, &Limits::default()).unwrap();
    assert_eq!(accepted.held.digest(), Some(digest_of(&envelope)));
}

#[test]
fn a_record_reads_back_with_everything_insert_only() {
    let domain = Domain::new();
    let held = domain.offer(&domain.first(), distrusting(&domain, 2)).unwrap().held;
    let back = Held::from_record(&held.to_record().unwrap()).unwrap();
    assert_eq!(crate::Digest::of(back.envelope().unwrap()), back.digest().unwrap());
    assert_eq!(back.to_record().unwrap(), held.to_record().unwrap());
    assert_eq!(back.denied_keys(), held.denied_keys());
    assert_eq!(back.server_keys(), held.server_keys());
    let mut forgets = domain.draft(3);
    forgets.state(0, AuthorityState::Active).state(1, AuthorityState::Retiring);
    let held = domain.offer(&back, forgets).unwrap().held;
    assert!(!held.authority("workloads-g1").unwrap().is_trusted());
}
