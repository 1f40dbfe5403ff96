//! A small trust domain for this crate's own tests.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use skink_x509::crl::{CrlNumber, CrlSpec, IssuingDistributionPoint, RevokedEntry, encode_tbs};
use skink_x509::{
    Certificate, CertificateSpec, Extensions, KeyDigest, KeyUsage, Name, PublicKey, Serial,
    SignatureAlgorithm, Time, assemble, oid,
};

use crate::{
    Acceptance, Anchors, AnchorsPart, AuthorityEntry, AuthorityKind, AuthorityState, CrlEntry,
    Digest, Edition, Envelope, Held, Limits, Manifest, Parts, Refusal, RootSignature, Status,
    epoch_extension,
};

pub(crate) const NOW: Time = Time::from_secs(1_790_000_000);
pub(crate) const DAY: i64 = 86_400;

pub(crate) fn days(count: i64) -> Time {
    Time::from_secs(NOW.as_secs() + count * DAY)
}

pub(crate) struct Key {
    pair: EcdsaKeyPair,
    pub(crate) public: PublicKey,
}

impl Key {
    pub(crate) fn generate() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let der = pair.public_key().as_der().unwrap();
        Self { public: PublicKey::from_spki_der(der.as_ref()).unwrap(), pair }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }

    fn certify(
        &self,
        issuer: &str,
        subject: &str,
        key: &PublicKey,
        extensions: Extensions,
    ) -> Certificate {
        let mut random = [0; 16];
        aws_lc_rs::rand::fill(&mut random).unwrap();
        let spec = CertificateSpec {
            serial: Serial::from_random(random),
            issuer: Name::from_common_name(issuer).unwrap(),
            subject: Name::from_common_name(subject).unwrap(),
            not_before: days(-1),
            not_after: days(1000),
            public_key: key.clone(),
            signature_algorithm: SignatureAlgorithm::EcdsaSha256,
            extensions,
        };
        let tbs = spec.tbs_der().unwrap();
        let der = assemble(&tbs, SignatureAlgorithm::EcdsaSha256, &self.sign(&tbs)).unwrap();
        Certificate::from_der(&der).unwrap()
    }
}

pub(crate) struct Root {
    pub(crate) key: Key,
    pub(crate) certificate: Certificate,
}

impl Root {
    pub(crate) fn new(name: &str) -> Self {
        let key = Key::generate();
        let extensions = Extensions::new()
            .ca(None)
            .key_usage(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN)
            .subject_key_id(&key.public.key_id());
        let certificate = key.certify(name, name, &key.public, extensions);
        Self { key, certificate }
    }

    fn name(&self) -> String {
        self.certificate.subject().common_name().unwrap()
    }

    pub(crate) fn trust_key(&self, epoch: u64) -> Root {
        let key = Key::generate();
        let extensions = Extensions::new()
            .end_entity()
            .key_usage(KeyUsage::DIGITAL_SIGNATURE)
            .extended_key_usages(&[oid::SKINK_TRUST])
            .crl_distribution_points(&["http://pki.example/crl/root/trust.crl"])
            .raw(oid::SKINK_EPOCH, false, epoch_extension(epoch).unwrap());
        let certificate = self.key.certify(&self.name(), "trust", &key.public, extensions);
        Root { key, certificate }
    }

    pub(crate) fn authority(&self, id: &str) -> Root {
        let key = Key::generate();
        let extensions = Extensions::new()
            .ca(Some(0))
            .key_usage(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN)
            .subject_key_id(&key.public.key_id())
            .crl_distribution_points(&[format!("http://pki.example/crl/root/{id}.crl")]);
        let certificate = self.key.certify(&self.name(), id, &key.public, extensions);
        Root { key, certificate }
    }

    pub(crate) fn crl(&self, scope: &str, number: u64, revoked: &[&Certificate]) -> Vec<u8> {
        let entry = |certificate: &&Certificate| RevokedEntry {
            serial: certificate.serial().clone(),
            revoked_at: NOW,
            reason: None,
            invalidity_date: None,
        };
        let spec = CrlSpec {
            issuer: self.certificate.subject().clone(),
            signature_algorithm: SignatureAlgorithm::EcdsaSha256,
            this_update: days(-1),
            next_update: days(30),
            number: CrlNumber::from_u64(number),
            authority_key_id: self.key.public.key_id().to_vec(),
            issuing_distribution_point: Some(IssuingDistributionPoint::at(&format!(
                "http://pki.example{scope}"
            ))),
        };
        let tbs = encode_tbs(&spec, revoked.iter().map(entry)).unwrap();
        assemble(&tbs, SignatureAlgorithm::EcdsaSha256, &self.key.sign(&tbs)).unwrap()
    }

    pub(crate) fn digest(&self) -> KeyDigest {
        self.key.public.digest()
    }
}

/// Everything that goes into one package, to be bent by a test.
pub(crate) struct Draft {
    pub(crate) anchors: Anchors,
    pub(crate) status: Status,
    pub(crate) domain: String,
    pub(crate) edition: Edition,
    pub(crate) not_after: Time,
    pub(crate) parts: Parts,
}

/// A domain with one root, two generations of one issuer, and a trust key.
pub(crate) struct Domain {
    pub(crate) root: Root,
    pub(crate) trust: Root,
    pub(crate) g1: Root,
    pub(crate) g2: Root,
}

pub(crate) const G1_SCOPE: &str = "/crl/root/workloads-g1.crl";

impl Domain {
    pub(crate) fn new() -> Self {
        let root = Root::new("Example Root");
        let trust = root.trust_key(1);
        let (g1, g2) = (root.authority("workloads-g1"), root.authority("workloads-g2"));
        Self { root, trust, g1, g2 }
    }

    pub(crate) fn pinned(&self) -> Held {
        Held::pinned("example", "main", self.root.certificate.clone(), Edition::new(1, 1))
    }

    /// Generation 1 active, generation 2 prepared, with the root's partition of generation 1.
    pub(crate) fn draft(&self, version: u64) -> Draft {
        let mut draft = Draft {
            anchors: Anchors {
                domain: "example".into(),
                ceremony: 1,
                roots: vec![self.root.certificate.to_pem()],
                successors: vec![],
                reinstated: vec![],
            },
            status: Status {
                authorities: vec![
                    entry("workloads-g1", 1, AuthorityState::Active, &self.g1),
                    entry("workloads-g2", 2, AuthorityState::Prepared, &self.g2),
                ],
                crls: vec![],
                denied_keys: vec![],
                server_keys: vec![Key::generate().public.digest()],
                journal_head: "00".into(),
            },
            domain: "example".into(),
            edition: Edition::new(1, version),
            not_after: days(5),
            parts: Parts::new(),
        };
        draft.crl(G1_SCOPE, self.root.crl(G1_SCOPE, version, &[]));
        draft
    }

    pub(crate) fn offer(&self, held: &Held, draft: Draft) -> Result<Acceptance, Refusal> {
        let (envelope, parts) = self.sign(draft);
        held.accept(&envelope, &parts, NOW, &Limits::default())
    }

    pub(crate) fn sign(&self, draft: Draft) -> (Vec<u8>, Parts) {
        draft.signed_by(&self.root, &self.trust)
    }

    /// The state after one accepted package of version 1.
    pub(crate) fn first(&self) -> Held {
        self.offer(&self.pinned(), self.draft(1)).unwrap().held
    }
}

impl Draft {
    pub(crate) fn state(&mut self, index: usize, state: AuthorityState) -> &mut Self {
        self.status.authorities[index].state = state;
        self
    }

    pub(crate) fn crl(&mut self, scope: &str, der: Vec<u8>) -> &mut Self {
        self.status.crls.retain(|crl| crl.scope != scope);
        self.add_crl(scope, der)
    }

    pub(crate) fn add_crl(&mut self, scope: &str, der: Vec<u8>) -> &mut Self {
        let size = der.len().try_into().unwrap();
        let digest = self.parts.insert(der);
        self.status.crls.push(CrlEntry { scope: scope.into(), digest, size });
        self
    }

    pub(crate) fn signed_by(mut self, root: &Root, trust: &Root) -> (Vec<u8>, Parts) {
        let body = self.anchors.to_body().unwrap();
        let signature = root.key.sign(&Anchors::signing_input(&body));
        let signature = RootSignature::new(&root.certificate, &signature);
        let anchors = AnchorsPart::assemble(body, vec![signature]).unwrap();
        let manifest = Manifest {
            domain: self.domain,
            stream: "main".into(),
            edition: self.edition,
            issued_at_ms: NOW.as_millis(),
            not_after_ms: self.not_after.as_millis(),
            anchors: self.parts.insert(anchors),
            status: self.parts.insert(self.status.to_part().unwrap()),
        };
        let body = manifest.to_body().unwrap();
        let signature = trust.key.sign(&Manifest::signing_input(&body));
        let envelope = Envelope::assemble(body, &trust.certificate, &signature).unwrap();
        (envelope, self.parts)
    }
}

fn entry(id: &str, generation: u32, state: AuthorityState, authority: &Root) -> AuthorityEntry {
    AuthorityEntry {
        id: id.into(),
        issuer: "workloads".into(),
        generation,
        kind: AuthorityKind::Issuing,
        state,
        certificate: authority.certificate.to_pem(),
    }
}

pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    Digest::of(bytes)
}
