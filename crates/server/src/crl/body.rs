//! The bytes of a list: a small one in memory, a large one in a file without a name. However many
//! entries a list has, the server's memory does not grow with it.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use axum::body::{Body as HttpBody, Bytes};
use futures_util::stream;
use skink_store::crls::CHUNK_MAX;
use skink_x509::Fingerprint;
use tempfile::{SpooledData, SpooledTempFile};

/// Up to so many bytes a list is kept in memory.
const MEMORY_MAX: usize = 256 << 10;

/// A list's bytes. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// A small one.
    Memory(Bytes),
    /// A large one, and its size.
    File(Arc<File>, u64),
}

impl Body {
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::File(_, size) => *size,
        }
    }

    /// Piece number `seq`, from 0; empty after the last.
    pub(crate) fn chunk(&self, seq: u32) -> io::Result<Bytes> {
        let chunk = u64::try_from(CHUNK_MAX).unwrap_or(u64::MAX);
        let from = u64::from(seq) * chunk;
        let length = usize::try_from(self.size().saturating_sub(from).min(chunk)).unwrap_or(0);
        if length == 0 {
            return Ok(Bytes::new());
        }
        match self {
            Self::Memory(bytes) => {
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                Ok(bytes.slice(from..from + length))
            }
            Self::File(file, _) => {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, from)?;
                Ok(bytes.into())
            }
        }
    }

    /// All of it, for one that is known to be small.
    pub(crate) fn whole(&self) -> io::Result<Bytes> {
        if let Self::Memory(bytes) = self {
            return Ok(bytes.clone());
        }
        let mut whole = Vec::new();
        for seq in 0.. {
            let chunk = self.chunk(seq)?;
            if chunk.is_empty() {
                break;
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.into())
    }

    /// The body of an answer. A large one is read as it is sent.
    pub(crate) fn to_http(&self) -> HttpBody {
        match self {
            Self::Memory(bytes) => bytes.clone().into(),
            Self::File(..) => {
                let pieces = stream::try_unfold((self.clone(), 0), |(body, seq)| async move {
                    let reading = body.clone();
                    let read = tokio::task::spawn_blocking(move || reading.chunk(seq)).await;
                    let chunk = read.map_err(io::Error::other)??;
                    Ok::<_, io::Error>((!chunk.is_empty()).then_some((chunk, (body, seq + 1))))
                });
                HttpBody::from_stream(pieces)
            }
        }
    }
}

impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Self {
        Self::Memory(bytes.into())
    }
}

/// A file for what may be large, below `dir`; in memory until it is.
pub(crate) fn spool(dir: &Path) -> SpooledTempFile {
    tempfile::spooled_tempfile_in(MEMORY_MAX, dir)
}

/// Takes a list's bytes and counts their digest.
pub(crate) struct BodyWriter {
    spool: SpooledTempFile,
    digest: Context,
    size: u64,
}

impl BodyWriter {
    /// Large ones go into a file below `dir`.
    pub(crate) fn new(dir: &Path) -> Self {
        Self { spool: spool(dir), digest: Context::new(&SHA256), size: 0 }
    }

    pub(crate) fn finish(mut self) -> io::Result<(Body, Fingerprint)> {
        self.spool.flush()?;
        self.spool.seek(SeekFrom::Start(0))?;
        let body = match self.spool.into_inner() {
            SpooledData::InMemory(cursor) => Body::Memory(cursor.into_inner().into()),
            SpooledData::OnDisk(file) => Body::File(Arc::new(file), self.size),
        };
        let mut digest = [0; 32];
        digest.copy_from_slice(self.digest.finish().as_ref());
        Ok((body, Fingerprint::from_bytes(digest)))
    }
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.spool.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.size += u64::try_from(written).unwrap_or(u64::MAX);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.spool.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn small_and_large_lists_are_given_out_as_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        for size in [0, 10, MEMORY_MAX, MEMORY_MAX + 1, 2 * CHUNK_MAX, 2 * CHUNK_MAX + 7] {
            let bytes: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let mut writer = BodyWriter::new(dir.path());
            writer.write_all(&bytes).unwrap();
            let (body, digest) = writer.finish().unwrap();
            assert_eq!(matches!(body, Body::File(..)), size > MEMORY_MAX);
            assert_eq!(
                (body.size(), digest),
                (u64::try_from(size).unwrap(), Fingerprint::of(&bytes))
            );
            assert_eq!(body.whole().unwrap(), bytes);
            let sent = body.to_http().collect().await.unwrap().to_bytes();
            assert_eq!(sent, bytes);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "no file has a name");
    }
}
