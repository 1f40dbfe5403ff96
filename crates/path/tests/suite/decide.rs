//! The one entry point and its three verdicts.

use skink_path::{Code, Options, PeerName, Purpose, Question, Severity, Verdict, decide};
use skink_testkit::{DAY, NOW, TestPki};
use skink_x509::Time;

/// The verdict on a test PKI's leaf at `time` under a budget.
fn verdict(pki: &TestPki, time: Time, budget: u32) -> Verdict {
    let name = PeerName::Dns("web-1.test".to_owned());
    let options = Options { budget, ..Options::new(time, Purpose::Server).named(name) };
    decide(&Question {
        leaf: &pki.leaf,
        untrusted: std::slice::from_ref(&pki.issuer.certificate),
        anchors: std::slice::from_ref(&pki.root.certificate),
        crls: &[],
        options,
    })
}

#[test]
fn there_are_three_verdicts() {
    let pki = TestPki::new();
    let accepted = verdict(&pki, NOW, 100);
    assert!(accepted.is_accepted() && accepted.as_str() == "accept");
    assert_eq!(accepted.path().len(), 3);
    let late = NOW.plus(1000 * DAY);
    let rejected = verdict(&pki, late, 100);
    assert_eq!(rejected.as_str(), "reject");
    assert_eq!(rejected.path().len(), 3);
    let finding = &rejected.findings()[0];
    assert_eq!((finding.code, finding.severity), (Code::Expired, Severity::Error));
    let evidence = finding.evidence.as_ref().unwrap();
    assert!(evidence.expected.contains(&late.to_string()), "{evidence:?}");
    assert!(!finding.fix().is_empty() && finding.section().starts_with("RFC 5280"));
    let open = verdict(&pki, NOW, 1);
    assert_eq!(open.as_str(), "undecided");
    assert!(open.findings().iter().any(|finding| finding.code == Code::BudgetSpent));
}
