//! One revoked certificate in a CRL.

use der::asn1::{AnyRef, GeneralizedTime};
use der::{Decode, Encode, SliceReader, Tag};

use super::Reason;
use crate::{EncodeError, Extension, GeneralName, Name, ParseError, Serial, Time, oid, tlv};

/// A revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedEntry {
    /// The certificate's serial.
    pub serial: Serial,
    /// When it was revoked.
    pub revoked_at: Time,
    /// Why; none means unspecified.
    pub reason: Option<Reason>,
    /// Since when its key is known or suspected to be in wrong hands.
    pub invalidity_date: Option<Time>,
}

/// What an entry says beside its serial. Entries of one occasion have it in common, so that it is
/// encoded once for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryGrounds {
    /// When the certificate was revoked.
    pub revoked_at: Time,
    /// Why; none means unspecified.
    pub reason: Option<Reason>,
    /// Since when its key is known or suspected to be in wrong hands.
    pub invalidity_date: Option<Time>,
}

impl EntryGrounds {
    /// The DER of everything after the serial: the date, and the extensions where there are any.
    pub(super) fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let at = tlv::x509_time(self.revoked_at)?;
        let mut out = at.to_der().map_err(EncodeError::der("a revocation date"))?;
        self.encode_extensions(&mut out)?;
        Ok(out)
    }

    fn encode_extensions(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        const REASON: [u8; 11] = [0x30, 0x0a, 6, 3, 0x55, 0x1d, 0x15, 4, 3, 0x0a, 1];
        const INVALIDITY: [u8; 9] = [0x30, 0x18, 6, 3, 0x55, 0x1d, 0x18, 4, 0x11];
        let reason = self.reason.filter(|reason| *reason != Reason::Unspecified);
        if reason == Some(Reason::RemoveFromCrl) {
            return Err(EncodeError::rule("a CRL entry", "says removeFromCRL in a complete CRL"));
        }
        if reason.is_none() && self.invalidity_date.is_none() {
            return Ok(());
        }
        let start = out.len();
        out.extend_from_slice(&[0x30, 0]);
        if let Some(reason) = reason {
            out.extend_from_slice(&REASON);
            out.push(reason.code());
        }
        if let Some(date) = self.invalidity_date {
            out.extend_from_slice(&INVALIDITY);
            let date = tlv::generalized_time(date)?;
            out.extend(date.to_der().map_err(EncodeError::der("an invalidity date"))?);
        }
        // At most 12 and 26 bytes.
        out[start + 1] = u8::try_from(out.len() - start - 2).unwrap_or(u8::MAX);
        Ok(())
    }
}

/// Appends an entry's DER to `out`: the value of its serial, big-endian, and its encoded grounds.
///
/// No entry reaches 128 bytes, so that every length is one byte.
pub(super) fn append(out: &mut Vec<u8>, serial: &[u8], grounds: &[u8]) -> Result<(), EncodeError> {
    let sign = serial.first().is_some_and(|first| *first >= 0x80);
    let content = serial.len() + usize::from(sign);
    let whole = 2 + content + grounds.len();
    let short = |length: usize| u8::try_from(length).ok().filter(|length| *length < 128);
    let (Some(content), Some(whole)) = (short(content), short(whole)) else {
        return Err(EncodeError::rule("a revoked serial", "is too long for a CRL entry"));
    };
    out.extend_from_slice(&[0x30, whole, 2, content]);
    if sign {
        out.push(0);
    }
    out.extend_from_slice(serial);
    out.extend_from_slice(grounds);
    Ok(())
}

impl RevokedEntry {
    /// What it says beside its serial.
    pub fn grounds(&self) -> EntryGrounds {
        let Self { revoked_at, reason, invalidity_date, .. } = *self;
        EntryGrounds { revoked_at, reason, invalidity_date }
    }

    /// The content of the serial's INTEGER.
    pub(super) fn serial_content(entry: AnyRef<'_>) -> Option<&[u8]> {
        let mut fields = SliceReader::new(entry.value()).ok()?;
        AnyRef::decode(&mut fields).ok().map(AnyRef::value)
    }

    /// The directory names of the certificateIssuer extension, where there is one.
    pub(super) fn certificate_issuer(entry: AnyRef<'_>) -> Option<Vec<Name>> {
        let fields = tlv::members(entry.value()).ok()?;
        let extensions = Extension::list(fields.get(2)?.value()).ok()?;
        let extension = Extension::find(&extensions, oid::CERTIFICATE_ISSUER)?;
        let names = tlv::content(&extension.value, Tag::Sequence).ok()?;
        let names = GeneralName::list(names).ok()?.into_iter();
        Some(
            names
                .filter_map(|name| match name {
                    GeneralName::Directory(name) => Some(name),
                    _ => None,
                })
                .collect(),
        )
    }

    /// Reads one entry, with the OIDs of critical extensions that are not understood.
    pub(super) fn decode(
        entry: AnyRef<'_>,
    ) -> Result<(Self, Vec<oid::ObjectIdentifier>), ParseError> {
        let malformed = || ParseError::der("a CRL entry");
        entry.header().tag().assert_eq(Tag::Sequence).map_err(malformed())?;
        let fields = tlv::members(entry.value()).map_err(malformed())?;
        let (serial, at, extensions) = match &fields[..] {
            [serial, at] => (serial, at, None),
            [serial, at, extensions] => (serial, at, Some(extensions)),
            _ => return Err(ParseError::rule("a CRL entry", "has too few or too many fields")),
        };
        serial.header().tag().assert_eq(Tag::Integer).map_err(malformed())?;
        let at: x509_cert::time::Time =
            at.to_der().and_then(|der| Decode::from_der(&der)).map_err(malformed())?;
        let mut read = Self {
            serial: Serial::from_foreign(serial.value()),
            revoked_at: tlv::from_x509_time(at),
            reason: None,
            invalidity_date: None,
        };
        let mut unknown = Vec::new();
        if let Some(extensions) = extensions {
            extensions.header().tag().assert_eq(Tag::Sequence).map_err(malformed())?;
            for extension in Extension::list(extensions.value())? {
                unknown.extend(read.read_extension(&extension)?);
            }
        }
        Ok((read, unknown))
    }

    /// Takes over what an extension says; gives its OID when it must be known and is not.
    fn read_extension(
        &mut self,
        extension: &Extension,
    ) -> Result<Option<oid::ObjectIdentifier>, ParseError> {
        match extension.oid {
            oid::REASON_CODE => {
                let code = tlv::content(&extension.value, Tag::Enumerated)
                    .map_err(ParseError::der("a revocation reason"))?;
                let reason = match code {
                    [code] => Reason::from_code(*code),
                    _ => None,
                };
                let rule = ParseError::rule("a revocation reason", "is not one of RFC 5280's");
                self.reason = Some(reason.ok_or(rule)?);
            }
            oid::INVALIDITY_DATE => {
                let date = GeneralizedTime::from_der(&extension.value)
                    .map_err(ParseError::der("an invalidity date"))?;
                self.invalidity_date = Some(tlv::from_generalized_time(date));
            }
            other => return Ok(extension.critical.then_some(other)),
        }
        Ok(None)
    }
}
