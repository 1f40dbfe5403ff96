//! What an administrator of Google Cloud KMS mints, tried at the service of ours, which looks at
//! each key's policy.

use skink_signer::gcpkms::{Accounts, GcpKmsAdministrator, GcpKmsCustody, GcpKmsProvider};
use skink_signer::{Administrator, Custody, KeyProvider, KeyState, KeyUri, ProviderError};
use skink_testkit::gcpkms::{DISABLING_ROLE, RING};
use skink_x509::KeyAlgorithm;

use crate::gcpkms::{Gcp, HOW, MESSAGE};

const SIGNER: &str = "signing@pki.iam.gserviceaccount.com";
const DISABLER: &str = "disabling@pki.iam.gserviceaccount.com";

fn accounts() -> Accounts {
    Accounts {
        signing: Some(SIGNER.to_owned()),
        disabling: Some(DISABLER.to_owned()),
        disabling_role: Some(DISABLING_ROLE.to_owned()),
    }
}

fn administrator(gcp: &Gcp, accounts: Accounts) -> GcpKmsAdministrator {
    let endpoint = Some(format!("http://{}/", gcp.fake.address));
    GcpKmsAdministrator::new(&gcp.settings("ADMINISTRATOR"), accounts, endpoint).unwrap()
}

async fn create(administrator: &GcpKmsAdministrator, suffix: &str) -> KeyUri {
    let wanted: KeyUri = format!("gcpkms:{RING}/cryptoKeys/issuer").parse().unwrap();
    administrator.create(&wanted, suffix, KeyAlgorithm::EcP256).await.unwrap()
}

fn is_denied<T>(refused: Result<T, ProviderError>) -> bool {
    matches!(refused, Err(ProviderError::CredentialRefused { answer })
        if answer.code == "gcpkms:PERMISSION_DENIED")
}

#[tokio::test]
async fn tokens_do_their_own_work_and_no_other() {
    let gcp = Gcp::start().await;
    let administrator = administrator(&gcp, accounts());
    let key = create(&administrator, "").await;
    let control = create(&administrator, "-control").await;
    let foreign = create(&administrator, "-other").await;
    let signing = administrator.signing(&[key.clone(), control.clone()]).await.unwrap();
    let disabling = administrator.disabling(&key).await.unwrap().unwrap();
    let [signing, disabling] = [signing, disabling]
        .map(|one| gcp.settings("ADMINISTRATOR").with_credential(&one).unwrap());

    let (signer, disabler) = (GcpKmsProvider::new(&signing), GcpKmsProvider::new(&disabling));
    let with_signing = GcpKmsCustody::new(&signing);
    for key in [&key, &control] {
        let made = signer.sign(key, HOW, MESSAGE).await.unwrap();
        signer.public_key(key).await.unwrap().verify(HOW, b"m", &made.bytes).unwrap();
        assert!(is_denied(with_signing.disable(key).await));
        assert!(is_denied(signer.rotate(key).await));
    }
    assert!(signer.sign(&foreign, HOW, MESSAGE).await.is_err());
    assert!(is_denied(signer.create("another", KeyAlgorithm::EcP256).await));
    // Nor may it mint, or change a policy.
    let nested = GcpKmsAdministrator::new(
        &signing,
        accounts(),
        Some(format!("http://{}", gcp.fake.address)),
    );
    assert!(is_denied(nested.unwrap().signing(std::slice::from_ref(&key)).await));

    let with_disabling = GcpKmsCustody::new(&disabling);
    assert!(disabler.sign(&key, HOW, MESSAGE).await.is_err());
    assert!(is_denied(with_disabling.disable(&control).await));
    with_disabling.disable(&key).await.unwrap();
    let refused = signer.sign(&key, HOW, MESSAGE).await;
    assert!(matches!(refused, Err(ProviderError::Disabled { .. })), "{refused:?}");
    assert!(is_denied(with_signing.enable(&key).await));
    signer.sign(&control, HOW, MESSAGE).await.unwrap();
    // One permission is for both: whoever disables can enable.
    with_disabling.enable(&key).await.unwrap();
    assert_eq!(signer.state(&key).await.unwrap(), KeyState::Enabled);
}

#[tokio::test]
async fn other_bindings_of_a_key_stay() {
    let gcp = Gcp::start().await;
    let administrator = administrator(&gcp, accounts());
    let key = create(&administrator, "").await;
    administrator.signing(std::slice::from_ref(&key)).await.unwrap();
    let told = GcpKmsProvider::new(&gcp.settings("ADMINISTRATOR")).attributes(&key).await.unwrap();
    let policy = told.policy.unwrap();
    assert!(policy.contains("signer@pki.iam") && policy.contains(SIGNER), "{policy}");
}

#[tokio::test]
async fn an_account_that_may_more_from_elsewhere_is_given_no_token() {
    for (role, account) in [("roles/cloudkms.admin", SIGNER), (DISABLING_ROLE, SIGNER)] {
        let gcp = Gcp::start().await;
        gcp.fake.grant_everywhere(account, role);
        let administrator = administrator(&gcp, accounts());
        let key = create(&administrator, "").await;
        let refused = administrator.signing(std::slice::from_ref(&key)).await.unwrap_err();
        assert!(matches!(refused, ProviderError::NotConfigured { .. }), "{refused:?}");
        assert!(refused.to_string().contains("may also cloudkms."), "{refused}");
    }
    // One that may sign is none to disable with.
    let gcp = Gcp::start().await;
    gcp.fake.grant_everywhere(DISABLER, "roles/cloudkms.signer");
    let administrator = administrator(&gcp, accounts());
    let key = create(&administrator, "").await;
    let refused = administrator.disabling(&key).await.unwrap_err();
    assert!(refused.to_string().contains("useToSign"), "{refused}");
}

#[tokio::test]
async fn what_is_not_told_is_asked_for() {
    let gcp = Gcp::start().await;
    let key = create(&administrator(&gcp, accounts()), "").await;
    let keys = std::slice::from_ref(&key);
    for account in [None, Some("a/../b@c"), Some("nobody")] {
        let accounts = Accounts { signing: account.map(ToOwned::to_owned), ..accounts() };
        let refused = administrator(&gcp, accounts).signing(keys).await.unwrap_err();
        assert!(refused.to_string().contains("SKINK_GCPKMS_SIGNING_ACCOUNT"), "{refused}");
    }
    let nobody = Accounts { signing: Some("somebody@example.com".to_owned()), ..accounts() };
    let refused = administrator(&gcp, nobody).signing(keys).await.unwrap_err();
    assert_eq!(refused.code("gcpkms"), "gcpkms:NOT_FOUND");
    // A double of the one service is never told of by the other itself.
    let settings = gcp.settings("ADMINISTRATOR");
    for endpoint in [None, Some("http://iam.example".to_owned())] {
        assert!(GcpKmsAdministrator::new(&settings, accounts(), endpoint).is_err());
    }
    let version: KeyUri =
        format!("gcpkms:{RING}/cryptoKeys/another/cryptoKeyVersions/1").parse().unwrap();
    let refused = administrator(&gcp, accounts()).create(&version, "", KeyAlgorithm::EcP256).await;
    assert!(matches!(refused, Err(ProviderError::BadUri { .. })), "{refused:?}");
    assert!(skink_signer::name_of(&version).is_err());
}
