//! Which stores a machine, or an image of one, has.

use std::path::{Path, PathBuf};

use super::{Store, StoreKind};

/// What is known of the machine.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The folder of an image; nothing is this machine itself.
    pub root: Option<PathBuf>,
    /// The person's folder, where browsers keep their databases.
    pub home: Option<PathBuf>,
    /// The Java that is set.
    pub java_home: Option<PathBuf>,
}

/// A file that gives a system away, and the folder of its roots.
const BY_FILE: [(StoreKind, &str, &str); 4] = [
    (StoreKind::Alpine, "etc/alpine-release", "usr/local/share/ca-certificates"),
    (StoreKind::Debian, "etc/debian_version", "usr/local/share/ca-certificates"),
    (StoreKind::Redhat, "etc/pki/ca-trust/source", "etc/pki/ca-trust/source/anchors"),
    (StoreKind::Macos, "Library/Keychains/System.keychain", "Library/Keychains/System.keychain"),
];

impl Host {
    fn at(&self, path: &str) -> PathBuf {
        self.root.as_deref().unwrap_or_else(|| Path::new("/")).join(path)
    }

    /// The store of `kind` where it usually is, whether it is there or not.
    pub fn usual(&self, kind: StoreKind) -> Store {
        let by_file = BY_FILE.iter().find(|(known, ..)| *known == kind);
        let place = match kind {
            StoreKind::Windows => PathBuf::from("Root"),
            StoreKind::Nss => {
                self.home.clone().unwrap_or_else(|| self.at("root")).join(".pki/nssdb")
            }
            StoreKind::Jvm => self.java_home.as_ref().map_or_else(
                || self.at("etc/ssl/certs/java/cacerts"),
                |home| home.join("lib/security/cacerts"),
            ),
            _ => by_file.map(|(_, _, folder)| self.at(folder)).unwrap_or_default(),
        };
        Store { kind, place, root: self.root.clone() }
    }
}

/// The stores that are there: the system's first, then those of NSS and of Java.
pub fn detect(host: &Host) -> Vec<Store> {
    let mut found = Vec::new();
    if cfg!(windows) && host.root.is_none() {
        found.push(host.usual(StoreKind::Windows));
    }
    let system = BY_FILE.iter().find(|(_, mark, _)| host.at(mark).exists());
    found.extend(system.map(|(kind, ..)| host.usual(*kind)));
    let store = |kind, place| Store { kind, place, root: host.root.clone() };
    found.extend(databases(host).into_iter().map(|place| store(StoreKind::Nss, place)));
    found.extend(javas(host).into_iter().map(|place| store(StoreKind::Jvm, place)));
    found
}

/// Databases of NSS: the shared one, and those of Firefox's profiles.
fn databases(host: &Host) -> Vec<PathBuf> {
    let Some(home) = &host.home else { return Vec::new() };
    let profiles = [".mozilla/firefox", "Library/Application Support/Firefox/Profiles"];
    let below = profiles.iter().flat_map(|folder| folders(&home.join(folder)));
    let all = std::iter::once(home.join(".pki/nssdb")).chain(below);
    all.filter(|folder| folder.join("cert9.db").is_file()).collect()
}

/// Stores of Java, each file once: distributions link them to one another.
fn javas(host: &Host) -> Vec<PathBuf> {
    let mut homes: Vec<PathBuf> = host.java_home.iter().cloned().collect();
    homes.extend(folders(&host.at("usr/lib/jvm")));
    let mut files = vec![host.at("etc/ssl/certs/java/cacerts")];
    files.extend(homes.iter().map(|home| home.join("lib/security/cacerts")));
    let mut seen = Vec::new();
    files.retain(|file| match file.canonicalize() {
        Ok(real) if !seen.contains(&real) => {
            seen.push(real);
            true
        }
        _ => false,
    });
    files
}

fn folders(below: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs_err::read_dir(below) else { return Vec::new() };
    let mut found: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}
