//! The vault that is no vault of Azure's, held to the published contract by the vendor's own client.

use std::process::Command;

use skink_testkit::azurekv::{AzureKv, Part};
use skink_testkit::service::{missing_is_a_failure, program};

#[test]
fn the_vendors_own_client_gets_along_with_the_azurekv_fake() {
    let Some(python) = program("python3", "apt-get install python3") else { return };
    let packages = "import azure.keyvault.keys, cryptography";
    let has = Command::new(&python).args(["-c", packages]).output().unwrap().status.success();
    let install = "pip install azure-keyvault-keys cryptography";
    missing_is_a_failure(!has, "azure-keyvault-keys", install);
    if !has {
        return;
    }
    let fake = AzureKv::start();
    fake.take_time(2);
    let home = tempfile::tempdir().unwrap();
    let authority = home.path().join("ca.pem");
    std::fs::write(&authority, fake.ca_pem()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/azurekv.py");
    let mut command = Command::new(python);
    command.arg(script).arg(fake.url()).arg(authority);
    for part in [Part::Administrator, Part::Signer, Part::Custodian, Part::Stranger] {
        let (id, secret) = fake.application(part);
        command.arg(format!("{}:{id}:{secret}", fake.tenant()));
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
