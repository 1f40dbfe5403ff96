//! A root, an intermediate and leaves made by OpenSSL, and the clients that judge them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The authorities, another root, and where the intermediate's certificate is fetched from.
const MAKE: &str = "set -e
for name in root other; do
  openssl ecparam -name prime256v1 -genkey -noout -out $name.key
  openssl req -new -x509 -key $name.key -subj /CN=$name -days 3650 -out $name.pem \
    -config ca.cnf -extensions authority
done
openssl ecparam -name prime256v1 -genkey -noout -out inter.key
openssl req -new -key inter.key -subj /CN=inter -out inter.csr
touch root.txt inter.txt; echo 01 > number
openssl ca -config ca.cnf -name root -batch -notext -days 1000 -extensions authority \
  -in inter.csr -out inter.pem
openssl x509 -in inter.pem -outform DER -out inter.der";

const CONFIGURATION: &str = "[req]
distinguished_name=name
[name]
[any]
commonName=supplied
[authority]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
";

/// What is particular about a leaf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaf {
    pub(crate) start: &'static str,
    pub(crate) end: &'static str,
    pub(crate) digest: &'static str,
    pub(crate) key: &'static str,
    pub(crate) usage: &'static str,
    pub(crate) name: &'static str,
}

pub(crate) const GOOD: Leaf = Leaf {
    start: "20200101000000Z",
    end: "20480101000000Z",
    digest: "sha256",
    key: "EC -pkeyopt ec_paramgen_curve:P-256",
    usage: "serverAuth",
    name: "www.test",
};

pub(crate) struct Pki {
    folder: TempDir,
    issuers: SocketAddr,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let section = |name: &str| {
            format!(
                "[{name}]\ndatabase={name}.txt\ncrlnumber=number\nnew_certs_dir=.\npolicy=any\n\
                 certificate={name}.pem\nprivate_key={name}.key\ndefault_md=sha256\n\
                 default_crl_days=30\nrand_serial=yes\nunique_subject=no\ncopy_extensions=copy\n"
            )
        };
        let configuration = [CONFIGURATION, &section("root"), &section("inter")].concat();
        std::fs::write(folder.path().join("ca.cnf"), configuration).unwrap();
        let issuers = TcpListener::bind("127.0.0.1:0").unwrap();
        let pki = Self { issuers: issuers.local_addr().unwrap(), folder };
        pki.shell(MAKE);
        let inter = std::fs::read(pki.path("inter.der")).unwrap();
        std::thread::spawn(move || hand_out(&issuers, &inter));
        pki
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// One file of several.
    pub(crate) fn join(&self, names: &[&str], to: &str) {
        let all: String = names.iter().map(|name| self.read(name)).collect();
        std::fs::write(self.path(to), all).unwrap();
    }

    /// Makes `leaf.pem` and `privkey.pem`.
    pub(crate) fn leaf(&self, leaf: &Leaf) {
        let Leaf { key, name, .. } = leaf;
        self.shell(&format!(
            "openssl genpkey -algorithm {key} -out privkey.pem && openssl req -new \
             -key privkey.pem -subj /CN={name} -addext subjectAltName=DNS:{name} -out leaf.csr"
        ));
        self.sign(leaf, "leaf.csr", "leaf.pem");
    }

    /// Answers a request with a certificate; its names are those of the request.
    pub(crate) fn sign(&self, leaf: &Leaf, request: &str, to: &str) {
        let extensions = format!(
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
             extendedKeyUsage={}\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n\
             authorityInfoAccess=caIssuers;URI:http://{}/inter.der\n",
            leaf.usage, self.issuers
        );
        std::fs::write(self.path("leaf.ext"), extensions).unwrap();
        let Leaf { start, end, digest, .. } = leaf;
        self.shell(&format!(
            "openssl ca -config ca.cnf -name inter -batch -notext -startdate {start} \
             -enddate {end} -md {digest} -extfile leaf.ext -in {request} -out {to}"
        ));
    }

    /// Takes `leaf.pem` back, with `crls.pem` of both authorities.
    pub(crate) fn revoke(&self) {
        self.shell(
            "set -e; openssl ca -config ca.cnf -name inter -revoke leaf.pem
             for name in inter root; do
               openssl ca -config ca.cnf -name $name -gencrl -out $name.crl
             done
             cat inter.crl root.crl > crls.pem",
        );
    }

    /// What a script writes on standard output, in the folder, with this `skink` in the path.
    pub(crate) fn shell(&self, script: &str) -> String {
        let done = self.run(script);
        assert!(done.status.success(), "{script}\n{}{}", text(&done.stdout), text(&done.stderr));
        text(&done.stdout)
    }

    pub(crate) fn run(&self, script: &str) -> Output {
        let skink = Path::new(env!("CARGO_BIN_EXE_skink")).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [skink.to_owned()].into_iter().chain(std::env::split_paths(&path));
        let mut command = Command::new("sh");
        for name in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command
            .args(["-c", script])
            .env("PATH", std::env::join_paths(folders).unwrap())
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

/// The intermediate's certificate to whoever asks, as long as the tests run.
fn hand_out(listener: &TcpListener, inter: &[u8]) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", inter.len());
        // Whoever went away needs no answer.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(inter));
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
