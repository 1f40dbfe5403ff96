//! Drills with keys at the cloud services: each once as the issuer's place, once as the standby's.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
#[cfg(feature = "gcpkms")]
use skink_testkit::gcpkms::{DISABLING_ROLE, Fake, RING};
use skink_testkit::{Ministack, OpenBao};
use tempfile::TempDir;

use crate::placed::{assert_credentials_stay, assert_the_use_is_lost, drill};

/// The services, and what leads an administrator to them.
#[derive(Default)]
struct Services {
    aws: Option<Ministack>,
    bao: Option<OpenBao>,
    #[cfg(feature = "gcpkms")]
    google: Option<Google>,
    home: Option<TempDir>,
}

impl Services {
    fn aws() -> Option<Self> {
        Some(Self { aws: Some(Ministack::start_guarded()?), ..Self::at_home() })
    }

    fn at_home() -> Self {
        Self { home: Some(tempfile::tempdir().unwrap()), ..Self::default() }
    }

    fn and_openbao(self) -> Option<Self> {
        Some(Self { bao: Some(OpenBao::start()?), ..self })
    }

    fn home(&self) -> &Path {
        self.home.as_ref().unwrap().path()
    }

    /// Runs the drill; whatever signs is where it may be and nowhere else.
    fn drill(&self, issuer: &str, standby: &str, files: &[&str]) -> Value {
        let lead = |command: &mut Command| {
            if let Some(aws) = &self.aws {
                aws.lead(command);
            }
            if let Some(bao) = &self.bao {
                bao.lead(command, OpenBao::TOKEN);
            }
            #[cfg(feature = "gcpkms")]
            if let Some(google) = &self.google {
                google.lead(command, self.home());
            }
        };
        let report = drill(self.home(), lead, issuer, standby);
        assert_credentials_stay(&self.home().join("kept"), files);
        report
    }
}

#[test]
#[cfg(feature = "awskms")]
fn an_issuer_at_aws_is_followed_by_a_standby_at_openbao() {
    let Some(services) = Services::aws().and_then(Services::and_openbao) else { return };
    let files = ["disabling.key", "standby.key"];
    let report = services.drill("awskms:alias/issuer-1", "vault:transit/standby-1", &files);
    assert_the_use_is_lost(&report, "awskms:DisabledException");
    assert_eq!(report["key"]["thief_may_not_enable"], "awskms:AccessDeniedException");
}

/// Google's service, which is one of ours, with two service accounts.
#[cfg(feature = "gcpkms")]
struct Google {
    fake: Fake,
    _runtime: tokio::runtime::Runtime,
}

#[cfg(feature = "gcpkms")]
impl Google {
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        Self { fake: runtime.block_on(Fake::start()), _runtime: runtime }
    }

    fn lead(&self, command: &mut Command, home: &Path) {
        let (url, token) = (format!("http://{}/", self.fake.address), home.join("administrator"));
        std::fs::write(&token, "ADMINISTRATOR").unwrap();
        command
            .env("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", &url)
            .env("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS", &url)
            .env("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", token)
            .env("SKINK_GCPKMS_SIGNING_ACCOUNT", "signing@pki.iam.gserviceaccount.com")
            .env("SKINK_GCPKMS_DISABLING_ACCOUNT", "disabling@pki.iam.gserviceaccount.com")
            .env("SKINK_GCPKMS_DISABLING_ROLE", DISABLING_ROLE);
    }
}

#[cfg(feature = "gcpkms")]
impl Services {
    fn and_google(self) -> Self {
        Self { google: Some(Google::start()), ..self }
    }
}

#[test]
#[cfg(all(feature = "awskms", feature = "gcpkms"))]
fn an_issuer_at_google_is_followed_by_a_standby_at_aws() {
    let Some(services) = Services::aws().map(Services::and_google) else { return };
    let issuer = format!("gcpkms:{RING}/cryptoKeys/issuer-1");
    let files = ["disabling.key", "signing.key", "standby.key"];
    let report = services.drill(&issuer, "awskms:alias/standby-1", &files);
    assert_the_use_is_lost(&report, "gcpkms:FAILED_PRECONDITION");
    assert_eq!(report["key"]["thief_may_not_enable"], "gcpkms:PERMISSION_DENIED");
}

#[test]
#[cfg(feature = "gcpkms")]
fn an_issuer_at_openbao_is_followed_by_a_standby_at_google() {
    let Some(services) = Services::at_home().and_openbao() else { return };
    let standby = format!("gcpkms:{RING}/cryptoKeys/standby-1");
    let files = ["disabling.key", "standby.key"];
    let report = services.and_google().drill("vault:transit/issuer-1", &standby, &files);
    assert_the_use_is_lost(&report, "vault:soft-deleted");
}
