//! curl and `openssl s_client` as mutual-TLS clients that check the whole chain against CRLs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use skink_deploy::Commands;

use crate::peers::Peers;
use crate::{argv, text};

/// What a client says about one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presented {
    /// The handshake was full and the answer came.
    Accepted,
    /// It failed; the program's words.
    Refused(String),
}

impl Presented {
    /// Whether the answer came.
    pub fn accepted(&self) -> bool {
        *self == Self::Accepted
    }
}

/// curl over an endpoint's files.
pub struct Curl {
    files: PathBuf,
    peers: Peers,
}

impl Curl {
    /// The client whose files an agent puts there.
    pub fn new(files: &Path) -> Self {
        Self { files: files.to_owned(), peers: Peers::new(&beside(files)) }
    }

    /// The commands by which an agent tends it.
    pub fn commands(&self) -> Commands {
        commands(&self.files, &self.peers, self.argv("{address}", "{name}", &self.own()))
    }

    /// One request with its own certificate.
    ///
    /// # Panics
    ///
    /// When curl cannot be started.
    pub fn get(&self, to: SocketAddr, name: &str) -> Presented {
        self.get_as(to, name, &self.own())
    }

    /// One request with another certificate, given as the paths of chain and key.
    ///
    /// # Panics
    ///
    /// When curl cannot be started.
    pub fn get_as(&self, to: SocketAddr, name: &str, identity: &(PathBuf, PathBuf)) -> Presented {
        let argv = self.argv(&to.to_string(), name, identity);
        judge(&run(&argv), &self.peers)
    }

    fn own(&self) -> (PathBuf, PathBuf) {
        let both = beside(&self.files).join("client.pem");
        (both.clone(), both)
    }

    fn argv(&self, to: &str, name: &str, (chain, key): &(PathBuf, PathBuf)) -> Vec<String> {
        let (anchors, crls) = (self.files.join("anchors.pem"), self.files.join("crls.pem"));
        let files = ["--cacert", text(&anchors), "--crlfile", text(&crls)];
        let own = ["--cert", text(chain), "--key", text(key)];
        let (place, url) = (format!("::{to}"), format!("https://{name}/"));
        let fixed = ["curl", "-sSf", "--write-out", "%{certs}", "--max-time", "5"];
        let where_to = ["--connect-to", &place, &url];
        argv(&[&fixed[..], &files, &own, &where_to].concat())
    }
}

/// `openssl s_client` over an endpoint's files.
pub struct SClient {
    files: PathBuf,
    peers: Peers,
}

impl SClient {
    /// The client whose files an agent puts there.
    pub fn new(files: &Path) -> Self {
        Self { files: files.to_owned(), peers: Peers::new(&beside(files)) }
    }

    /// The commands by which an agent tends it.
    pub fn commands(&self) -> Commands {
        commands(&self.files, &self.peers, self.argv("{address}", "{name}"))
    }

    /// One request with its own certificate.
    ///
    /// # Panics
    ///
    /// When the shell or a scratch file cannot be had.
    pub fn get(&self, to: SocketAddr, name: &str) -> Presented {
        let argv = self.argv(&to.to_string(), name);
        judge(&run(&argv), &self.peers)
    }

    /// OpenSSL reads CRLs from the file of anchors; `-CRL` would read the first one only. The
    /// client must wait for the answer, so that a refusal after a TLS 1.3 handshake is seen.
    fn argv(&self, to: &str, name: &str) -> Vec<String> {
        let own = beside(&self.files);
        argv(&["sh", "-c", S_CLIENT, text(&self.files), to, name, text(&own)])
    }
}

const S_CLIENT: &str = "\
    trust=$(mktemp) && trap 'rm -f $trust' EXIT && cat $0/anchors.pem $0/crls.pem > $trust && \
    answer=$( (printf 'GET / HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n' $2; sleep 0.3) | timeout 5 openssl \
    s_client -connect $1 -servername $2 -verify_hostname $2 -verify_return_error -crl_check_all \
    -CAfile $trust -no-CApath -no-CAstore -cert $3/client.pem \
    -cert_chain $3/client.pem -key $3/client.pem -ign_eof 2>&1 ); printf '%s\\n' \"$answer\"; \
    printf '%s\\n' \"$answer\" | grep -qi '200 ok'";

/// A program that reads its files at each call might read a new certificate and an old key. So the
/// reload puts both into one file, which changes whole.
fn commands(files: &Path, peers: &Peers, connect: Vec<String>) -> Commands {
    let both = "for file in cert key; do test -s $0/$file.pem || exit 0; done; umask 077; \
        cat $0/key.pem $0/cert.pem > $1/client.new && mv $1/client.new $1/client.pem";
    let reload = argv(&["sh", "-c", both, text(files), text(&beside(files))]);
    Commands { connect, reload, peers: peers.command(), ..Commands::default() }
}

fn run(argv: &[String]) -> Output {
    let (program, arguments) = argv.split_first().expect("a command has a program");
    Command::new(program).args(arguments).stdin(Stdio::null()).output().expect("it starts")
}

/// Where an endpoint keeps what is no agent's business.
fn beside(files: &Path) -> PathBuf {
    let mut name = files.file_name().expect("the folder has a name").to_owned();
    name.push("-log");
    files.with_file_name(name)
}

fn judge(output: &Output, peers: &Peers) -> Presented {
    if output.status.success() {
        peers.note(&String::from_utf8_lossy(&output.stdout));
        return Presented::Accepted;
    }
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    Presented::Refused(String::from_utf8_lossy(&said).trim().to_owned())
}
