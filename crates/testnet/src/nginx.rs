//! nginx with client certificates and CRL checking, in a folder of its own.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use skink_deploy::Commands;

use crate::{argv, find, free_address, text};

const START: Duration = Duration::from_secs(10);

/// Old workers end connections that were accepted under old trust after this time.
const DRAIN: &str = "1s";

/// A running nginx. It is told to quit when it is dropped.
pub struct Nginx {
    folder: PathBuf,
    address: SocketAddr,
    program: PathBuf,
    child: Child,
}

impl Nginx {
    /// Writes the configuration into `folder`, over the endpoint's files in `files`. The files need
    /// not be there before [`Nginx::start`].
    ///
    /// # Panics
    ///
    /// When nginx is not installed or the folder cannot be written.
    pub fn configure(folder: &Path, files: &Path) -> NginxConfig {
        let address = free_address();
        std::fs::create_dir_all(folder.join("logs")).unwrap();
        std::fs::write(folder.join("nginx.conf"), configuration(address, files)).unwrap();
        std::fs::write(folder.join("peers.py"), PEERS).unwrap();
        let program = find("nginx").expect("nginx is installed");
        NginxConfig { folder: folder.to_owned(), address, program }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it wrote into its error log.
    ///
    /// # Panics
    ///
    /// When the log cannot be read.
    pub fn error_log(&self) -> String {
        std::fs::read_to_string(self.folder.join("logs/error.log")).unwrap()
    }
}

/// nginx, configured and not yet started.
pub struct NginxConfig {
    folder: PathBuf,
    address: SocketAddr,
    program: PathBuf,
}

impl NginxConfig {
    /// Where it will listen.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The commands by which an agent tends it.
    ///
    /// # Panics
    ///
    /// When the folder's name is not UTF-8.
    pub fn commands(&self) -> Commands {
        let (program, folder) = (text(&self.program), text(&self.folder));
        let nginx = |words: &[&str]| {
            let mut all = argv(&[program, "-q", "-p", folder, "-c", "nginx.conf"]);
            all.extend(argv(words));
            all
        };
        // An agent installs the first files before the daemon runs.
        let reload = "test ! -s $0/logs/nginx.pid || kill -HUP $(cat $0/logs/nginx.pid)";
        let peers = self.folder.join("peers.py");
        let log = self.folder.join("logs/peers.log");
        Commands {
            check: nginx(&["-t"]),
            reload: argv(&["sh", "-c", reload, folder]),
            peers: argv(&["python3", text(&peers), text(&log)]),
            settle_ms: 200,
            ..Commands::default()
        }
    }

    /// Starts it and waits until it accepts connections.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub fn start(self) -> Nginx {
        let log = std::fs::File::create(self.folder.join("logs/start.log")).unwrap();
        let child = Command::new(&self.program)
            .args(["-p", text(&self.folder), "-c", "nginx.conf", "-g", "daemon off;"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("nginx starts");
        let Self { folder, address, program } = self;
        let mut nginx = Nginx { folder, address, program, child };
        let deadline = Instant::now() + START;
        while TcpStream::connect(nginx.address).is_err() {
            let ended = nginx.child.try_wait().unwrap();
            let log = std::fs::read_to_string(nginx.folder.join("logs/start.log"));
            assert!(ended.is_none() && Instant::now() < deadline, "nginx is not up: {log:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let stop = ["-q", "-p", text(&self.folder), "-c", "nginx.conf", "-s", "stop"];
        let asked = Command::new(&self.program).args(stop).stderr(Stdio::null()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn configuration(address: SocketAddr, files: &Path) -> String {
    let files = text(files);
    format!(
        "pid logs/nginx.pid;\n\
         error_log logs/error.log info;\n\
         worker_processes 1;\n\
         worker_shutdown_timeout {DRAIN};\n\
         events {{ worker_connections 256; }}\n\
         http {{\n\
         log_format peers '$msec $ssl_client_escaped_cert';\n\
         access_log logs/peers.log peers;\n\
         client_body_temp_path logs/body;\n\
         proxy_temp_path logs/proxy;\n\
         fastcgi_temp_path logs/fastcgi;\n\
         uwsgi_temp_path logs/uwsgi;\n\
         scgi_temp_path logs/scgi;\n\
         server {{\n\
         listen {address} ssl;\n\
         ssl_certificate {files}/cert.pem;\n\
         ssl_certificate_key {files}/key.pem;\n\
         ssl_verify_client on;\n\
         ssl_verify_depth 3;\n\
         ssl_client_certificate {files}/anchors.pem;\n\
         ssl_crl {files}/crls.pem;\n\
         location / {{ default_type text/plain; return 200 'ok\\n'; }}\n\
         }}\n\
         }}\n"
    )
}

/// Prints accepted peers as an agent wants them: SHA-256 of the certificate, milliseconds, and the
/// authority key identifier. nginx itself knows a certificate's SHA-1 only.
const PEERS: &str = r"
import base64, hashlib, sys, urllib.parse
seen = {}
for line in open(sys.argv[1]):
    msec, _, escaped = line.strip().partition(' ')
    pem = urllib.parse.unquote(escaped)
    if 'BEGIN CERTIFICATE' not in pem:
        continue
    body = ''.join(pem.split('-----')[2].split())
    seen[base64.b64decode(body)] = int(float(msec) * 1000)
AKI = bytes.fromhex('0603551d230418301680' + '14')
for der, at in seen.items():
    begin = der.find(AKI)
    aki = der[begin + len(AKI):begin + len(AKI) + 20].hex() if begin >= 0 else ''
    print(hashlib.sha256(der).hexdigest(), at, aki)
";
