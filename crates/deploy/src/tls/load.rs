//! What the files hold.

use std::collections::HashSet;
use std::path::Path;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::VerifierBuilderError;
use skink_x509::crl::Crl;
use skink_x509::{Certificate, KeyDigest, ParseError};

use crate::files::failed;
use crate::{EndpointFiles, FileError, Mechanism};

/// No configuration can be made of the files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("a file cannot be read")]
    File(#[source] FileError),
    /// A file holds no certificates or lists.
    #[error("{path} holds what is no {what}")]
    Parse {
        /// The file.
        path: std::path::PathBuf,
        /// What it should hold.
        what: &'static str,
        /// Why it does not.
        #[source]
        source: ParseError,
    },
    /// The private key cannot be read. What is in the file is not repeated.
    #[error("the private key cannot be read")]
    Key,
    /// The list of denied keys cannot be read.
    #[error("the list of denied keys cannot be read")]
    Denied(#[source] serde_json::Error),
    /// A denied key is no digest.
    #[error("{0:?} is no digest of a key")]
    DeniedKey(String),
    /// rustls does not take it.
    #[error("the TLS library refuses certificate, key or anchors")]
    Rustls(#[source] rustls::Error),
    /// rustls does not take anchors or lists.
    #[error("the TLS library refuses the anchors or the CRLs")]
    Verifier(#[source] VerifierBuilderError),
}

/// A certificate with what is above it, its key, and a staple.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    staple: Option<Vec<u8>>,
}

/// What an endpoint trusts.
#[derive(Clone, Debug)]
pub struct Trust {
    mechanism: Mechanism,
    anchors: Vec<Certificate>,
    crls: Vec<Crl>,
    denied: HashSet<KeyDigest>,
}

impl Identity {
    /// Reads `cert.pem`, `key.pem` and `staple.der`.
    pub fn load(files: &EndpointFiles) -> Result<Self, ConfigError> {
        let certificates = read_certificates(&files.certificate())?;
        let key = read(&files.key())?;
        Ok(Self { staple: fs_err::read(files.staple()).ok(), ..Self::new(&certificates, &key)? })
    }

    /// From a chain, leaf first, and a PKCS#8 key in PEM.
    pub fn new(chain: &[Certificate], key_pem: &[u8]) -> Result<Self, ConfigError> {
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| ConfigError::Key)?;
        let der = |certificate: &Certificate| CertificateDer::from(certificate.der().to_vec());
        Ok(Self { chain: chain.iter().map(der).collect(), key, staple: None })
    }

    /// The chain and the key, for a configuration that is built elsewhere.
    pub fn into_chain_and_key(self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (self.chain, self.key)
    }

    pub(crate) fn into_parts(
        self,
    ) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, Option<Vec<u8>>) {
        (self.chain, self.key, self.staple)
    }
}

impl Trust {
    /// Reads `anchors.pem` and, by mechanism, `crls.pem` or `denied.json`.
    pub fn load(files: &EndpointFiles) -> Result<Self, ConfigError> {
        let mechanism = files.mechanism();
        let crls = match mechanism {
            Mechanism::ParentCrl => read_crls(&files.crls())?,
            _ => Vec::new(),
        };
        let denied = match mechanism {
            Mechanism::Deny => read_denied(&files.denied())?,
            _ => HashSet::new(),
        };
        Ok(Self { mechanism, anchors: read_certificates(&files.anchors())?, crls, denied })
    }

    /// From its parts.
    pub const fn new(
        mechanism: Mechanism,
        anchors: Vec<Certificate>,
        crls: Vec<Crl>,
        denied: HashSet<KeyDigest>,
    ) -> Self {
        Self { mechanism, anchors, crls, denied }
    }

    /// The mechanism.
    pub const fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The anchors.
    pub fn anchors(&self) -> &[Certificate] {
        &self.anchors
    }

    /// The CRLs, of `parent-crl` only.
    pub fn crls(&self) -> &[Crl] {
        &self.crls
    }

    /// The denied keys, of `deny` only.
    pub const fn denied(&self) -> &HashSet<KeyDigest> {
        &self.denied
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    fs_err::read(path).map_err(failed("read", path)).map_err(ConfigError::File)
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    fs_err::read_to_string(path).map_err(failed("read", path)).map_err(ConfigError::File)
}

fn read_certificates(path: &Path) -> Result<Vec<Certificate>, ConfigError> {
    Certificate::all_from_pem(&read_text(path)?).map_err(|source| ConfigError::Parse {
        path: path.to_owned(),
        what: "certificate",
        source,
    })
}

fn read_crls(path: &Path) -> Result<Vec<Crl>, ConfigError> {
    Crl::all_from_pem(&read_text(path)?).map_err(|source| ConfigError::Parse {
        path: path.to_owned(),
        what: "CRL",
        source,
    })
}

fn read_denied(path: &Path) -> Result<HashSet<KeyDigest>, ConfigError> {
    let texts: Vec<String> = serde_json::from_slice(&read(path)?).map_err(ConfigError::Denied)?;
    let parse = |text: String| text.parse().map_err(|_| ConfigError::DeniedKey(text));
    texts.into_iter().map(parse).collect()
}
