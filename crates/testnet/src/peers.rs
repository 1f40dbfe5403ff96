//! Which peers a program accepted, in the lines that an agent reads.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::{argv, text};

/// A log of accepted certificates: seconds since 1970, a space, the PEM percent-encoded.
#[derive(Clone)]
pub(crate) struct Peers {
    folder: PathBuf,
}

impl Peers {
    /// The log in `folder`, where a script that reads it is put too.
    pub(crate) fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("peers.py"), SCRIPT).unwrap();
        Self { folder: folder.to_owned() }
    }

    /// The command by which an agent asks.
    pub(crate) fn command(&self) -> Vec<String> {
        argv(&["python3", text(&self.folder.join("peers.py")), text(&self.log())])
    }

    /// Notes the first certificate in what a program printed.
    pub(crate) fn note(&self, printed: &str) {
        let Some(begin) = printed.find("-----BEGIN CERTIFICATE-----") else { return };
        let Some(length) = printed[begin..].find("-----END CERTIFICATE-----") else { return };
        let pem = format!("{}-----END CERTIFICATE-----", &printed[begin..begin + length]);
        let pem = pem.replace(' ', "%20").replace('\n', "%0A").replace('+', "%2B");
        #[expect(clippy::disallowed_methods, reason = "a test's daemons live by the real clock")]
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let mut log = File::options().create(true).append(true).open(self.log()).unwrap();
        log.write_all(format!("{:.3} {pem}\n", now.as_secs_f64()).as_bytes()).unwrap();
    }

    fn log(&self) -> PathBuf {
        self.folder.join("peers.log")
    }
}

/// Prints SHA-256 of each certificate, milliseconds, and the authority key identifier: nginx itself
/// knows a certificate's SHA-1 only.
const SCRIPT: &str = "
import base64, hashlib, os, sys, urllib.parse
seen = {}
for line in open(sys.argv[1]) if os.path.exists(sys.argv[1]) else []:
    seconds, _, escaped = line.strip().partition(' ')
    pem = urllib.parse.unquote(escaped)
    if 'END CERTIFICATE' not in pem:
        continue
    body = ''.join(pem.split('-----')[2].split())
    seen[base64.b64decode(body)] = int(float(seconds) * 1000)
AKI = bytes.fromhex('0603551d23041830168014')
for der, at in seen.items():
    begin = der.find(AKI)
    aki = der[begin + len(AKI):begin + len(AKI) + 20].hex() if begin >= 0 else ''
    print(hashlib.sha256(der).hexdigest(), at, aki)
";
