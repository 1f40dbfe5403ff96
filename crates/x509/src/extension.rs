//! Extensions, raw and built.

use std::collections::HashSet;

use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode, Sequence, Tag};

use crate::general_name::names_content;
use crate::{EncodeError, GeneralName, KeyUsage, ParseError, oid, tlv};

/// One extension as it stands in a structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Which extension.
    pub oid: ObjectIdentifier,
    /// Whether a reader that does not know it must refuse the structure.
    pub critical: bool,
    /// The DER inside the OCTET STRING.
    pub value: Vec<u8>,
}

/// So many are compared with each other faster than they are hashed.
const FEW: usize = 32;

#[derive(Sequence)]
struct RawExtension<'a> {
    oid: ObjectIdentifier,
    #[asn1(default = "Default::default")]
    critical: bool,
    value: &'a OctetStringRef,
}

impl Extension {
    /// Reads the content of an `Extensions` sequence.
    pub(crate) fn list(content: &[u8]) -> Result<Vec<Self>, ParseError> {
        let members = tlv::members(content).map_err(ParseError::der("extensions"))?;
        members
            .into_iter()
            .map(|member| {
                let raw: RawExtension<'_> =
                    member.decode_as().map_err(ParseError::der("an extension"))?;
                let value = raw.value.as_bytes().to_vec();
                Ok(Self { oid: raw.oid, critical: raw.critical, value })
            })
            .collect()
    }

    /// Whether the extension's OID stands twice in `extensions` (RFC 5280 §4.2 forbids it).
    pub(crate) fn duplicate(extensions: &[Self]) -> Option<ObjectIdentifier> {
        if extensions.len() > FEW {
            let mut seen = HashSet::new();
            return extensions.iter().map(|extension| extension.oid).find(|oid| !seen.insert(*oid));
        }
        let twice = |(at, extension): (usize, &Self)| {
            extensions[..at].iter().any(|earlier| earlier.oid == extension.oid)
        };
        extensions.iter().enumerate().find(|pair| twice(*pair)).map(|(_, e)| e.oid)
    }

    pub(crate) fn find(extensions: &[Self], oid: ObjectIdentifier) -> Option<&Self> {
        extensions.iter().find(|extension| extension.oid == oid)
    }

    /// The DER of the extension; `critical FALSE`, being the default, is left out.
    pub(crate) fn to_der(&self) -> Result<Vec<u8>, EncodeError> {
        let value = OctetStringRef::new(&self.value).map_err(EncodeError::der("an extension"))?;
        RawExtension { oid: self.oid, critical: self.critical, value }
            .to_der()
            .map_err(EncodeError::der("an extension"))
    }

    /// The DER of an `Extensions` sequence.
    pub(crate) fn sequence_der(extensions: &[Self]) -> Result<Vec<u8>, EncodeError> {
        if let Some(oid) = Self::duplicate(extensions) {
            return Err(EncodeError::DuplicateExtension(oid));
        }
        let members: Vec<Vec<u8>> =
            extensions.iter().map(Self::to_der).collect::<Result<_, _>>()?;
        tlv::wrap(Tag::Sequence, &members.concat())
    }
}

/// The extensions of a certificate to be, put together one call each.
///
/// Criticality is what RFC 5280 asks for. A mistake surfaces when the certificate is encoded.
#[derive(Clone, Debug, Default)]
pub struct Extensions(Vec<Result<Extension, EncodeError>>);

impl Extensions {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// basicConstraints of an authority; `path_len` limits the authorities below it.
    pub fn ca(self, path_len: Option<u8>) -> Self {
        let value = || {
            let mut content = vec![1, 1, 0xff];
            if let Some(path_len) = path_len {
                content.extend(tlv::unsigned(&[path_len])?);
            }
            tlv::wrap(Tag::Sequence, &content)
        };
        self.push(oid::BASIC_CONSTRAINTS, true, value())
    }

    /// basicConstraints of an end entity: an empty, critical sequence, so that no reader can take
    /// the certificate for an authority's.
    pub fn end_entity(self) -> Self {
        self.push(oid::BASIC_CONSTRAINTS, true, Ok(vec![0x30, 0]))
    }

    /// keyUsage, critical.
    pub fn key_usage(self, usage: KeyUsage) -> Self {
        self.push(oid::KEY_USAGE, true, usage.to_der())
    }

    /// extKeyUsage, not critical.
    pub fn extended_key_usages(self, purposes: &[ObjectIdentifier]) -> Self {
        let value = || {
            if purposes.is_empty() {
                return Err(EncodeError::rule("the extended key usage", "must name a purpose"));
            }
            let members: Result<Vec<Vec<u8>>, _> = purposes.iter().map(Encode::to_der).collect();
            tlv::wrap(Tag::Sequence, &members.map_err(EncodeError::der("a purpose"))?.concat())
        };
        self.push(oid::EXTENDED_KEY_USAGE, false, value())
    }

    /// subjectAltName. It becomes critical by itself where the subject is empty (§4.2.1.6).
    pub fn subject_alt_names(self, names: &[GeneralName]) -> Self {
        let value = || {
            if names.is_empty() {
                return Err(EncodeError::rule("the subjectAltName", "must hold a name"));
            }
            tlv::wrap(Tag::Sequence, &names_content(names)?)
        };
        self.push(oid::SUBJECT_ALT_NAME, false, value())
    }

    /// subjectKeyIdentifier.
    pub fn subject_key_id(self, id: &[u8]) -> Self {
        self.push(oid::SUBJECT_KEY_IDENTIFIER, false, tlv::wrap(Tag::OctetString, id))
    }

    /// authorityKeyIdentifier with a key identifier and nothing else.
    pub fn authority_key_id(self, id: &[u8]) -> Self {
        self.push(oid::AUTHORITY_KEY_IDENTIFIER, false, authority_key_id_der(id))
    }

    /// cRLDistributionPoints: one point for each URI. Nothing is added for none.
    pub fn crl_distribution_points<U: AsRef<str>>(self, uris: &[U]) -> Self {
        if uris.is_empty() {
            return self;
        }
        let value = || {
            let points: Vec<Vec<u8>> = uris
                .iter()
                .map(|uri| tlv::wrap(Tag::Sequence, &distribution_point_name(uri.as_ref())?))
                .collect::<Result<_, EncodeError>>()?;
            tlv::wrap(Tag::Sequence, &points.concat())
        };
        self.push(oid::CRL_DISTRIBUTION_POINTS, false, value())
    }

    /// authorityInfoAccess: where the responder is and where the issuer's certificate is. Nothing
    /// is added for neither.
    pub fn authority_info_access(self, ocsp: Option<&str>, ca_issuers: Option<&str>) -> Self {
        let access = |method: ObjectIdentifier, uri: &str| {
            let method = method.to_der().map_err(EncodeError::der("an access method"))?;
            tlv::sequence(&[&method, &GeneralName::Uri(uri.to_owned()).to_der()?])
        };
        let uris = [(oid::AD_OCSP, ocsp), (oid::AD_CA_ISSUERS, ca_issuers)];
        let given: Vec<_> =
            uris.into_iter().filter_map(|(method, uri)| uri.map(|uri| (method, uri))).collect();
        if given.is_empty() {
            return self;
        }
        let value = || {
            let members: Vec<Vec<u8>> = given
                .into_iter()
                .map(|(method, uri)| access(method, uri))
                .collect::<Result<_, EncodeError>>()?;
            tlv::wrap(Tag::Sequence, &members.concat())
        };
        self.push(oid::AUTHORITY_INFO_ACCESS, false, value())
    }

    /// id-pkix-ocsp-nocheck: nobody asks whether the responder's certificate is revoked.
    pub fn ocsp_nocheck(self) -> Self {
        self.push(oid::OCSP_NOCHECK, false, Ok(vec![5, 0]))
    }

    /// Any other extension, with the DER of its value.
    pub fn raw(self, oid: ObjectIdentifier, critical: bool, value: Vec<u8>) -> Self {
        self.push(oid, critical, Ok(value))
    }

    fn push(
        mut self,
        oid: ObjectIdentifier,
        critical: bool,
        value: Result<Vec<u8>, EncodeError>,
    ) -> Self {
        self.0.push(value.map(|value| Extension { oid, critical, value }));
        self
    }

    /// The extensions, or the first mistake.
    pub(crate) fn build(&self, subject_is_empty: bool) -> Result<Vec<Extension>, EncodeError> {
        let mut extensions = self.0.iter().cloned().collect::<Result<Vec<_>, _>>()?;
        for extension in &mut extensions {
            if extension.oid == oid::SUBJECT_ALT_NAME {
                extension.critical = subject_is_empty;
            }
        }
        Ok(extensions)
    }
}

/// The value of an authorityKeyIdentifier: `SEQUENCE { [0] keyIdentifier }`.
pub(crate) fn authority_key_id_der(id: &[u8]) -> Result<Vec<u8>, EncodeError> {
    tlv::sequence(&[&tlv::wrap(tlv::context(0, false), id)?])
}

/// `[0] { [0] fullName }` of a distribution point with one URI.
pub(crate) fn distribution_point_name(uri: &str) -> Result<Vec<u8>, EncodeError> {
    let name = GeneralName::Uri(uri.to_owned()).to_der()?;
    tlv::wrap(tlv::context(0, true), &tlv::wrap(tlv::context(0, true), &name)?)
}

/// What the readable extensions of a certificate or a request say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) is_ca: bool,
    pub(crate) path_len: Option<u8>,
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) extended_key_usages: Vec<ObjectIdentifier>,
    pub(crate) subject_alt_names: Vec<GeneralName>,
    pub(crate) subject_key_id: Option<Vec<u8>>,
    pub(crate) authority_key_id: Option<Vec<u8>>,
    pub(crate) crl_distribution_points: Vec<String>,
    pub(crate) ocsp_uris: Vec<String>,
    pub(crate) ca_issuers_uris: Vec<String>,
}

impl Known {
    /// Takes over what one extension says; extensions of no interest are passed over.
    pub(crate) fn read(&mut self, extension: &Extension) -> Result<(), ParseError> {
        let value = &extension.value[..];
        match extension.oid {
            oid::BASIC_CONSTRAINTS => {
                let constraints = x509_cert::ext::pkix::BasicConstraints::from_der(value)
                    .map_err(ParseError::der("basic constraints"))?;
                self.is_ca = constraints.ca;
                self.path_len = constraints.path_len_constraint;
            }
            oid::KEY_USAGE => self.key_usage = Some(KeyUsage::from_der(value)?),
            oid::EXTENDED_KEY_USAGE => {
                self.extended_key_usages = Vec::<ObjectIdentifier>::from_der(value)
                    .map_err(ParseError::der("the extended key usage"))?;
            }
            oid::SUBJECT_ALT_NAME => {
                let content = tlv::content(value, Tag::Sequence);
                let content = content.map_err(ParseError::der("the subjectAltName"))?;
                self.subject_alt_names = GeneralName::list(content)?;
            }
            oid::SUBJECT_KEY_IDENTIFIER => {
                let id = tlv::content(value, Tag::OctetString)
                    .map_err(ParseError::der("the subject key identifier"))?;
                self.subject_key_id = Some(id.to_vec());
            }
            oid::AUTHORITY_KEY_IDENTIFIER => self.authority_key_id = key_id_of_authority(value)?,
            oid::CRL_DISTRIBUTION_POINTS => {
                self.crl_distribution_points = distribution_point_uris(value)
                    .map_err(ParseError::der("the distribution points"))?;
            }
            oid::AUTHORITY_INFO_ACCESS => self.read_access(value)?,
            _ => {}
        }
        Ok(())
    }

    fn read_access(&mut self, value: &[u8]) -> Result<(), ParseError> {
        let malformed = || ParseError::der("the authority information access");
        let content = tlv::content(value, Tag::Sequence).map_err(malformed())?;
        for member in tlv::members(content).map_err(malformed())? {
            member.header().tag().assert_eq(Tag::Sequence).map_err(|e| malformed()(e))?;
            let pair = tlv::members(member.value()).map_err(malformed())?;
            let [method, location] = &pair[..] else {
                return Err(ParseError::rule("the authority information access", "holds no pair"));
            };
            let method: ObjectIdentifier = method.decode_as().map_err(malformed())?;
            let uris = match method {
                oid::AD_OCSP => &mut self.ocsp_uris,
                oid::AD_CA_ISSUERS => &mut self.ca_issuers_uris,
                _ => continue,
            };
            uris.extend(uri_of(*location));
        }
        Ok(())
    }
}

/// The key identifier of an authorityKeyIdentifier's value, if it has one.
pub(crate) fn key_id_of_authority(value: &[u8]) -> Result<Option<Vec<u8>>, ParseError> {
    let malformed = || ParseError::der("the authority key identifier");
    let content = tlv::content(value, Tag::Sequence).map_err(malformed())?;
    let members = tlv::members(content).map_err(malformed())?;
    let id = members.iter().find(|member| member.header().tag() == tlv::context(0, false));
    Ok(id.map(|id| id.value().to_vec()))
}

fn distribution_point_uris(value: &[u8]) -> Result<Vec<String>, der::Error> {
    let mut uris = Vec::new();
    for point in tlv::members(tlv::content(value, Tag::Sequence)?)? {
        point.header().tag().assert_eq(Tag::Sequence)?;
        for field in tlv::members(point.value())? {
            if field.header().tag() == tlv::context(0, true) {
                uris.extend(full_name_uris(field.value())?);
            }
        }
    }
    Ok(uris)
}

/// The URIs of a `DistributionPointName`'s fullName.
pub(crate) fn full_name_uris(content: &[u8]) -> Result<Vec<String>, der::Error> {
    let mut uris = Vec::new();
    for choice in tlv::members(content)? {
        if choice.header().tag() == tlv::context(0, true) {
            uris.extend(tlv::members(choice.value())?.into_iter().filter_map(uri_of));
        }
    }
    Ok(uris)
}

fn uri_of(name: AnyRef<'_>) -> Option<String> {
    let is_uri = name.header().tag() == tlv::context(6, false);
    is_uri.then(|| std::str::from_utf8(name.value()).ok().map(str::to_owned)).flatten()
}
