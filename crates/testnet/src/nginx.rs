//! nginx with client certificates and CRL checking, in a folder of its own.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use skink_deploy::Commands;

use crate::peers::Peers;
use crate::{argv, find, free_address, text};

const START: Duration = Duration::from_secs(10);

/// Old workers end connections that were accepted under old trust after this time.
const DRAIN: &str = "1s";

/// nginx in a folder of its own. An agent starts it: its reload command starts what does not run.
/// It is stopped when this is dropped.
pub struct Nginx {
    folder: PathBuf,
    address: SocketAddr,
    program: PathBuf,
    files: PathBuf,
    peers: Peers,
}

impl Nginx {
    /// Writes the configuration into `folder`, over the endpoint's files in `files`, which need not
    /// be there yet.
    ///
    /// # Panics
    ///
    /// When nginx is not installed or the folder cannot be written.
    pub fn configure(folder: &Path, files: &Path) -> Self {
        let address = free_address();
        std::fs::create_dir_all(folder.join("logs")).unwrap();
        std::fs::write(folder.join("nginx.conf"), configuration(address, files)).unwrap();
        let peers = Peers::new(&folder.join("logs"));
        let program = find("nginx").expect("nginx is installed");
        Self { folder: folder.to_owned(), address, program, files: files.to_owned(), peers }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The commands by which an agent tends it.
    ///
    /// # Panics
    ///
    /// When a folder's name is not UTF-8.
    pub fn commands(&self) -> Commands {
        let words = [text(&self.program), text(&self.folder), text(&self.files)];
        let script = |script: &str| argv(&[&["sh", "-c", script][..], &words].concat());
        Commands {
            check: script(CHECK),
            reload: script(RELOAD),
            peers: self.peers.command(),
            settle_ms: 200,
            ..Commands::default()
        }
    }

    /// Waits until it accepts connections.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub fn wait_until_up(&self) {
        let deadline = Instant::now() + START;
        while TcpStream::connect(self.address).is_err() {
            assert!(Instant::now() < deadline, "nginx is not up: {}", self.error_log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it wrote into its error log.
    pub fn error_log(&self) -> String {
        std::fs::read_to_string(self.folder.join("logs/error.log")).unwrap_or_default()
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join("logs/nginx.pid")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let stop = ["-q", "-p", text(&self.folder), "-c", "nginx.conf", "-s", "stop"];
        let _ = Command::new(&self.program).args(stop).stderr(Stdio::null()).status();
        // The folder may go only when nobody writes into it any more.
        let deadline = Instant::now() + START;
        while self.pid_file().exists() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Until all files are there, there is nothing to check and nothing to start.
const CHECK: &str = "for file in cert key anchors crls; do test -s $2/$file.pem || exit 0; done; \
    exec $0 -q -p $1 -c nginx.conf -t";

/// Reloads what runs and starts what does not.
const RELOAD: &str = "for file in cert key anchors crls; do test -s $2/$file.pem || exit 0; done; \
    if test -s $1/logs/nginx.pid && kill -HUP $(cat $1/logs/nginx.pid); then exit 0; fi; \
    exec $0 -q -p $1 -c nginx.conf >/dev/null 2>$1/logs/start.log </dev/null";

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
