//! What is done to each kind of store, as data.

use std::path::{Path, PathBuf};

use super::{Step, Store, StoreKind, TrustedRoot};

/// The password that every Java ships its store with.
const JAVA_PASSWORD: &str = "changeit";

impl Store {
    /// How `root` gets in. `scratch` is a folder for a file that is removed again; nobody else may
    /// write there.
    pub fn install(&self, root: &TrustedRoot, scratch: &Path) -> Vec<Step> {
        let name = root.name();
        let contents = root.certificate().to_pem();
        if let Some(path) = self.file(&name) {
            return [vec![Step::Write { path, contents }], self.refresh(false)].concat();
        }
        let path = scratch.join(format!("{name}.pem"));
        let file = path.display().to_string();
        let place = self.place.display().to_string();
        let argv: Vec<&str> = match self.kind {
            StoreKind::Macos => {
                vec!["security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k", &place, &file]
            }
            StoreKind::Windows => vec!["certutil.exe", "-f", "-addstore", "Root", &file],
            StoreKind::Nss => {
                let database = format!("sql:{place}");
                let argv = [
                    "certutil", "-d", &database, "-A", "-a", "-t", "C,,", "-n", &name, "-i", &file,
                ];
                return around(path, contents, &argv);
            }
            _ => vec![
                "keytool",
                "-importcert",
                "-noprompt",
                "-trustcacerts",
                "-alias",
                &name,
                "-file",
                &file,
                "-keystore",
                &place,
                "-storepass",
                JAVA_PASSWORD,
            ],
        };
        around(path, contents, &argv)
    }

    /// How `root` gets out again.
    pub fn remove(&self, root: &TrustedRoot) -> Vec<Step> {
        let name = root.name();
        if let Some(path) = self.file(&name) {
            return [vec![Step::Remove { path }], self.refresh(true)].concat();
        }
        let place = self.place.display().to_string();
        let fingerprint = root.certificate().fingerprint().to_string().to_uppercase();
        let thumbprint = root.thumbprint();
        let database = format!("sql:{place}");
        let argv: Vec<&str> = match self.kind {
            StoreKind::Macos => {
                vec!["security", "delete-certificate", "-Z", &fingerprint, "-t", &place]
            }
            StoreKind::Windows => vec!["certutil.exe", "-delstore", "Root", &thumbprint],
            StoreKind::Nss => vec!["certutil", "-d", &database, "-D", "-n", &name],
            _ => vec![
                "keytool",
                "-delete",
                "-alias",
                &name,
                "-keystore",
                &place,
                "-storepass",
                JAVA_PASSWORD,
            ],
        };
        vec![step(&argv)]
    }

    /// The program that knows what is in, where no folder shows it.
    pub(super) fn list_command(&self) -> Option<Vec<String>> {
        let place = self.place.display().to_string();
        let database = format!("sql:{place}");
        let argv: Vec<&str> = match self.kind {
            StoreKind::Nss => vec!["certutil", "-d", &database, "-L"],
            StoreKind::Jvm => {
                vec!["keytool", "-list", "-keystore", &place, "-storepass", JAVA_PASSWORD]
            }
            _ => return None,
        };
        Some(argv.into_iter().map(str::to_owned).collect())
    }

    /// The file by which a root gets in, where it is by a file.
    fn file(&self, name: &str) -> Option<PathBuf> {
        let ending = match self.kind {
            StoreKind::Debian | StoreKind::Alpine => "crt",
            StoreKind::Redhat => "pem",
            _ => return None,
        };
        Some(self.place.join(format!("{name}.{ending}")))
    }

    fn has_script(&self) -> bool {
        let script = "usr/sbin/update-ca-certificates";
        self.root.as_ref().is_some_and(|root| root.join(script).is_file())
    }

    /// Has what programs read made anew of the files.
    fn refresh(&self, fresh: bool) -> Vec<Step> {
        let root = self.root.as_ref().map(|root| root.display().to_string());
        let argv: Vec<String> = match (self.kind, root) {
            (StoreKind::Debian, None) => words(&["update-ca-certificates"], fresh),
            // Its own script writes links that hold inside of the image.
            (StoreKind::Debian, Some(root)) if self.has_script() => {
                words(&["chroot", &root, "update-ca-certificates"], fresh)
            }
            // This machine's script writes a bundle that is right, and links that point outside.
            (StoreKind::Debian, Some(root)) => {
                let at = |folder: &str| format!("{root}/{folder}");
                let (certs, conf) =
                    (at("usr/share/ca-certificates"), at("etc/ca-certificates.conf"));
                let (local, etc) = (at("usr/local/share/ca-certificates"), at("etc/ssl/certs"));
                let hooks = at("etc/ca-certificates/update.d");
                let script = [
                    "update-ca-certificates",
                    "--certsconf",
                    &conf,
                    "--certsdir",
                    &certs,
                    "--localcertsdir",
                    &local,
                    "--etccertsdir",
                    &etc,
                    "--hooksdir",
                    &hooks,
                ];
                words(&script, fresh)
            }
            (StoreKind::Alpine, None) => words(&["update-ca-certificates"], false),
            (StoreKind::Alpine, Some(root)) => {
                words(&["chroot", &root, "update-ca-certificates"], false)
            }
            (_, None) => words(&["update-ca-trust", "extract"], false),
            (_, Some(root)) => words(&["chroot", &root, "update-ca-trust", "extract"], false),
        };
        vec![Step::Run { argv }]
    }
}

/// `--fresh` also takes away links to what is gone.
fn words(argv: &[&str], fresh: bool) -> Vec<String> {
    let more = if fresh { &["--fresh"][..] } else { &[] };
    argv.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

fn step(argv: &[&str]) -> Step {
    Step::Run { argv: words(argv, false) }
}

/// A program that wants a file, with the file around it.
fn around(path: PathBuf, contents: String, argv: &[&str]) -> Vec<Step> {
    vec![Step::Write { path: path.clone(), contents }, step(argv), Step::Remove { path }]
}
