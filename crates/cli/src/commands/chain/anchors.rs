//! What is trusted: files that are named, or the machine's own store.

use std::path::PathBuf;

use anyhow::Result;
use skink_chain::Read;
use skink_x509::Certificate;

use super::files::Files;
use crate::Failure;

/// Certificates that are trusted, and where they are from.
pub(crate) struct Anchors {
    pub(crate) certificates: Vec<Read>,
    pub(crate) source: String,
}

impl Anchors {
    /// The certificates of these files; of the machine's store when none is named.
    pub(crate) fn read(files: &Files, paths: &[PathBuf]) -> Result<Self> {
        if paths.is_empty() {
            return Ok(Self::of_machine());
        }
        let certificates = files.bag(paths)?.certificates;
        if certificates.is_empty() {
            let names: Vec<_> = paths.iter().map(|it| it.display().to_string()).collect();
            return Err(Failure::Usage {
                what: format!("there is no certificate to trust in {}", names.join(", ")),
                hint: "--trusted takes files with root certificates; `skink chain inspect` shows \
                       what a file holds"
                    .to_owned(),
            }
            .into());
        }
        let source = format!("{} given with --trusted", certificates.len());
        Ok(Self { certificates, source })
    }

    fn of_machine() -> Self {
        let found = rustls_native_certs::load_native_certs();
        let certificates: Vec<_> = found
            .certs
            .iter()
            .filter_map(|der| Certificate::from_der(der).ok())
            .map(|certificate| Read { certificate, broken: Vec::new() })
            .collect();
        let source = match certificates.len() {
            0 => "none: this machine has no trust store that can be read".to_owned(),
            count => format!("{count} of this machine's trust store"),
        };
        Self { certificates, source }
    }
}
