//! A small hierarchy made by OpenSSL, and the binary.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Passphrase of everything that is locked.
pub(crate) const SECRET: &str = "correct horse";

/// A folder with `root`, `inter` and `leaf` (`.pem`, `.key`, `.csr`), `full.pem` (leaf and
/// intermediate) and a file `pass`.
pub(crate) struct Pki(TempDir);

impl Pki {
    pub(crate) fn new() -> Self {
        let pki = Self(TempDir::new().unwrap());
        std::fs::write(pki.path("pass"), SECRET).unwrap();
        let ca = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n\
                  subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";
        pki.certificate("root", None, "3650", ca);
        pki.certificate("inter", Some("root"), "1000", ca);
        let leaf = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
                    extendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\n\
                    authorityKeyIdentifier=keyid\nsubjectAltName=DNS:www.test,DNS:leaf\n";
        pki.certificate("leaf", Some("inter"), "90", leaf);
        let full = pki.read("leaf.pem") + &pki.read("inter.pem");
        std::fs::write(pki.path("full.pem"), full).unwrap();
        pki
    }

    /// A certificate with a key of its own.
    pub(crate) fn certificate(
        &self,
        name: &str,
        issuer: Option<&str>,
        days: &str,
        extensions: &str,
    ) {
        let of = |suffix: &str| format!("{name}.{suffix}");
        std::fs::write(self.path(&of("ext")), extensions).unwrap();
        let new = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        let (key, request) = (of("key"), of("csr"));
        let subject = format!("/CN={name}");
        let mut args: Vec<&str> = new.split(' ').collect();
        args.extend(["-keyout", &key, "-out", &request, "-subj", &subject]);
        self.openssl(&args);
        let (extension, out) = (of("ext"), of("pem"));
        let mut args = vec!["x509", "-req", "-in", &request, "-days", days];
        args.extend(["-extfile", &extension, "-out", &out]);
        let (ca, ca_key) = match issuer {
            Some(issuer) => (format!("{issuer}.pem"), format!("{issuer}.key")),
            None => (String::new(), key.clone()),
        };
        match issuer {
            Some(_) => args.extend(["-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"]),
            None => args.extend(["-signkey", &ca_key]),
        }
        self.openssl(&args);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Whether OpenSSL does it; what it writes on standard output.
    pub(crate) fn openssl(&self, args: &[&str]) -> String {
        let done = Command::new("openssl").args(args).current_dir(self.folder()).output().unwrap();
        assert!(done.status.success(), "openssl {args:?}: {}", text(&done.stderr));
        text(&done.stdout)
    }

    /// `skink chain` in the folder, nothing on standard input.
    pub(crate) fn skink(&self, args: &str) -> Answer {
        self.skink_with(args, b"")
    }

    pub(crate) fn skink_with(&self, args: &str, input: &[u8]) -> Answer {
        let mut child = Command::new(env!("CARGO_BIN_EXE_skink"))
            .arg("chain")
            .args(args.split_whitespace())
            .current_dir(self.folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // The child may answer before it has read everything.
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        let _ = writer.join().unwrap();
        Answer(output)
    }
}

/// How the binary ended and what it said.
pub(crate) struct Answer(Output);

impl Answer {
    pub(crate) fn code(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    pub(crate) fn out(&self) -> String {
        text(&self.0.stdout)
    }

    pub(crate) fn err(&self) -> String {
        text(&self.0.stderr)
    }

    /// The same, if it ended with this code.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{}\n{}", self.out(), self.err());
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.0.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out(), self.err()))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
