//! How a program finds in its environment who it is to a key service.

use std::ffi::OsString;
use std::path::Path;

use crate::credential::Credential;

/// Variables by which the services' clients are told who asks. A program that is not to act as
/// whoever starts it is started without them.
pub const IDENTITIES: [&str; 23] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_PROFILE",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_TENANT_ID",
    "BAO_TOKEN",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "MSI_ENDPOINT",
    "MSI_SECRET",
    "PKCS11_PIN",
    "SKINK_AZUREKV_DISABLING_CREDENTIAL_FILE",
    "SKINK_AZUREKV_SIGNING_CREDENTIAL_FILE",
    "VAULT_TOKEN",
];

/// Whether the clients of a scheme's service find a credential in a file alone.
pub fn is_told_by_file(scheme: &str) -> bool {
    scheme == "gcpkms"
}

/// The variables by which a program uses keys of this scheme with `credential`, which is also the
/// content of `file` where [`is_told_by_file`].
pub fn variables(
    scheme: &str,
    credential: &Credential,
    file: &Path,
) -> Vec<(&'static str, OsString)> {
    let secret = credential.expose();
    match scheme {
        "awskms" => {
            let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
            let parts = secret.splitn(names.len(), ':').map(OsString::from);
            names.into_iter().zip(parts).collect()
        }
        // An access token goes by no variable.
        "azurekv" => {
            let names = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"];
            let parts: Vec<OsString> =
                secret.splitn(names.len(), ':').map(OsString::from).collect();
            if parts.len() < names.len() {
                return Vec::new();
            }
            names.into_iter().zip(parts).collect()
        }
        // An access token, or what a credentials file has in it.
        "gcpkms" if secret.starts_with('{') => {
            vec![("GOOGLE_APPLICATION_CREDENTIALS", file.into())]
        }
        "gcpkms" => vec![("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", file.into())],
        "pkcs11" => vec![("PKCS11_PIN", secret.into())],
        "vault" => vec![("BAO_TOKEN", secret.into())],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_has_its_own_variables_and_all_of_them_can_be_taken_away() {
        let told = |scheme: &str, text: &str| {
            let told = variables(scheme, &Credential::from_text(text), Path::new("/f"));
            let told = told.into_iter().map(|(name, value)| {
                assert!(IDENTITIES.contains(&name), "{name}");
                format!("{name}={}", value.into_string().unwrap())
            });
            told.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(told("vault", "s.1"), "BAO_TOKEN=s.1");
        assert_eq!(told("pkcs11", "1234"), "PKCS11_PIN=1234");
        let id = "AWS_ACCESS_KEY_ID=A AWS_SECRET_ACCESS_KEY=b";
        assert_eq!(told("awskms", "A:b"), id);
        assert_eq!(told("awskms", "A:b:c:d="), format!("{id} AWS_SESSION_TOKEN=c:d="));
        let id = "AZURE_TENANT_ID=t AZURE_CLIENT_ID=c AZURE_CLIENT_SECRET=a:b";
        assert_eq!(told("azurekv", "t:c:a:b"), id);
        assert_eq!(told("azurekv", "eyJ0.eyJh.c2ln"), "");
        assert_eq!(told("gcpkms", "ya29.a"), "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=/f");
        assert_eq!(told("gcpkms", "{}"), "GOOGLE_APPLICATION_CREDENTIALS=/f");
        assert_eq!(told("software", "s"), "");
    }
}
