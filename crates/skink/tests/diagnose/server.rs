//! nginx and Apache in a folder of their own, in the foreground and ended by their process.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Apache,
}

impl Kind {
    /// Where it is; `None` where it is not installed, and nobody demands it.
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    pub(crate) fn program(self) -> Option<PathBuf> {
        let name = match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache2",
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
        let ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(found.is_some() || !ci, "missing: {name}; `cargo xtask test` installs it");
        if found.is_none() {
            eprintln!("skipped: {name} is not installed");
        }
        found
    }

    /// Serves `fullchain.pem` with `privkey.pem`.
    fn configuration(self, folder: &Path, address: SocketAddr, weak: bool) -> String {
        let folder = folder.display();
        let level = if weak { "DEFAULT:@SECLEVEL=0" } else { "DEFAULT" };
        match self {
            Self::Nginx => format!(
                "daemon off;\npid {folder}/pid;\nworker_processes 1;\nevents {{}}\nhttp {{\n\
                 access_log off;\nclient_body_temp_path {folder}/t1;\n\
                 proxy_temp_path {folder}/t2;\nfastcgi_temp_path {folder}/t3;\n\
                 uwsgi_temp_path {folder}/t4;\nscgi_temp_path {folder}/t5;\nserver {{\n\
                 listen {address} ssl;\nssl_ciphers {level};\n\
                 ssl_certificate {folder}/fullchain.pem;\n\
                 ssl_certificate_key {folder}/privkey.pem;\n\
                 location / {{ return 200 'ok'; }}\n}}\n}}\n"
            ),
            Self::Apache => {
                let load = ["mpm_event", "authz_core", "ssl"].map(|name| {
                    format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")
                });
                format!(
                    "ServerRoot {folder}\nServerName localhost\nPidFile {folder}/pid\n\
                     ErrorLog {folder}/error.log\nDefaultRuntimeDir {folder}\n{}\
                     User nobody\nGroup nogroup\nStartServers 1\nListen {address}\n\
                     SSLSessionCache none\nSSLEngine on\nSSLCipherSuite {level}\n\
                     SSLCertificateFile {folder}/fullchain.pem\n\
                     SSLCertificateKeyFile {folder}/privkey.pem\n",
                    load.concat()
                )
            }
        }
    }
}

pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Runs once it accepts connections; what it complained about when it does not start.
    pub(crate) fn start(kind: Kind, folder: &Path, weak: bool) -> Result<Self, String> {
        let program = kind.program().unwrap();
        loop {
            let address = skink_testnet::free_address();
            let file = folder.join("server.conf");
            std::fs::write(&file, kind.configuration(folder, address, weak)).unwrap();
            let log = folder.join("error.log");
            let errors = std::fs::File::create(&log).unwrap();
            let mut command = Command::new(&program);
            match kind {
                Kind::Nginx => command.args(["-e", "stderr", "-c"]).arg(&file),
                Kind::Apache => command.arg("-DFOREGROUND").arg("-f").arg(&file),
            };
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
            let mut server = Self { child: command.spawn().unwrap(), address };
            if server.is_up() {
                return Ok(server);
            }
            let said = std::fs::read_to_string(&log).unwrap();
            // Somebody else took the port meanwhile.
            if !said.contains("Address already in use") {
                return Err(said);
            }
        }
    }

    fn is_up(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        // Apache listens before it looks at its keys; it has workers only afterwards.
        while self.workers().is_empty() || TcpStream::connect(self.address).is_err() {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(Instant::now() < deadline, "the server neither starts nor ends");
            std::thread::sleep(Duration::from_millis(10));
        }
        // Not a stranger on the same port: a server that could not listen ends.
        self.child.try_wait().unwrap().is_none()
    }

    /// Takes the files as they are now; nobody answers with the old ones any more.
    pub(crate) fn reload(&self) {
        let old = self.workers();
        assert!(!old.is_empty());
        self.signal("-HUP");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.workers();
            if !now.is_empty() && !old.iter().any(|it| now.contains(it)) {
                break;
            }
            assert!(Instant::now() < deadline, "old workers stay: {now:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        while TcpStream::connect(self.address).is_err() {
            assert!(Instant::now() < deadline, "the server does not come back");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn workers(&self) -> Vec<String> {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        children.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args([signal, &id]).status();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal("-TERM");
        }
        let _ = self.child.wait();
    }
}
