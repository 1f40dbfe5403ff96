//! `skink init`

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use skink_model::IssuerName;
use skink_signer::KeyUri;
use skink_x509::KeyAlgorithm;

use crate::custodian::check_custodians;
use crate::{Failure, PassphraseArgs};

pub(crate) const LONG: &str = "Make a hierarchy, a server's folder and the first operators.\n\n\
    For a first try everything is made at once: an offline root in a folder of its own beside the \
    server's, below it the control, trust and first issuing authorities, a recovery kit, and one \
    operator file each for a PKI lead, a CISO and an operator.\n\n\
    Until the root's folder is moved to a machine without network, `skink status` says so. The \
    kit's two shares are sealed with the custodians' passphrases; give them to two people.";

pub(crate) const EXAMPLES: &str = "Examples:\n  \
    skink init                                 ./skink for the server, ./skink-root for the root\n  \
    skink init --dir /var/lib/skink --root-dir /media/usb/skink-root --domain corp.example \\\n    \
      --public-url http://pki.corp.example    where CRLs will be fetched from\n  \
    skink init --issuer servers --issuer clients";

/// Arguments of `init`.
#[derive(Clone, Debug, Args)]
pub struct InitArgs {
    /// Folder of the server; must not exist or be empty.
    #[arg(long, default_value = "skink", value_name = "DIR")]
    pub dir: PathBuf,
    /// Folder of the offline root; must not exist or be empty [default: beside the server's, with
    /// -root at the end]
    #[arg(long, value_name = "DIR")]
    pub root_dir: Option<PathBuf>,
    /// The trust domain's name: what packages and certificates belong to.
    #[arg(long, default_value = "skink.internal", value_name = "NAME")]
    pub domain: String,
    /// An issuer to make; may be given several times.
    #[arg(long = "issuer", value_name = "NAME", default_value = "workloads")]
    pub issuers: Vec<IssuerName>,
    /// Algorithm of the issuers' keys.
    #[arg(long, default_value = "ec-p256", value_name = "ALGORITHM")]
    pub key_algorithm: KeyAlgorithm,
    /// The root's key, where it is not to be a file in the root's folder: a key that exists, best in
    /// a hardware module; every ceremony needs it, by the credential in the environment
    #[arg(long, value_name = "URI")]
    pub root_key: Option<KeyUri>,
    /// The issuer's key, where it is not to be a file of the server's: a key that exists, at a
    /// service that the environment gives the credential for
    #[arg(long, value_name = "URI")]
    pub issuer_key: Option<KeyUri>,
    /// At the same service, a key whose only use is to show that the service works when the
    /// issuer's is disabled
    #[arg(long, value_name = "URI", requires = "issuer_key")]
    pub control_key: Option<KeyUri>,
    /// File with what disables keys at that service, and neither signs nor enables
    #[arg(long, value_name = "FILE", requires = "issuer_key")]
    pub disabling_credential_file: Option<PathBuf>,
    /// The standby's key, where it is not to be a file of the server's: best of another service
    #[arg(long, value_name = "URI", requires = "standby_credential_file")]
    pub standby_key: Option<KeyUri>,
    /// File with what signs with the standby's key: sealed for the recovery kit, and then forgotten
    #[arg(long, value_name = "FILE", requires = "standby_key")]
    pub standby_credential_file: Option<PathBuf>,
    /// A PostgreSQL database that several servers may share, as postgres://USER@HOST:PORT/DATABASE;
    /// its password comes from PGPASSWORD or PGPASSFILE [default: a file in the server's folder]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// How many revocation lists share the certificates of an authority, 1 to 1024; each certificate
    /// names its own for good. With a million certificates revoked, one list has 40 MB, and each of
    /// 128 a third of a megabyte
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub crl_partitions: u32,
    /// Address for operators, HTTPS.
    #[arg(long, default_value = "127.0.0.1:7443", value_name = "IP:PORT")]
    pub api: SocketAddr,
    /// Address for agents, HTTPS.
    #[arg(long, default_value = "127.0.0.1:7444", value_name = "IP:PORT")]
    pub agents: SocketAddr,
    /// Address for everybody, plain HTTP: CRLs, OCSP, authorities' certificates, trust package.
    #[arg(long, default_value = "127.0.0.1:7480", value_name = "IP:PORT")]
    pub public: SocketAddr,
    /// A DNS name or address by which operators and agents reach the server; may be given several
    /// times, the best first [default: the address for operators]
    #[arg(long = "host", value_name = "HOST")]
    pub hosts: Vec<String>,
    /// URL under which everybody reaches that last address; it is written into certificates
    /// [default: http:// and the address]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// A custodian of the recovery kit; two or more people.
    #[arg(long = "custodian", value_name = "NAME", default_values = ["first", "second"])]
    pub custodians: Vec<String>,
    /// Say what would be made, make nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Where the passphrases come from.
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
}

/// Arguments of `init` that fit together.
#[derive(Clone, Debug)]
pub struct ResolvedInit {
    /// As given.
    pub args: InitArgs,
    /// Folder of the offline root.
    pub root_dir: PathBuf,
    /// By what the server is reached; the best first.
    pub host: String,
    /// The rest of them.
    pub other_hosts: Vec<String>,
    /// URL of the plain listener.
    pub public_url: String,
}

impl InitArgs {
    /// Fills in what follows from the rest and refuses what cannot work.
    pub fn resolve(self) -> Result<ResolvedInit> {
        let root_dir = self.root_dir.clone().unwrap_or_else(|| beside(&self.dir));
        if root_dir == self.dir
            || root_dir.starts_with(&self.dir)
            || self.dir.starts_with(&root_dir)
        {
            bail!(Failure::Usage {
                what: "the root's folder and the server's lie in one another".into(),
                hint: "give --root-dir a folder of its own, best on another medium".into(),
            });
        }
        check_custodians(&self.custodians)?;
        let keys = [&self.root_key, &self.issuer_key, &self.standby_key, &self.control_key];
        let files = keys.into_iter().flatten().find(|key| key.scheme() == "software");
        if let Some(key) = files {
            bail!(Failure::Usage {
                what: format!("{key} would be a file, and files are made here"),
                hint: "leave the flag out, or name a key of vault: or pkcs11:".into(),
            });
        }
        if self.issuers.len() > 1 && (self.issuer_key.is_some() || self.standby_key.is_some()) {
            bail!(Failure::Usage {
                what: "a key is of one issuer, and several are to be made".into(),
                hint: "make one issuer here and the others by ceremonies".into(),
            });
        }
        let public_url =
            self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.public));
        if !public_url.starts_with("http://") {
            bail!(Failure::Usage {
                what: format!("{public_url} is no plain HTTP URL"),
                hint: "CRLs are fetched over plain HTTP: a CRL must not need a CRL (RFC 5280 §8)"
                    .into(),
            });
        }
        let mut hosts = self.hosts.clone();
        if hosts.is_empty() {
            hosts.push(reachable(self.api.ip())?);
        }
        let host = hosts.remove(0);
        Ok(ResolvedInit { root_dir, host, other_hosts: hosts, public_url, args: self })
    }
}

/// An address to listen on is not always one to connect to.
fn reachable(listening: IpAddr) -> Result<String> {
    if listening.is_unspecified() {
        bail!(Failure::Usage {
            what: format!("nobody can reach {listening}"),
            hint: "say with --host by which name or address the server is reached".into(),
        });
    }
    Ok(listening.to_string())
}

fn beside(dir: &Path) -> PathBuf {
    let mut name = dir.file_name().unwrap_or_else(|| "skink".as_ref()).to_owned();
    name.push("-root");
    dir.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{Cli, Command};

    fn resolve(args: &[&str]) -> Result<ResolvedInit> {
        let words = ["skink", "init"].iter().chain(args);
        let Command::Init(args) = Cli::try_parse_from(words).unwrap().command else {
            unreachable!("init was asked for")
        };
        args.resolve()
    }

    #[test]
    fn the_root_stands_beside_the_server() {
        let resolved = resolve(&["--dir", "/srv/pki"]).unwrap();
        assert_eq!(resolved.root_dir, Path::new("/srv/pki-root"));
        assert_eq!(resolved.public_url, "http://127.0.0.1:7480");
        assert_eq!(resolved.host, "127.0.0.1");
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for args in [
            &["--dir", "a", "--root-dir", "a/root"][..],
            &["--custodian", "alice"],
            &["--custodian", "alice", "--custodian", "alice"],
            &["--public-url", "https://pki.example"],
            &["--api", "0.0.0.0:7443"],
        ] {
            assert!(resolve(args).is_err(), "{args:?}");
        }
    }
}
