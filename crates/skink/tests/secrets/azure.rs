//! Drills with keys at a vault of Azure's kind: once as the issuer's place, once as the standby's.

use std::path::Path;
use std::process::Command;

use skink_testkit::OpenBao;
use skink_testkit::azurekv::{AzureKv, Part};

use crate::placed::{assert_credentials_stay, assert_the_use_is_lost, drill};

/// Tells a command who is who at the vault: the administrator by the vendor's own variables, those
/// who sign and who disable by files.
fn lead(azure: &AzureKv, home: &Path, command: &mut Command) {
    let (id, secret) = azure.application(Part::Administrator);
    let authority = home.join("ca.pem");
    std::fs::write(&authority, azure.ca_pem()).unwrap();
    command
        .env("SSL_CERT_FILE", authority)
        .env("AZURE_AUTHORITY_HOST", azure.url())
        .env("AZURE_TENANT_ID", azure.tenant())
        .env("AZURE_CLIENT_ID", id)
        .env("AZURE_CLIENT_SECRET", secret);
    let others = [
        (Part::Signer, "SKINK_AZUREKV_SIGNING_CREDENTIAL_FILE"),
        (Part::Custodian, "SKINK_AZUREKV_DISABLING_CREDENTIAL_FILE"),
    ];
    for (part, variable) in others {
        let (id, secret) = azure.application(part);
        let file = home.join(variable);
        std::fs::write(&file, format!("{}:{id}:{secret}\n", azure.tenant())).unwrap();
        command.env(variable, file);
    }
}

#[test]
fn an_issuer_at_azure_is_followed_by_a_standby_at_openbao() {
    let Some(bao) = OpenBao::start() else { return };
    let (azure, home) = (AzureKv::start(), tempfile::tempdir().unwrap());
    let both = |command: &mut Command| lead(&azure, home.path(), bao.lead(command, OpenBao::TOKEN));
    let issuer = format!("azurekv:{}/keys/issuer-1", azure.url());
    let report = drill(home.path(), both, &issuer, "vault:transit/standby-1");
    assert_the_use_is_lost(&report, "azurekv:KeyDisabled");
    assert_eq!(report["key"]["thief_may_not_enable"], "azurekv:ForbiddenByPolicy");
    assert_credentials_stay(&home.path().join("kept"), &["disabling.key", "standby.key"]);
}

#[test]
fn an_issuer_at_openbao_is_followed_by_a_standby_at_azure() {
    let Some(bao) = OpenBao::start() else { return };
    let (azure, home) = (AzureKv::start(), tempfile::tempdir().unwrap());
    let both = |command: &mut Command| lead(&azure, home.path(), bao.lead(command, OpenBao::TOKEN));
    let standby = format!("azurekv:{}/keys/standby-1", azure.url());
    let report = drill(home.path(), both, "vault:transit/issuer-1", &standby);
    assert_the_use_is_lost(&report, "vault:soft-deleted");
    assert_credentials_stay(&home.path().join("kept"), &["disabling.key", "standby.key"]);
}
