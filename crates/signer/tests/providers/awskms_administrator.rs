//! What an administrator of AWS KMS mints, tried at a ministack that looks at signatures, at the
//! policies of users and at those of sessions.

use std::process::Command;

use skink_signer::awskms::{KmsAdministrator, KmsCustody, KmsProvider, KmsSettings};
use skink_signer::{
    Administrator, Credential, Custody, KeyProvider, KeyUri, ProviderError, ToSign,
};
use skink_testkit::Ministack;
use skink_testkit::service::program;
use skink_x509::{KeyAlgorithm, SignatureAlgorithm};

const HOW: SignatureAlgorithm = SignatureAlgorithm::EcdsaSha256;
const MESSAGE: ToSign<'static> = ToSign::Message(b"m");
const ROLE: &str = "arn:aws:iam::000000000000:role/keys";

async fn guarded() -> Option<(Ministack, KmsSettings)> {
    let service = tokio::task::spawn_blocking(Ministack::start_guarded).await.unwrap()?;
    let mut settings = KmsSettings::from_environment();
    settings.region = Some("us-east-1".to_owned());
    settings.endpoint = Some(service.url());
    let (id, secret) = Ministack::ADMINISTRATOR;
    let credential = Credential::from_text(&format!("{id}:{secret}"));
    let settings = settings.with_access_key(&credential).unwrap();
    Some((service, settings))
}

fn is_denied<T>(refused: Result<T, ProviderError>) -> bool {
    matches!(refused, Err(ProviderError::CredentialRefused { answer })
        if answer.code == "awskms:AccessDeniedException")
}

/// Each session does its own work, on its own key, and nothing else anywhere.
async fn sessions_are_narrow(administrator: &KmsAdministrator, settings: &KmsSettings) {
    let create = async |suffix: &str| {
        let wanted: KeyUri = "awskms:alias/issuer".parse().unwrap();
        administrator.create(&wanted, suffix, KeyAlgorithm::EcP256).await.unwrap()
    };
    let (key, control, foreign) =
        (create("").await, create("-control").await, create("-other").await);
    let signing = administrator.signing(&[key.clone(), control.clone()]).await.unwrap();
    let disabling = administrator.disabling(&key).await.unwrap().unwrap();
    let [signing, disabling] =
        [signing, disabling].map(|one| settings.with_access_key(&one).unwrap());

    let (signer, disabler) = (KmsProvider::new(&signing), KmsProvider::new(&disabling));
    let with_signing = KmsCustody::new(&signing);
    for key in [&key, &control] {
        let made = signer.sign(key, HOW, MESSAGE).await.unwrap();
        signer.public_key(key).await.unwrap().verify(HOW, b"m", &made.bytes).unwrap();
        assert!(is_denied(with_signing.disable(key).await));
        assert!(is_denied(signer.schedule_destruction(key, std::time::Duration::ZERO).await));
    }
    assert!(is_denied(signer.sign(&foreign, HOW, MESSAGE).await));
    assert!(is_denied(signer.create("another", KeyAlgorithm::EcP256).await));
    // Nor may it mint.
    let nested = KmsAdministrator::new(&signing, None);
    let refused = nested.signing(std::slice::from_ref(&key)).await;
    assert!(matches!(refused, Err(ProviderError::CredentialRefused { .. })), "{refused:?}");

    let with_disabling = KmsCustody::new(&disabling);
    assert!(is_denied(disabler.sign(&key, HOW, MESSAGE).await));
    assert!(is_denied(with_disabling.disable(&control).await));
    with_disabling.disable(&key).await.unwrap();
    let refused = signer.sign(&key, HOW, MESSAGE).await;
    assert!(matches!(refused, Err(ProviderError::Disabled { .. })), "{refused:?}");
    assert!(is_denied(with_disabling.enable(&key).await));
    assert!(is_denied(with_signing.enable(&key).await));
    signer.sign(&control, HOW, MESSAGE).await.unwrap();
}

#[tokio::test]
async fn a_users_sessions_do_their_own_work_and_no_other() {
    let Some((_service, settings)) = guarded().await else { return };
    sessions_are_narrow(&KmsAdministrator::new(&settings, None), &settings).await;
}

#[tokio::test]
async fn sessions_of_a_role_are_as_narrow() {
    let Some((service, settings)) = guarded().await else { return };
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
        "Principal":{"AWS":"arn:aws:iam::000000000000:root"}}]}"#;
    let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*",
        "Resource":"*"}]}"#;
    let role = [("RoleName", "keys"), ("AssumeRolePolicyDocument", trust)];
    let policy = [("RoleName", "keys"), ("PolicyName", "all"), ("PolicyDocument", all)];
    if !(told(&service, "CreateRole", &role) && told(&service, "PutRolePolicy", &policy)) {
        return;
    }
    let administrator = KmsAdministrator::new(&settings, Some(ROLE.to_owned()));
    sessions_are_narrow(&administrator, &settings).await;
}

#[tokio::test]
async fn a_session_is_for_keys_that_are_there() {
    let Some((_service, settings)) = guarded().await else { return };
    let administrator = KmsAdministrator::new(&settings, None);
    let refused = administrator.signing(&[]).await;
    assert!(matches!(refused, Err(ProviderError::NotConfigured { .. })), "{refused:?}");
    let nobody: KeyUri = "awskms:alias/nobody".parse().unwrap();
    let refused = administrator.disabling(&nobody).await;
    assert!(matches!(refused, Err(ProviderError::UnknownKey { .. })), "{refused:?}");
    let by_id: KeyUri = "awskms:1234abcd".parse().unwrap();
    let refused = administrator.create(&by_id, "", KeyAlgorithm::EcP256).await;
    assert!(matches!(refused, Err(ProviderError::BadUri { .. })), "{refused:?}");
}

/// A call to the identity service, signed by curl; false where there is none.
fn told(service: &Ministack, action: &str, parameters: &[(&str, &str)]) -> bool {
    let Some(curl) = program("curl", "apt-get install curl") else { return false };
    let (id, secret) = Ministack::ADMINISTRATOR;
    let mut command = Command::new(curl);
    command.args(["--fail", "--silent", "--aws-sigv4", "aws:amz:us-east-1:iam", "--user"]);
    command.arg(format!("{id}:{secret}"));
    command.arg("--data").arg(format!("Action={action}&Version=2010-05-08"));
    for (name, value) in parameters {
        command.arg("--data-urlencode").arg(format!("{name}={value}"));
    }
    let output = command.arg(service.url()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    true
}
