//! The server's own TLS identity under control.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use skink_authority::Applicant;
use skink_model::{CertificateKind, Channel, Stamp};
use skink_x509::{Certificate, GeneralName, KeyDigest, PublicKey};

use crate::app::{App, CONTROL};
use crate::failure::{Failure, Result};
use crate::files;
use crate::http::tls::Identity;
use crate::issue::{self, Order};
use crate::operators::parsed;

const KEY: &str = "server.key.pem";
const CHAIN: &str = "server.chain.pem";
const PROFILE: &str = "control-server";

/// Reads the identity that [`renew`] wrote, with the digest of its key.
pub(crate) fn load(app: &App) -> Result<(Identity, KeyDigest)> {
    let dir = app.settings().tls();
    let unreadable = |_| Failure::Bug("the server's TLS identity cannot be read");
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(dir.join(CHAIN))
        .and_then(Iterator::collect)
        .map_err(unreadable)?;
    let key = PrivateKeyDer::from_pem_file(dir.join(KEY)).map_err(unreadable)?;
    let leaf = chain.first().ok_or(Failure::Bug("the server's TLS chain is empty"))?;
    let leaf = Certificate::from_der(leaf).map_err(Failure::Stored)?;
    Ok((Identity { chain, key }, leaf.public_key().digest()))
}

/// Renews the identity when a third of its life is left; the key stays, since agents know it.
pub(crate) async fn renew_if_due(app: &App) -> Result<bool> {
    let (identity, _) = load(app)?;
    let leaf = identity.chain.first().ok_or(Failure::Bug("the server's TLS chain is empty"))?;
    let leaf = Certificate::from_der(leaf).map_err(Failure::Stored)?;
    let life = leaf.not_after().since(leaf.not_before());
    if leaf.not_after().since(app.now()) > life / 3 {
        return Ok(false);
    }
    renew(app).await?;
    app.tls().await?;
    Ok(true)
}

/// Issues the identity anew, making the key if there is none.
pub(crate) async fn renew(app: &App) -> Result<()> {
    let dir = app.settings().tls();
    files::private_dir(&dir).map_err(Failure::Io)?;
    let public_key = key(&dir.join(KEY))?;
    let mut names = vec![GeneralName::Dns(app.settings().server_name())];
    names.extend(app.settings().hosts().iter().map(|host| match host.parse() {
        Ok(ip) => GeneralName::Ip(ip),
        Err(_) => GeneralName::Dns(host.clone()),
    }));
    let order = Order {
        issuer: parsed(CONTROL)?,
        authority: None,
        profile: parsed(PROFILE)?,
        kind: CertificateKind::Control,
        applicant: Applicant { public_key, names, common_name: None, lifetime: None },
        channel: Channel::Internal,
        by: Stamp::server(app.now()),
        endpoint: None,
        agent: None,
        closing: None,
    };
    let delivery = issue::issue(app, order).await?;
    // The root comes along: an agent that enrols knows it by its fingerprint alone.
    let chain = [delivery.certificate.to_pem(), delivery.chain_pem, app.root_pem().await?];
    files::write_atomic(&dir.join(CHAIN), 0o644, chain.join("\n").as_bytes()).map_err(Failure::Io)
}

fn key(path: &std::path::Path) -> Result<PublicKey> {
    let failed = |_| Failure::Bug("the server's TLS key cannot be made");
    if !path.exists() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?;
        let der = pair.to_pkcs8v1().map_err(failed)?;
        let pem = pem("PRIVATE KEY", der.as_ref());
        files::write_atomic(path, 0o600, pem.as_bytes()).map_err(Failure::Io)?;
    }
    let unreadable = |_| Failure::Bug("the server's TLS key cannot be read");
    let key = PrivateKeyDer::from_pem_file(path).map_err(unreadable)?;
    let pair =
        EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, key.secret_der())
            .map_err(|_| Failure::Bug("the server's TLS key is of another kind"))?;
    let spki = pair.public_key().as_der().map_err(failed)?;
    PublicKey::from_spki_der(spki.as_ref())
        .map_err(|_| Failure::Bug("the server's TLS key cannot be certified"))
}

/// PEM with lines of 64 characters (RFC 7468).
fn pem(label: &str, der: &[u8]) -> zeroize::Zeroizing<String> {
    use base64::Engine as _;
    let body = zeroize::Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(der));
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    zeroize::Zeroizing::new(text)
}
