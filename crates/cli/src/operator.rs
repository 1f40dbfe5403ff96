//! Who is at the keyboard: the operator file.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::Failure;

const VARIABLE: &str = "SKINK_OPERATOR";
const IN_THIS_FOLDER: &str = "operator.json";

/// How one person reaches one server, and by what the two know each other.
///
/// The root is the only anchor: no certificate of the machine's own store opens this connection.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorFile {
    /// `https://host:port` of the operators' listener.
    pub url: String,
    /// The name in the server's certificate, where it is not the URL's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Certificate of the root, PEM.
    pub root: String,
    /// The bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The client certificate and what is above it, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// The client certificate's key, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<String>,
}

impl std::fmt::Debug for OperatorFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorFile").field("url", &self.url).finish_non_exhaustive()
    }
}

impl OperatorFile {
    /// The file that was named, or the variable's, or the one in this folder.
    pub(crate) fn find(named: Option<&Path>) -> Result<Self> {
        let path = locate(named, env::var_os(VARIABLE).map(PathBuf::from))?;
        Self::read(&path).map_err(|source| Failure::BadOperator { path, source }.into())
    }

    fn read(path: &Path) -> Result<Self> {
        let file: Self = serde_json::from_str(&fs_err::read_to_string(path)?)?;
        file.check()?;
        Ok(file)
    }

    fn check(&self) -> Result<()> {
        if !self.url.starts_with("https://") {
            bail!("url must begin with https://");
        }
        match (&self.token, &self.client_certificate, &self.client_key) {
            (None, None, None) => bail!("there is neither a token nor a client certificate"),
            (_, Some(_), None) => bail!("there is a client certificate without client_key"),
            (_, None, Some(_)) => bail!("there is a client_key without client certificate"),
            _ => Ok(()),
        }
    }

    /// Writes the file for its owner's eyes only. An existing file is left alone.
    pub fn write_new(&self, path: &Path) -> Result<()> {
        use std::io::Write as _;
        let mut options = fs_err::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        file.write_all(text.as_bytes()).context("cannot write the operator file")?;
        Ok(())
    }
}

fn locate(named: Option<&Path>, variable: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(path) = named.map(Path::to_path_buf).or(variable) {
        return Ok(path);
    }
    let here = PathBuf::from(IN_THIS_FOLDER);
    if here.is_file() {
        return Ok(here);
    }
    Err(Failure::NoOperator.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(token: Option<&str>, certificate: Option<&str>, key: Option<&str>) -> OperatorFile {
        OperatorFile {
            url: "https://localhost:1".into(),
            server_name: None,
            root: String::new(),
            token: token.map(Into::into),
            client_certificate: certificate.map(Into::into),
            client_key: key.map(Into::into),
        }
    }

    #[test]
    fn half_an_identity_is_refused() {
        assert!(with(Some("t"), None, None).check().is_ok());
        assert!(with(None, Some("c"), Some("k")).check().is_ok());
        assert!(with(None, None, None).check().is_err());
        assert!(with(Some("t"), Some("c"), None).check().is_err());
        assert!(with(None, None, Some("k")).check().is_err());
        let plain = OperatorFile { url: "http://x".into(), ..with(Some("t"), None, None) };
        assert!(plain.check().is_err());
    }

    #[test]
    fn a_named_file_goes_before_the_variable() {
        let found = locate(Some(Path::new("a")), Some("b".into())).unwrap();
        assert_eq!(found, Path::new("a"));
        assert_eq!(locate(None, Some("b".into())).unwrap(), Path::new("b"));
    }

    #[cfg(unix)]
    #[test]
    fn a_written_file_is_its_owners_alone_and_is_never_overwritten() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("operator.json");
        with(Some("hush"), None, None).write_new(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(OperatorFile::read(&path).unwrap().token.as_deref(), Some("hush"));
        assert!(with(Some("other"), None, None).write_new(&path).is_err());
        assert!(!format!("{:?}", OperatorFile::read(&path).unwrap()).contains("hush"));
    }
}
