//! A root and an issuing authority for tests.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use skink_model::Time;
use skink_signer::{
    AttemptPurpose, Credential, KeyProvider, MemoryLedger, Providers, Signer, SoftwareProvider,
};
use skink_x509::{Certificate, KeyAlgorithm, PublicKey, Serial};

use crate::hierarchy::subordinate_spec;
use crate::hierarchy::{AuthorityKind, Subordinate, root_spec, root_subject, subject_of};
use crate::identity::{SigningAuthority, SigningIdentity};
use crate::locations::Locations;
use crate::to_be_signed::ToBeSigned;

/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: Time = Time::from_secs(1_767_225_600);

pub(crate) fn plus_days(days: u64) -> Time {
    NOW.plus(Duration::from_secs(days * 86_400))
}

pub(crate) struct Fixture {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) signer: Signer,
    pub(crate) provider: Arc<SoftwareProvider>,
    pub(crate) ledger: Arc<MemoryLedger>,
    pub(crate) locations: Locations,
    pub(crate) root: SigningAuthority,
    pub(crate) issuer: SigningAuthority,
    next: AtomicU8,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(KeyAlgorithm::EcP256).await
    }

    pub(crate) async fn with(algorithm: KeyAlgorithm) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let credential = Credential::generate().unwrap();
        let (provider, _) = SoftwareProvider::init(&dir.path().join("keys"), credential).unwrap();
        let provider = Arc::new(provider);
        let ledger = Arc::new(MemoryLedger::default());
        let shared: Arc<dyn KeyProvider> = provider.clone();
        let signer = Signer::new(ledger.clone(), Providers::new([shared]));
        let locations = Locations::new("http://pki.example").unwrap();

        let key = provider.create("root", KeyAlgorithm::EcP384).await.unwrap();
        let public_key = provider.public_key(&key).await.unwrap();
        let subject = root_subject("example").unwrap();
        let serial = Serial::from_random([1; 16]);
        let spec = root_spec(
            subject.clone(),
            &public_key,
            serial,
            (NOW.minus(Duration::from_mins(5)), plus_days(7300)),
            &locations,
        );
        let identity = SigningIdentity {
            id: "root".parse().unwrap(),
            subject,
            public_key: public_key.clone(),
            key: key.clone(),
        };
        let to_be_signed = ToBeSigned::new(&identity, spec.tbs_der().unwrap());
        let certificate = signed_certificate(to_be_signed, &signer).await;
        let root =
            SigningAuthority::new("root".parse().unwrap(), certificate, key, &public_key).unwrap();

        let key = provider.create("workloads-g1", algorithm).await.unwrap();
        let public_key = provider.public_key(&key).await.unwrap();
        let below = below("workloads-g1", AuthorityKind::Issuing, &public_key);
        let spec = subordinate_spec(root.certificate(), root.id(), &below, &locations).unwrap();
        let to_be_signed = ToBeSigned::new(root.identity(), spec.tbs_der().unwrap());
        let certificate = signed_certificate(to_be_signed, &signer).await;
        let issuer = SigningAuthority::new(below.id, certificate, key, &public_key).unwrap();
        let next = AtomicU8::new(10);
        Self { dir, signer, provider, ledger, locations, root, issuer, next }
    }

    /// A key of an end entity.
    pub(crate) async fn key(&self, algorithm: KeyAlgorithm) -> PublicKey {
        let name = format!("leaf-{}", self.next.fetch_add(1, Ordering::SeqCst));
        let key = self.provider.create(&name, algorithm).await.unwrap();
        self.provider.public_key(&key).await.unwrap()
    }

    pub(crate) fn serial(&self) -> Serial {
        Serial::from_random([self.next.fetch_add(1, Ordering::SeqCst); 16])
    }
}

pub(crate) fn below(id: &str, kind: AuthorityKind, public_key: &PublicKey) -> Subordinate {
    let id = id.parse().unwrap();
    Subordinate {
        subject: subject_of("example", &id).unwrap(),
        id,
        kind,
        public_key: public_key.clone(),
        serial: Serial::from_random([2; 16]),
        not_before: NOW.minus(Duration::from_mins(5)),
        not_after: plus_days(1825),
        epoch: (kind == AuthorityKind::Trust).then_some(1),
    }
}

async fn signed_certificate(to_be_signed: ToBeSigned, signer: &Signer) -> Certificate {
    let der = to_be_signed.sign(signer, AttemptPurpose::Certificate, "c", None).await.unwrap();
    Certificate::from_der(&der).unwrap()
}

/// Runs openssl in `dir`; says whether it succeeded and what it said.
pub(crate) fn openssl(dir: &Path, args: &[&str]) -> (bool, String) {
    let output = Command::new("openssl").args(args).current_dir(dir).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}
