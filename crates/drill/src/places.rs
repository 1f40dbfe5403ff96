//! Keys of a drill that a key service keeps: made here with the ambient credential, taken as an
//! administrator's, and used by the server with credentials of their own.

use std::path::{Path, PathBuf};

use skink_signer::{Credential, KeyUri, ProviderError, administer, environment};
use skink_x509::KeyAlgorithm;
use tokio::process::Command;

use crate::DrillError;

const ALGORITHM: KeyAlgorithm = KeyAlgorithm::EcP256;

/// The issuer's and the standby's key, where they are not files of the server's.
#[derive(Debug, Default)]
pub(crate) struct Places {
    issuer: Option<Issuer>,
    standby: Option<Own>,
}

#[derive(Debug)]
struct Issuer {
    own: Own,
    /// Where the credential lies, for services whose clients look for it in a file.
    file: PathBuf,
    control: KeyUri,
    disabling: Option<Credential>,
}

/// A key, and what signs with it and does nothing else.
#[derive(Debug)]
struct Own {
    key: KeyUri,
    signing: Credential,
}

impl Places {
    /// Makes what is asked for; what has to lie in a file lies in `dir`.
    pub(crate) async fn make(
        issuer: Option<&KeyUri>,
        standby: Option<&KeyUri>,
        dir: &Path,
    ) -> Result<Self, DrillError> {
        let mut places = Self::default();
        if let Some(wanted) = issuer {
            let issuer = make_issuer(wanted, dir).await.map_err(refused(wanted))?;
            if environment::is_told_by_file(wanted.scheme()) {
                secret(&issuer.file, &issuer.own.signing)?;
            }
            places.issuer = Some(issuer);
        }
        if let Some(wanted) = standby {
            places.standby = Some(make_standby(wanted).await.map_err(refused(wanted))?);
        }
        Ok(places)
    }

    /// The issuer's key, if a service keeps it, and what signs with it.
    pub(crate) fn issuer(&self) -> Option<(&KeyUri, &Credential)> {
        self.issuer.as_ref().map(|issuer| (&issuer.own.key, &issuer.own.signing))
    }

    /// What the server finds in its environment: the credential that signs with the issuer's key,
    /// and nobody else's; the administrator's never reaches it.
    pub(crate) fn equip(&self, command: &mut Command) {
        for name in environment::IDENTITIES {
            command.env_remove(name);
        }
        if let Some(Issuer { own, file, .. }) = &self.issuer {
            command.envs(environment::variables(own.key.scheme(), &own.signing, file));
        }
    }

    /// Tells `skink init` of the keys; credentials go by files in `dir`.
    pub(crate) fn tell(&self, command: &mut Command, dir: &Path) -> Result<(), DrillError> {
        if let Some(Issuer { own, control, disabling, .. }) = &self.issuer {
            command.args(["--issuer-key", own.key.as_str(), "--control-key", control.as_str()]);
            if let Some(disabling) = disabling {
                let file = dir.join("disabling.key");
                secret(&file, disabling)?;
                command.arg("--disabling-credential-file").arg(file);
            }
        }
        if let Some(Own { key, signing }) = &self.standby {
            let file = dir.join("standby.key");
            secret(&file, signing)?;
            command.args(["--standby-key", key.as_str()]);
            command.arg("--standby-credential-file").arg(file);
        }
        Ok(())
    }
}

async fn make_issuer(wanted: &KeyUri, dir: &Path) -> Result<Issuer, ProviderError> {
    let administrator = administer(wanted).await?;
    let key = administrator.create(wanted, "", ALGORITHM).await?;
    let control = administrator.create(wanted, "-control", ALGORITHM).await?;
    let signing = administrator.signing(&[key.clone(), control.clone()]).await?;
    let disabling = administrator.disabling(&key).await?;
    let file = dir.join("signing.key");
    Ok(Issuer { own: Own { key, signing }, file, control, disabling })
}

async fn make_standby(wanted: &KeyUri) -> Result<Own, ProviderError> {
    let administrator = administer(wanted).await?;
    let key = administrator.create(wanted, "", ALGORITHM).await?;
    let signing = administrator.signing(std::slice::from_ref(&key)).await?;
    Ok(Own { key, signing })
}

fn refused(key: &KeyUri) -> impl Fn(ProviderError) -> DrillError {
    move |source| DrillError::Key { key: key.clone(), source }
}

fn secret(path: &Path, credential: &Credential) -> Result<(), DrillError> {
    fs_err::write(path, credential.expose())
        .map_err(|source| DrillError::File { what: "write a credential", source })
}
