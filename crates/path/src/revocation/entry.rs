//! What a CRL says about one certificate.

use der::Decode as _;
use skink_x509::crl::{Crl, Reason};
use skink_x509::{Certificate, Time, oid};
use x509_cert::crl::{CertificateList, RevokedCert};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::{GeneralName, GeneralNames};

use crate::distinguished::Distinguished;

/// The entry of a certificate.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) revoked_at: Time,
    pub(super) reason: Option<Reason>,
}

/// The entry in a CRL that holds certificates of its signer alone.
pub(super) fn direct(crl: &Crl, certificate: &Certificate) -> Option<Entry> {
    let entry = crl.find(certificate.serial())?;
    Some(Entry { revoked_at: entry.revoked_at, reason: entry.reason })
}

/// The entry in a CRL that holds certificates of several issuers (RFC 5280 §5.3.3): an entry is of
/// the issuer that the nearest one above it names. A list that cannot be read is an error.
pub(super) fn indirect(
    crl: &Crl,
    crl_issuer: &Distinguished,
    certificate: &Certificate,
    issuer: &Distinguished,
) -> Result<Option<Entry>, der::Error> {
    let list = <CertificateList>::from_der(crl.der())?;
    let mut wanted = certificate.serial().as_be_bytes().to_vec();
    if wanted.first().is_some_and(|first| *first >= 0x80) {
        wanted.insert(0, 0);
    }
    let mut of = crl_issuer.clone();
    let mut found = None;
    for entry in list.tbs_cert_list.revoked_certificates.iter().flatten() {
        if let Some(named) = extension(entry, oid::CERTIFICATE_ISSUER) {
            of = issuer_in(named)?;
        }
        if of == *issuer && entry.serial_number.as_bytes() == wanted {
            found = Some(read(entry));
        }
    }
    Ok(found)
}

fn issuer_in(extension: &Extension) -> Result<Distinguished, der::Error> {
    let names = GeneralNames::from_der(extension.extn_value.as_bytes())?;
    let directory = names.iter().find_map(|name| match name {
        GeneralName::DirectoryName(name) => Some(Distinguished::from_rdns(name.as_ref())),
        _ => None,
    });
    directory.ok_or_else(|| der::ErrorKind::Failed.into())
}

fn read(entry: &RevokedCert) -> Entry {
    let since_epoch = entry.revocation_date.to_unix_duration().as_secs();
    let reason = extension(entry, oid::REASON_CODE);
    let reason = reason.and_then(|reason| match reason.extn_value.as_bytes() {
        [0x0a, 1, code] => Reason::from_code(*code),
        _ => None,
    });
    Entry { revoked_at: Time::from_secs(i64::try_from(since_epoch).unwrap_or(i64::MAX)), reason }
}

fn extension(entry: &RevokedCert, oid: oid::ObjectIdentifier) -> Option<&Extension> {
    entry.crl_entry_extensions.iter().flatten().find(|extension| extension.extn_id == oid)
}
