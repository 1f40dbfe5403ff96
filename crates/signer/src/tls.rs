//! How servers are checked that keys are kept at.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

use crate::provider::ProviderError;

/// By the certificates in a file, or by the system's.
pub(crate) fn client(ca_file: Option<&Path>) -> Result<ClientConfig, ProviderError> {
    let wrong = |what: String| ProviderError::NotConfigured { what };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?;
    let Some(file) = ca_file else {
        let builder = builder.with_platform_verifier().map_err(|error| wrong(error.to_string()))?;
        return Ok(builder.with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    let unusable = |why: String| wrong(format!("{}: {why}", file.display()));
    let certificates = CertificateDer::pem_file_iter(file).map_err(|e| unusable(e.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
