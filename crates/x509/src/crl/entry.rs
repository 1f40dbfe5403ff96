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

impl RevokedEntry {
    /// Appends the entry's DER to `out`.
    ///
    /// No entry reaches 128 bytes, so that every length is one byte; a million of them take a
    /// fraction of a second.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        out.extend_from_slice(&[0x30, 0]);
        push_tlv(out, 2, &self.serial.der_content());
        let at = tlv::x509_time(self.revoked_at)?;
        out.extend(at.to_der().map_err(EncodeError::der("a revocation date"))?);
        self.encode_extensions(out)?;
        let length = out.len() - start - 2;
        out[start + 1] = u8::try_from(length)
            .ok()
            .filter(|length| *length < 128)
            .ok_or(EncodeError::rule("a revoked serial", "is too long for a CRL entry"))?;
        Ok(())
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

fn push_tlv(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    // Too long a serial shows in the entry's own length.
    out.push(u8::try_from(content.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(content);
}
