//! Drills with keys at the cloud services: each once as the issuer's place, once as the standby's.

use std::process::Command;

use skink_testkit::{Ministack, OpenBao};

use crate::placed::{assert_credentials_stay, assert_the_use_is_lost, drill};

#[test]
fn an_issuer_at_aws_is_followed_by_a_standby_at_openbao() {
    let (Some(aws), Some(bao)) = (Ministack::start_guarded(), OpenBao::start()) else { return };
    let home = tempfile::tempdir().unwrap();
    let lead = |command: &mut Command| {
        aws.lead(bao.lead(command, OpenBao::TOKEN));
    };
    let (issuer, standby) = ("awskms:alias/issuer-1", "vault:transit/standby-1");
    let report = drill(home.path(), lead, issuer, standby);
    assert_the_use_is_lost(&report, "awskms:DisabledException");
    assert_eq!(report["key"]["thief_may_not_enable"], "awskms:AccessDeniedException");
    assert_credentials_stay(&home.path().join("kept"), &["disabling.key", "standby.key"]);
}
