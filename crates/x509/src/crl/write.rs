//! The streaming CRL writer.

use std::io::{self, Read, Seek, SeekFrom, Write};

use aws_lc_rs::digest::{self, Digest};
use der::{Encode, Tag};

use super::{CrlNumber, EntryGrounds, IssuingDistributionPoint, RevokedEntry, entry};
use crate::extension::authority_key_id_der;
use crate::{EncodeError, Extension, Name, SignatureAlgorithm, Time, oid, tlv};

/// Everything that a CRL says but its entries.
#[derive(Clone, Debug)]
pub struct CrlSpec {
    /// The authority's subject.
    pub issuer: Name,
    /// The algorithm that the authority will sign with.
    pub signature_algorithm: SignatureAlgorithm,
    /// When this is said.
    pub this_update: Time,
    /// By when the next CRL will be there.
    pub next_update: Time,
    /// The number; the next one is larger.
    pub number: CrlNumber,
    /// The authority's subject key identifier.
    pub authority_key_id: Vec<u8>,
    /// The scope, when the CRL is a partition.
    pub issuing_distribution_point: Option<IssuingDistributionPoint>,
}

/// Takes revoked entries one after another and needs memory for one of them.
///
/// DER writes a length in front of what it measures, and the signature covers that length: nothing
/// of a CRL can be written before its last entry is known. So the entries are encoded once into a
/// *spool* (a temporary file, or a `Cursor<Vec<u8>>` for a small list) while their bytes are
/// counted; [`Self::finish`] then knows every length, and [`UnsignedCrl`] streams spool and frame
/// through a hash, and again, with the signature, to where the CRL goes. Asking the source of the
/// entries twice instead would need a database snapshot that stays open, and would sign something
/// wrong if the two answers differed.
#[derive(Debug)]
pub struct CrlWriter<S> {
    frame: Frame,
    spool: S,
    buffer: Vec<u8>,
    spooled: u64,
    entries: u64,
    last: Vec<u8>,
    grounds: Option<(EntryGrounds, Vec<u8>)>,
}

/// What stands before and after the entries in the `TBSCertList`.
#[derive(Debug)]
struct Frame {
    before: Vec<u8>,
    after: Vec<u8>,
    algorithm: SignatureAlgorithm,
}

const BUFFER: usize = 64 * 1024;

impl<S: Read + Write + Seek> CrlWriter<S> {
    /// Begins a CRL. The spool is written from where it stands; nobody else may touch it.
    pub fn new(spec: &CrlSpec, mut spool: S) -> Result<Self, EncodeError> {
        let frame = Frame::new(spec)?;
        spool.seek(SeekFrom::Start(0)).map_err(io_error)?;
        let buffer = Vec::with_capacity(BUFFER + 128);
        let (last, grounds) = (Vec::new(), None);
        Ok(Self { frame, spool, buffer, spooled: 0, entries: 0, last, grounds })
    }

    /// Adds an entry. In the order of serials a repeated one is refused.
    pub fn push(&mut self, entry: &RevokedEntry) -> Result<(), EncodeError> {
        if entry.serial.is_negative() {
            return Err(EncodeError::rule("a revoked serial", "is negative"));
        }
        self.push_value(entry.serial.as_be_bytes(), entry.grounds())
    }

    /// The same by the value of the serial, big-endian and without leading zeros.
    pub fn push_value(&mut self, serial: &[u8], grounds: EntryGrounds) -> Result<(), EncodeError> {
        if self.last == serial {
            return Err(EncodeError::rule("the CRL", "lists a serial twice"));
        }
        self.last.clear();
        self.last.extend_from_slice(serial);
        if !matches!(&self.grounds, Some((known, _)) if *known == grounds) {
            self.grounds = Some((grounds, grounds.encode()?));
        }
        let encoded = self.grounds.as_ref().map_or(&[][..], |(_, encoded)| encoded);
        entry::append(&mut self.buffer, serial, encoded)?;
        self.entries += 1;
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), EncodeError> {
        self.spool.write_all(&self.buffer).map_err(io_error)?;
        self.spooled += u64::try_from(self.buffer.len()).unwrap_or(u64::MAX);
        self.buffer.clear();
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn buffered(&self) -> usize {
        self.buffer.capacity()
    }

    /// The entries are complete.
    pub fn finish(mut self) -> Result<UnsignedCrl<S>, EncodeError> {
        self.flush()?;
        self.spool.flush().map_err(io_error)?;
        let entries_len = to_usize(self.spooled)?;
        // No revoked certificate: no list (RFC 5280 §5.1.2.6).
        let entries_header = match entries_len {
            0 => Vec::new(),
            length => tlv::header(Tag::Sequence, length)?,
        };
        let Frame { before, after, algorithm } = self.frame;
        let content = before.len() + entries_header.len() + entries_len + after.len();
        let head = [tlv::header(Tag::Sequence, content)?, before, entries_header].concat();
        let tbs_len = head.len() + entries_len + after.len();
        Ok(UnsignedCrl {
            spool: self.spool,
            head,
            entries_len: self.spooled,
            after,
            tbs_len,
            algorithm,
            entries: self.entries,
        })
    }
}

/// A complete CRL that waits for its signature.
#[derive(Debug)]
pub struct UnsignedCrl<S> {
    spool: S,
    head: Vec<u8>,
    entries_len: u64,
    after: Vec<u8>,
    tbs_len: usize,
    algorithm: SignatureAlgorithm,
    entries: u64,
}

impl<S: Read + Seek> UnsignedCrl<S> {
    /// How many certificates it revokes.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The size of the bytes to sign.
    pub fn tbs_len(&self) -> usize {
        self.tbs_len
    }

    /// The algorithm that the CRL names.
    pub fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Writes the bytes to sign.
    pub fn write_tbs(&mut self, out: &mut impl Write) -> Result<(), EncodeError> {
        out.write_all(&self.head).map_err(io_error)?;
        self.spool.seek(SeekFrom::Start(0)).map_err(io_error)?;
        let copied = io::copy(&mut (&mut self.spool).take(self.entries_len), out);
        if copied.map_err(io_error)? != self.entries_len {
            return Err(EncodeError::Io(io::ErrorKind::UnexpectedEof));
        }
        out.write_all(&self.after).map_err(io_error)
    }

    /// The digest of the bytes to sign, for a key that signs digests; none under Ed25519 and ML-DSA,
    /// which sign the whole message ([`Self::tbs_der`]).
    pub fn tbs_digest(&mut self) -> Result<Option<Digest>, EncodeError> {
        let algorithm = match self.algorithm {
            SignatureAlgorithm::EcdsaSha256
            | SignatureAlgorithm::RsaPkcs1Sha256
            | SignatureAlgorithm::RsaPssSha256 => &digest::SHA256,
            SignatureAlgorithm::EcdsaSha384
            | SignatureAlgorithm::RsaPkcs1Sha384
            | SignatureAlgorithm::RsaPssSha384 => &digest::SHA384,
            SignatureAlgorithm::EcdsaSha512
            | SignatureAlgorithm::RsaPkcs1Sha512
            | SignatureAlgorithm::RsaPssSha512 => &digest::SHA512,
            // What is weak is never signed with.
            _ => return Ok(None),
        };
        let mut hash = Hash(digest::Context::new(algorithm));
        self.write_tbs(&mut hash)?;
        Ok(Some(hash.0.finish()))
    }

    /// The bytes to sign, in memory.
    pub fn tbs_der(&mut self) -> Result<Vec<u8>, EncodeError> {
        let mut tbs = Vec::with_capacity(self.tbs_len);
        self.write_tbs(&mut tbs)?;
        Ok(tbs)
    }

    /// Writes the whole CRL.
    pub fn write_signed(
        &mut self,
        signature: &[u8],
        out: &mut impl Write,
    ) -> Result<(), EncodeError> {
        let tail = [self.algorithm.identifier_der(), &tlv::bit_string(signature)?].concat();
        let header = tlv::header(Tag::Sequence, self.tbs_len + tail.len())?;
        out.write_all(&header).map_err(io_error)?;
        self.write_tbs(out)?;
        out.write_all(&tail).map_err(io_error)
    }
}

/// The bytes to sign of a CRL that fits into memory; [`crate::assemble`] makes it whole.
pub fn encode_tbs(
    spec: &CrlSpec,
    entries: impl IntoIterator<Item = RevokedEntry>,
) -> Result<Vec<u8>, EncodeError> {
    let mut writer = CrlWriter::new(spec, io::Cursor::new(Vec::new()))?;
    entries.into_iter().try_for_each(|entry| writer.push(&entry))?;
    writer.finish()?.tbs_der()
}

impl Frame {
    fn new(spec: &CrlSpec) -> Result<Self, EncodeError> {
        if spec.next_update <= spec.this_update {
            return Err(EncodeError::rule("the CRL", "must have its next update after this one"));
        }
        let time = |time| tlv::x509_time(time)?.to_der().map_err(EncodeError::der("a CRL's time"));
        let before = [
            &[2, 1, 1][..],
            spec.signature_algorithm.identifier_der(),
            spec.issuer.to_der(),
            &time(spec.this_update)?,
            &time(spec.next_update)?,
        ]
        .concat();
        let extensions = Extension::sequence_der(&extensions(spec)?)?;
        let after = tlv::wrap(tlv::context(0, true), &extensions)?;
        Ok(Self { before, after, algorithm: spec.signature_algorithm })
    }
}

fn extensions(spec: &CrlSpec) -> Result<Vec<Extension>, EncodeError> {
    let extension = |oid, critical, value| Extension { oid, critical, value };
    let mut extensions = vec![
        extension(
            oid::AUTHORITY_KEY_IDENTIFIER,
            false,
            authority_key_id_der(&spec.authority_key_id)?,
        ),
        extension(oid::CRL_NUMBER, false, spec.number.to_der()?),
    ];
    if let Some(point) = &spec.issuing_distribution_point {
        extensions.push(extension(oid::ISSUING_DISTRIBUTION_POINT, true, point.to_der()?));
    }
    Ok(extensions)
}

struct Hash(digest::Context);

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn to_usize(length: u64) -> Result<usize, EncodeError> {
    usize::try_from(length).map_err(|_| EncodeError::rule("the CRL", "is too large"))
}

#[expect(clippy::needless_pass_by_value, reason = "it is the argument of map_err")]
fn io_error(error: io::Error) -> EncodeError {
    EncodeError::Io(error.kind())
}
