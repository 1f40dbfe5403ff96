//! `Intended → Linted → Issued`: each stage can only be made by the one before.

use skink_model::{AuthorityId, CertificateId, IncidentId, ProfileName, Time};
use skink_signer::{AttemptId, AttemptPurpose, SignatureRequest, Signed};
use skink_x509::{
    Certificate, CertificateSpec, EncodeError, Extensions, GeneralName, KeyDigest, Name, Serial,
};

use crate::applicant::{Applicant, Refusal, Refused};
use crate::identity::SigningAuthority;
use crate::locations::Locations;
use crate::profile::{LONGEST_LIFETIME, Profile, SubjectRule};
use crate::to_be_signed::{FinishError, ToBeSigned};

/// Who issues, where its lists are found, and when.
#[derive(Clone, Copy, Debug)]
pub struct Issuing<'a> {
    /// The authority.
    pub authority: &'a SigningAuthority,
    /// Where its lists are found.
    pub locations: &'a Locations,
    /// The present instant.
    pub now: Time,
}

/// What the store gives to a new certificate.
#[derive(Clone, Debug)]
pub struct Row {
    /// The certificate's row.
    pub id: CertificateId,
    /// A serial never used before.
    pub serial: Serial,
    /// The partition of its authority's list that it names.
    pub partition: u32,
    /// Why the key is blocked, if it is.
    pub blocked: Option<String>,
}

/// A certificate that the profile allows; not yet looked at whole.
#[derive(Debug)]
pub struct Intended {
    id: CertificateId,
    profile: ProfileName,
    authority: SigningAuthority,
    spec: CertificateSpec,
}

/// A certificate that was looked at whole, signed by a throwaway key, and found good. It exists
/// once: it is moved to its signature.
#[derive(Debug)]
pub struct Linted {
    id: CertificateId,
    profile: ProfileName,
    serial: Serial,
    subject_key: KeyDigest,
    not_after: Time,
    to_be_signed: ToBeSigned,
    authority: AuthorityId,
}

/// A certificate.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Its row.
    pub id: CertificateId,
    /// The authority that signed it.
    pub authority: AuthorityId,
    /// The profile it was issued under.
    pub profile: ProfileName,
    /// The attempt that signed it.
    pub attempt: AttemptId,
    /// The certificate.
    pub certificate: Certificate,
}

/// Why an intended certificate is not signed: a mistake in a profile or in this program, not in the
/// request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LintRefusal {
    /// It cannot be encoded.
    #[error("the certificate cannot be encoded")]
    Encode(#[source] EncodeError),
    /// It cannot be signed even by a throwaway key.
    #[error("no throwaway key signs for {0}")]
    Throwaway(AuthorityId),
    /// It says something else than was meant.
    #[error("the encoded certificate does not say what was meant: {0}")]
    Differs(&'static str),
    /// It cannot be read back.
    #[error("the encoded certificate cannot be read back")]
    ReadBack(#[source] skink_x509::ParseError),
    /// Lints object.
    #[error("the certificate breaks rules: {}", .findings.join("; "))]
    Findings {
        /// What they say.
        findings: Vec<String>,
    },
}

impl Profile {
    /// What this profile makes of an application, or every reason against it.
    pub fn intend(
        &self,
        row: Row,
        applicant: &Applicant,
        issuing: &Issuing<'_>,
    ) -> Result<Intended, Refused> {
        let Issuing { authority, locations, now } = *issuing;
        let Row { id, serial, partition, blocked } = row;
        let mut refusals = self.key_refusals(applicant, blocked);
        refusals.extend(self.name_refusals(applicant));
        let validity = self.validity(applicant, authority, now, &mut refusals);
        let subject = self.subject(applicant, &mut refusals);
        if !refusals.is_empty() {
            return Err(Refused(refusals));
        }
        let (not_before, not_after) = validity;
        let spec = CertificateSpec {
            serial,
            issuer: authority.identity().subject.clone(),
            subject,
            not_before,
            not_after,
            public_key: applicant.public_key.clone(),
            signature_algorithm: authority.identity().signature_algorithm(),
            extensions: self.extensions(applicant, authority, locations, partition),
        };
        Ok(Intended { id, profile: self.name.clone(), authority: authority.clone(), spec })
    }

    fn key_refusals(&self, applicant: &Applicant, blocked: Option<String>) -> Vec<Refusal> {
        let algorithm = applicant.public_key.algorithm();
        let weak = crate::lint::weak_key(&applicant.public_key);
        let reasons = blocked.into_iter().chain(weak);
        let mut refusals: Vec<Refusal> = reasons.map(|reason| Refusal::Key { reason }).collect();
        if !self.key_algorithms.contains(&algorithm) {
            refusals.push(Refusal::KeyAlgorithm { profile: self.name.clone(), algorithm });
        }
        refusals
    }

    fn name_refusals(&self, applicant: &Applicant) -> Vec<Refusal> {
        let profile = || self.name.clone();
        if applicant.names.is_empty() && self.names.required {
            return vec![Refusal::NoName { profile: profile() }];
        }
        let refused = applicant.names.iter().filter(|name| !self.names.allow(name));
        refused.map(|name| Refusal::Name { profile: profile(), name: name.to_string() }).collect()
    }

    /// What is asked for explicitly must fit into the issuer's life; the profile's default is cut.
    fn validity(
        &self,
        applicant: &Applicant,
        authority: &SigningAuthority,
        now: Time,
        refusals: &mut Vec<Refusal>,
    ) -> (Time, Time) {
        let now = now.truncated_to_secs();
        let issuer = authority.certificate().not_after();
        if issuer <= now || authority.certificate().not_before() > now {
            refusals.push(Refusal::IssuerNotValid);
        }
        let not_before = now.minus(self.backdate.duration());
        // Back-dating counts: from end to end no certificate lives longer than this.
        let latest = not_before.plus(LONGEST_LIFETIME.duration());
        let Some(asked) = applicant.lifetime else {
            return (not_before, now.plus(self.lifetime.duration()).min(latest).min(issuer));
        };
        let longest = self.max_lifetime.duration();
        let not_after = now.plus(asked).truncated_to_secs().min(latest);
        if asked > longest {
            refusals.push(Refusal::Lifetime { profile: self.name.clone(), asked, longest });
        }
        if not_after > issuer {
            refusals.push(Refusal::BeyondIssuer { not_after, issuer });
        }
        (not_before, not_after)
    }

    /// The common name is one of the names (or, where none is needed, the one asked for); names too
    /// long for it leave the subject empty.
    fn subject(&self, applicant: &Applicant, refusals: &mut Vec<Refusal>) -> Name {
        if self.subject == SubjectRule::Empty {
            return Name::empty();
        }
        let named = applicant.names.iter().find_map(|name| match name {
            GeneralName::Dns(host) => Some(host.clone()),
            GeneralName::Ip(ip) => Some(ip.to_string()),
            GeneralName::Email(mailbox) => Some(mailbox.clone()),
            _ => None,
        });
        let asked = if self.names.required { None } else { applicant.common_name.clone() };
        let Some(common_name) = named.filter(|name| name.len() <= 64).or(asked) else {
            return Name::empty();
        };
        Name::from_common_name(&common_name).unwrap_or_else(|_| {
            refusals.push(Refusal::CommonName { common_name });
            Name::empty()
        })
    }

    fn extensions(
        &self,
        applicant: &Applicant,
        authority: &SigningAuthority,
        locations: &Locations,
        partition: u32,
    ) -> Extensions {
        let id = authority.id();
        let mut extensions = Extensions::new()
            .end_entity()
            .key_usage(self.key_usage)
            .extended_key_usages(&self.extended_key_usages)
            .subject_key_id(&applicant.public_key.key_id())
            .authority_key_id(&authority.key_id());
        if !applicant.names.is_empty() {
            extensions = extensions.subject_alt_names(&applicant.names);
        }
        let ocsp = locations.ocsp(id);
        if self.revocation {
            extensions = extensions.crl_distribution_points(&[locations.crl(id, partition)]);
        }
        extensions = extensions.authority_info_access(
            self.revocation.then_some(ocsp.as_str()),
            Some(&locations.certificate(id)),
        );
        if self.ocsp_nocheck { extensions.ocsp_nocheck() } else { extensions }
    }
}

impl Intended {
    /// The certificate's row.
    pub const fn id(&self) -> &CertificateId {
        &self.id
    }

    /// What it will say.
    pub const fn spec(&self) -> &CertificateSpec {
        &self.spec
    }

    /// Encodes it, signs it with a key that nobody keeps, and looks at the whole.
    pub fn lint(self) -> Result<Linted, LintRefusal> {
        let tbs = self.spec.tbs_der().map_err(LintRefusal::Encode)?;
        let to_be_signed = ToBeSigned::new(self.authority.identity(), tbs);
        let id = self.authority.id();
        let whole = to_be_signed
            .with_throwaway_signature()
            .ok_or_else(|| LintRefusal::Throwaway(id.clone()))?;
        let read = Certificate::from_der(&whole).map_err(LintRefusal::ReadBack)?;
        says_what_was_meant(&self.spec, &read).map_err(LintRefusal::Differs)?;
        let findings = crate::lint::findings(&read, self.authority.certificate());
        if !findings.is_empty() {
            return Err(LintRefusal::Findings { findings });
        }
        Ok(Linted {
            id: self.id,
            profile: self.profile,
            serial: self.spec.serial,
            subject_key: self.spec.public_key.digest(),
            not_after: read.not_after(),
            to_be_signed,
            authority: id.clone(),
        })
    }
}

fn says_what_was_meant(spec: &CertificateSpec, read: &Certificate) -> Result<(), &'static str> {
    let checks = [
        (read.serial() == &spec.serial, "the serial"),
        (read.issuer() == &spec.issuer, "the issuer"),
        (read.subject() == &spec.subject, "the subject"),
        (read.public_key().digest() == spec.public_key.digest(), "the key"),
        (read.not_before() == spec.not_before.truncated_to_secs(), "the beginning"),
        (read.not_after() == spec.not_after.truncated_to_secs(), "the end"),
        (!read.is_ca(), "an end entity"),
    ];
    checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, what)| Err(what))
}

impl Linted {
    /// The certificate's row.
    pub const fn id(&self) -> &CertificateId {
        &self.id
    }

    /// Its serial, to be kept whatever becomes of the attempt.
    pub const fn serial(&self) -> &Serial {
        &self.serial
    }

    /// The digest of the key that is certified.
    pub const fn subject_key(&self) -> &KeyDigest {
        &self.subject_key
    }

    /// Last second of its validity.
    pub const fn not_after(&self) -> Time {
        self.not_after
    }

    /// The authority that is to sign.
    pub const fn authority(&self) -> &AuthorityId {
        &self.authority
    }

    /// The profile it was intended under.
    pub const fn profile(&self) -> &ProfileName {
        &self.profile
    }

    /// The bytes to be signed.
    pub fn bytes(&self) -> &[u8] {
        self.to_be_signed.bytes()
    }

    /// What to ask the ledger; the subject is the certificate's row.
    pub fn request(
        &self,
        purpose: AttemptPurpose,
        incident: Option<IncidentId>,
    ) -> SignatureRequest {
        self.to_be_signed.request(purpose, self.id.as_str(), incident)
    }

    /// The certificate, with its signature.
    pub fn issue(self, signed: &Signed) -> Result<Issued, FinishError> {
        let der = self.to_be_signed.finish(signed)?;
        let certificate = Certificate::from_der(&der).map_err(FinishError::ReadBack)?;
        Ok(Issued {
            id: self.id,
            authority: self.authority,
            profile: self.profile,
            attempt: signed.attempt.clone(),
            certificate,
        })
    }
}

#[cfg(test)]
mod tests;
