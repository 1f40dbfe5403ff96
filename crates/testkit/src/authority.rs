//! Authorities that sign at once whatever a test asks for.

use std::time::Duration;

use skink_x509::crl::{
    Crl, CrlNumber, CrlSpec, IssuingDistributionPoint, RevokedEntry, encode_tbs,
};
use skink_x509::{
    Certificate, CertificateSpec, Extensions, GeneralName, KeyAlgorithm, KeyUsage, Name, Serial,
    Time, oid,
};

use crate::{DAY, TestKey};

/// A certificate of an authority and its key.
#[derive(Debug)]
pub struct TestAuthority {
    /// The authority's key.
    pub key: TestKey,
    /// The authority's certificate.
    pub certificate: Certificate,
    now: Time,
}

/// What an end entity's certificate is to say beyond the ordinary: server and client use for thirty
/// days from five minutes ago.
#[derive(Clone, Debug)]
pub struct Shape {
    subject: String,
    names: Vec<GeneralName>,
    purposes: Vec<oid::ObjectIdentifier>,
    life: Duration,
}

impl Shape {
    /// With this common name.
    pub fn named(subject: &str) -> Self {
        let purposes = vec![oid::SERVER_AUTH, oid::CLIENT_AUTH];
        Self { subject: subject.to_owned(), names: Vec::new(), purposes, life: 30 * DAY }
    }

    /// With one DNS name more.
    pub fn dns(mut self, name: &str) -> Self {
        self.names.push(GeneralName::Dns(name.to_owned()));
        self
    }

    /// With one address more.
    pub fn ip(mut self, address: &str) -> Self {
        self.names.push(GeneralName::Ip(address.parse().unwrap()));
        self
    }

    /// For these purposes instead.
    pub fn purposes(mut self, purposes: &[oid::ObjectIdentifier]) -> Self {
        self.purposes = purposes.to_vec();
        self
    }

    /// For this long instead.
    pub fn life(mut self, life: Duration) -> Self {
        self.life = life;
        self
    }
}

/// A serial nobody else has.
pub fn serial() -> Serial {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).unwrap();
    Serial::from_random(random)
}

impl TestAuthority {
    /// A root: 20 years, no path length, a distribution point of its own.
    pub fn root(name: &str, algorithm: KeyAlgorithm, now: Time) -> Self {
        let key = TestKey::generate(algorithm);
        let name = Name::from_common_name(name).unwrap();
        let mut spec = blank(&name, &name, &key, &key, now, 20 * 365 * DAY);
        spec.extensions = Extensions::new()
            .ca(None)
            .key_usage(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN)
            .subject_key_id(&key.public().key_id())
            .crl_distribution_points(&["http://pki.test/crl/root/root.crl"]);
        let certificate = Certificate::from_der(&key.finish(&spec.tbs_der().unwrap())).unwrap();
        Self { key, certificate, now }
    }

    /// An issuing authority below this one: 5 years, path length 0, the partition
    /// `http://pki.test/crl/root/NAME.crl`.
    pub fn subordinate(&self, name: &str, algorithm: KeyAlgorithm) -> Self {
        let key = TestKey::generate(algorithm);
        let mut spec = self.spec(name, &key, 5 * 365 * DAY);
        spec.extensions = Extensions::new()
            .ca(Some(0))
            .key_usage(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN)
            .subject_key_id(&key.public().key_id())
            .authority_key_id(&self.key.public().key_id())
            .crl_distribution_points(&[format!("http://pki.test/crl/root/{name}.crl")]);
        let certificate = self.certify(&spec);
        Self { key, certificate, now: self.now }
    }

    /// A certificate of an end entity.
    pub fn issue(&self, key: &TestKey, shape: &Shape) -> Certificate {
        let mut spec = self.spec(&shape.subject, key, shape.life);
        let own = self.certificate.subject().common_name().unwrap();
        let mut extensions = Extensions::new()
            .end_entity()
            .key_usage(KeyUsage::DIGITAL_SIGNATURE)
            .extended_key_usages(&shape.purposes)
            .subject_key_id(&key.public().key_id())
            .authority_key_id(&self.key.public().key_id())
            .crl_distribution_points(&[format!("http://pki.test/crl/{own}/p0.crl")]);
        if !shape.names.is_empty() {
            extensions = extensions.subject_alt_names(&shape.names);
        }
        spec.extensions = extensions;
        self.certify(&spec)
    }

    /// A specification to bend before [`Self::certify`]: this issuer, no extension yet.
    pub fn spec(&self, subject: &str, key: &TestKey, life: Duration) -> CertificateSpec {
        let subject = Name::from_common_name(subject).unwrap();
        blank(self.certificate.subject(), &subject, &self.key, key, self.now, life)
    }

    /// Signs whatever is specified.
    pub fn certify(&self, spec: &CertificateSpec) -> Certificate {
        let der = self.key.finish(&spec.tbs_der().unwrap());
        Certificate::from_der(&der).unwrap()
    }

    /// A CRL of this authority for a week, in the scope of `uri` or of everything.
    pub fn crl(&self, number: u64, uri: Option<&str>, revoked: Vec<RevokedEntry>) -> Crl {
        let spec = CrlSpec {
            issuer: self.certificate.subject().clone(),
            signature_algorithm: self.key.signature_algorithm(),
            this_update: self.now.minus(Duration::from_mins(5)),
            next_update: self.now.plus(7 * DAY),
            number: CrlNumber::from_u64(number),
            authority_key_id: self.key.public().key_id().to_vec(),
            issuing_distribution_point: uri.map(IssuingDistributionPoint::at),
        };
        Crl::from_der(&self.key.finish(&encode_tbs(&spec, revoked).unwrap())).unwrap()
    }

    /// The entry that revokes `certificate` now.
    pub fn revoked(&self, certificate: &Certificate) -> RevokedEntry {
        RevokedEntry {
            serial: certificate.serial().clone(),
            revoked_at: self.now,
            reason: None,
            invalidity_date: None,
        }
    }
}

fn blank(
    issuer: &Name,
    subject: &Name,
    issuer_key: &TestKey,
    key: &TestKey,
    now: Time,
    life: Duration,
) -> CertificateSpec {
    let not_before = now.minus(Duration::from_mins(5));
    CertificateSpec {
        serial: serial(),
        issuer: issuer.clone(),
        subject: subject.clone(),
        not_before,
        not_after: not_before.plus(life).minus(Duration::from_secs(1)),
        public_key: key.public().clone(),
        signature_algorithm: issuer_key.signature_algorithm(),
        extensions: Extensions::new(),
    }
}
