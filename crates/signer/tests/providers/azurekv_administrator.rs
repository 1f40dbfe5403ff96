//! What an administrator of a vault hands out is tried before, and not taken if it may do more.

use std::sync::Arc;

use skink_signer::conformance::Subject as _;
use skink_signer::{KeyProvider, KeyState, KeyUri, ProviderError, administer};
use skink_testkit::azurekv::{Part, SIGN};
use skink_x509::KeyAlgorithm;

use crate::azurekv::{Azure, HOW, MESSAGE};
use crate::azurekv_faults::in_an_environment;

/// Lets an administrator hand out the credentials of these two, in a process of its own.
async fn hand_out(azure: &Azure, signing: Part, disabling: Part, wanted: &'static str) {
    let home = tempfile::tempdir().unwrap();
    let (tenant, url, ca) = (azure.fake.tenant(), azure.fake.url(), azure.ca_file());
    let (id, secret) = azure.fake.application(Part::Administrator);
    let file = |name: &str, part: Part| {
        let (id, secret) = azure.fake.application(part);
        let file = home.path().join(name);
        fs_err::write(&file, format!("{tenant}:{id}:{secret}\n")).unwrap();
        file
    };
    let (signing, disabling) = (file("signing", signing), file("disabling", disabling));
    let run = tokio::task::spawn_blocking(move || {
        let variables = [
            ("AZURE_TENANT_ID", tenant),
            ("AZURE_CLIENT_ID", id.as_str()),
            ("AZURE_CLIENT_SECRET", secret.as_str()),
            ("AZURE_AUTHORITY_HOST", url.as_str()),
            ("SSL_CERT_FILE", ca.to_str().unwrap()),
            ("SKINK_AZUREKV_SIGNING_CREDENTIAL_FILE", signing.to_str().unwrap()),
            ("SKINK_AZUREKV_DISABLING_CREDENTIAL_FILE", disabling.to_str().unwrap()),
            ("SKINK_TEST_WANTED", wanted),
        ];
        let test = "azurekv_administrator::hands_out_what_may_do_its_part_and_no_more";
        in_an_environment(test, home.path(), &variables);
    });
    run.await.unwrap();
}

#[tokio::test]
async fn an_administrator_hands_out_what_may_do_its_part_and_no_more() {
    let azure = Azure::start();
    hand_out(&azure, Part::Signer, Part::Custodian, "").await;
    // By what was handed out one signature was made, and by the trials none.
    let listed = azure.administer().list().await.unwrap();
    assert_eq!(listed, [azure.uri("issuer-1-control")]);
    assert_eq!(azure.signatures_asked(), 4);
    for (signing, disabling, wanted) in [
        (Part::Stranger, Part::Custodian, "SIGNING: lacks keys/sign"),
        (Part::Custodian, Part::Custodian, "SIGNING: lacks keys/sign"),
        (Part::Administrator, Part::Custodian, "SIGNING: may also keys/update"),
        (Part::Signer, Part::Signer, "DISABLING: lacks keys/update"),
        (Part::Signer, Part::Administrator, "DISABLING: may also keys/sign"),
    ] {
        let azure = Azure::start();
        hand_out(&azure, signing, disabling, wanted).await;
        let key = azure.provider().find(&azure.uri("issuer-1-control")).await.unwrap();
        assert_eq!(azure.provider().state(&key).await.unwrap(), KeyState::Enabled);
        assert!(azure.fake.seen(SIGN).len() < 4);
    }
}

/// What the administrator says of an application that does not do.
fn in_short(error: &ProviderError) -> String {
    let ProviderError::NotConfigured { what } = error else { panic!("{error:?}") };
    let text = what.replace("SKINK_AZUREKV_", "").replace("_CREDENTIAL_FILE", "");
    let text = text.replace("the application ", "").replace("the permission ", "");
    text.replace(", and must not", "")
}

#[tokio::test]
#[ignore = "run by another test, in an environment of its own"]
async fn hands_out_what_may_do_its_part_and_no_more() {
    let wanted = std::env::var("SKINK_TEST_WANTED").unwrap();
    let host = std::env::var("AZURE_AUTHORITY_HOST").unwrap();
    let place: KeyUri = format!("azurekv:{host}/keys/issuer-1").parse().unwrap();
    let administrator = administer(&place).await.unwrap();
    let key = administrator.create(&place, "-control", KeyAlgorithm::EcP256).await.unwrap();
    let signing = match administrator.signing(std::slice::from_ref(&key)).await {
        Ok(signing) => signing,
        Err(error) => return assert_eq!(in_short(&error), wanted),
    };
    let disabling = match administrator.disabling(&key).await {
        Ok(disabling) => disabling.unwrap(),
        Err(error) => return assert_eq!(in_short(&error), wanted),
    };
    assert_eq!(wanted, "");
    let provider: Arc<dyn KeyProvider> = skink_signer::open(&key, Some(signing)).unwrap();
    provider.sign(&key, HOW, MESSAGE).await.unwrap();
    let custody = skink_signer::open_custody(&key, Some(disabling)).unwrap();
    custody.disable(&key).await.unwrap();
    let refused = provider.sign(&key, HOW, MESSAGE).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Disabled { .. }), "{refused:?}");
}
