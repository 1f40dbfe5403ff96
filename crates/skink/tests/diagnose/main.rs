//! What goes wrong with real servers: nginx and Apache, misconfigured on purpose, are refused by
//! OpenSSL and curl; the diagnosis names the cause; what it says to do is done; both accept.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod pki;
mod server;

use std::net::SocketAddr;

use pki::{GOOD, Leaf, Pki, text};
use serde_json::Value;
use server::{Kind, Server};

/// What goes wrong.
struct Fault {
    /// The step that is the first to be wrong, and what is found there.
    step: &'static str,
    code: &'static str,
    leaf: Leaf,
    /// What the server is given to send.
    sent: &'static [&'static str],
    /// What the clients trust.
    trusted: &'static str,
    clients: Clients,
    revoked: bool,
    weak: bool,
    mend: Mend,
}

/// How the world takes it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clients {
    /// OpenSSL and curl end the connection.
    Refuse,
    /// They put up with it; others do not.
    Forgive,
    /// The server does not even start, for this reason.
    NobodyToAsk,
}

/// What is done about it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mend {
    /// The commands that are printed are run.
    Run,
    /// They are run, with an issuer in the middle of them.
    Reissue,
    /// The key that they find is used.
    FindKey,
    /// The root that is named is trusted.
    Trust,
}

const FAULT: Fault = Fault {
    step: "",
    code: "",
    leaf: GOOD,
    sent: &["leaf.pem", "inter.pem"],
    trusted: "root.pem",
    clients: Clients::Refuse,
    revoked: false,
    weak: false,
    mend: Mend::Reissue,
};

#[test]
fn expired() {
    let leaf = Leaf { end: "20210101000000Z", ..GOOD };
    Fault { step: "validity", code: "expired", leaf, ..FAULT }.on_both();
}

#[test]
fn not_yet_valid() {
    let leaf = Leaf { start: "20470101000000Z", ..GOOD };
    Fault { step: "validity", code: "not-yet-valid", leaf, ..FAULT }.on_both();
}

#[test]
fn an_incomplete_chain() {
    let (step, code, sent) = ("completeness", "incomplete-chain", &["leaf.pem"]);
    Fault { step, code, sent, mend: Mend::Run, ..FAULT }.on_both();
}

#[test]
fn a_wrong_order_that_servers_refuse() {
    let (step, code, clients) = ("order", "wrong-order", Clients::NobodyToAsk);
    let sent = &["inter.pem", "leaf.pem"];
    Fault { step, code, sent, clients, mend: Mend::Run, ..FAULT }.on_both();
}

#[test]
fn a_wrong_order_that_some_clients_forgive() {
    let (step, code, clients) = ("order", "wrong-order", Clients::Forgive);
    let sent = &["leaf.pem", "root.pem", "inter.pem"];
    Fault { step, code, sent, clients, mend: Mend::Run, ..FAULT }.on_both();
}

#[test]
fn another_key() {
    let (step, code, clients) = ("key", "key-mismatch", Clients::NobodyToAsk);
    Fault { step, code, clients, mend: Mend::FindKey, ..FAULT }.on_both();
}

#[test]
fn another_name() {
    let leaf = Leaf { name: "other.test", ..GOOD };
    Fault { step: "name", code: "name-mismatch", leaf, ..FAULT }.on_both();
}

#[test]
fn a_root_that_is_sent_and_not_trusted() {
    let (step, code, trusted) = ("trust", "untrusted-root", "other.pem");
    let sent = &["leaf.pem", "inter.pem", "root.pem"];
    Fault { step, code, sent, trusted, mend: Mend::Trust, ..FAULT }.on_both();
}

#[test]
fn a_root_that_is_not_trusted() {
    let (step, code, trusted) = ("trust", "untrusted-root", "other.pem");
    Fault { step, code, trusted, mend: Mend::Trust, ..FAULT }.on_both();
}

#[test]
fn revoked() {
    Fault { step: "revocation", code: "revoked", revoked: true, ..FAULT }.on_both();
}

#[test]
fn a_small_key() {
    let leaf = Leaf { key: "RSA -pkeyopt rsa_keygen_bits:1024", ..GOOD };
    Fault { step: "strength", code: "weak-key", leaf, weak: true, ..FAULT }.on_both();
}

#[test]
fn a_weak_signature() {
    let leaf = Leaf { digest: "sha1", ..GOOD };
    let (step, code) = ("strength", "weak-signature-algorithm");
    Fault { step, code, leaf, weak: true, ..FAULT }.on_both();
}

#[test]
fn for_clients_only() {
    let leaf = Leaf { usage: "clientAuth", ..GOOD };
    Fault { step: "usage", code: "purpose", leaf, ..FAULT }.on_both();
}

impl Fault {
    fn on_both(&self) {
        for kind in [Kind::Nginx, Kind::Apache] {
            if kind.program().is_some() {
                self.on(kind);
            }
        }
    }

    fn on(&self, kind: Kind) {
        let pki = Pki::new();
        pki.leaf(&self.leaf);
        pki.join(self.sent, "fullchain.pem");
        if self.revoked {
            pki.revoke();
        }
        if self.mend == Mend::FindKey {
            pki.shell("mkdir keys && mv privkey.pem keys/right.pem && cp inter.key keys/wrong.pem");
            pki.shell("cp other.key privkey.pem");
        }
        let started = Server::start(kind, pki.folder(), self.weak);
        if self.clients == Clients::NobodyToAsk {
            let said = started.err().unwrap_or_else(|| panic!("{kind:?} starts"));
            let mismatch = said.contains("mismatch") || said.contains("do not match");
            assert!(mismatch, "{kind:?}: {said}");
            self.diagnosed_and_mended(&pki, "fullchain.pem privkey.pem");
            let server =
                Server::start(kind, pki.folder(), self.weak).unwrap_or_else(|it| panic!("{it}"));
            return self.is_well(&pki, &server);
        }
        let server = started.unwrap_or_else(|said| panic!("{kind:?}: {said}"));
        for client in self.clients(server.address, self.trusted) {
            let done = pki.run(&client);
            let taken = self.clients == Clients::Forgive;
            assert_eq!(done.status.success(), taken, "{kind:?}: {client}: {}", text(&done.stderr));
        }
        self.diagnosed_and_mended(&pki, &server.address.to_string());
        server.reload();
        self.is_well(&pki, &server);
    }

    /// The commands of the clients that judge.
    fn clients(&self, address: SocketAddr, trusted: &str) -> [String; 2] {
        let (check, lists) = if self.revoked {
            ("-crl_check -CRL inter.crl", "--crlfile crls.pem")
        } else {
            ("", "")
        };
        let port = address.port();
        [
            format!(
                "openssl s_client -connect {address} -servername www.test -CAfile {trusted} \
                 -verify_hostname www.test -verify_return_error {check}"
            ),
            format!(
                "curl -q -sS --noproxy '*' --cacert {trusted} {lists} -o got \
                 --resolve www.test:{port}:{} https://www.test:{port}/",
                address.ip()
            ),
        ]
    }

    /// What is wrong with a server, or with files, and how the command ended.
    fn diagnosis(&self, pki: &Pki, target: &str, trusted: &str) -> (i32, Value) {
        let lists = if self.revoked { "inter.crl" } else { "" };
        let proxy = if target.contains(':') { "--no-proxy" } else { "" };
        let done = pki.run(&format!(
            "skink chain diagnose {target} {lists} --trusted {trusted} --host www.test {proxy} --json"
        ));
        let told = serde_json::from_slice(&done.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", text(&done.stderr)));
        (done.status.code().unwrap(), told)
    }

    fn diagnosed_and_mended(&self, pki: &Pki, target: &str) {
        let (code, told) = self.diagnosis(pki, target, self.trusted);
        assert_eq!(code, 1, "{told:#}");
        let wrong = |it: &&Value| it["state"] == "wrong";
        let first = told["steps"].as_array().unwrap().iter().find(wrong).unwrap();
        assert_eq!(first["step"], self.step, "{told:#}");
        assert_eq!(first["findings"][0]["code"], self.code, "{told:#}");
        let remedy = told["remedies"][0]["commands"].as_array().unwrap().iter();
        let remedy: Vec<_> = remedy.map(|it| it.as_str().unwrap()).collect();
        // The one thing that is another's here: where the files of the servers are.
        let script = remedy.join("\n").replace("/etc/ssl/site", "site");
        match self.mend {
            Mend::Run => self.take(pki, &script, "privkey.pem"),
            Mend::Reissue => self.reissue(pki, &script),
            Mend::FindKey => find_key(pki, &script),
            Mend::Trust => {
                assert!(script.contains("--trusted root.pem"), "{script}");
                let message = first["findings"][0]["message"].as_str().unwrap();
                assert!(message.contains("root"), "{message}");
            }
        }
    }

    fn reissue(&self, pki: &Pki, script: &str) {
        let (ask, install) = script
            .split_once("# hand request.csr to the issuer")
            .unwrap_or_else(|| panic!("{}: {script}", self.code));
        let install = install.split_once('\n').unwrap().1;
        pki.shell(&format!("set -e\n{ask}"));
        pki.sign(&GOOD, "request.csr", "issued.pem");
        let key = if pki.path("new.key").exists() { "new.key" } else { "privkey.pem" };
        self.take(pki, install, key);
    }

    /// Runs what ends in `skink chain fix`, and gives its files to the server.
    fn take(&self, pki: &Pki, script: &str, key: &str) {
        assert!(script.contains("skink chain fix "), "{script}");
        pki.shell(&format!("set -e\n{script}"));
        pki.join(&[key], "right.key");
        pki.shell("mv right.key privkey.pem && cp site/fullchain.pem fullchain.pem");
        let sent = pki.read("fullchain.pem").matches("BEGIN CERTIFICATE").count();
        assert_eq!(sent, 2, "the leaf and the intermediate after {}", self.code);
    }

    /// Both clients accept what the server now sends, and nothing is wrong any more.
    fn is_well(&self, pki: &Pki, server: &Server) {
        let clients = self.clients(server.address, "root.pem");
        let shown = pki.shell(&format!("{} -showcerts", clients[0]));
        assert_eq!(blocks(&shown), blocks(&pki.read("fullchain.pem")), "{}", self.code);
        pki.shell(&clients[1]);
        let (code, told) = self.diagnosis(pki, &server.address.to_string(), "root.pem");
        assert_eq!((code, &told["verdict"]), (0, &Value::from("accept")), "{told:#}");
    }
}

/// The loop that is printed, over this folder's keys; it prints the path of the right one.
fn find_key(pki: &Pki, script: &str) {
    let here = script.replace("/etc/ssl/private/*", "keys/*");
    assert!(here.contains("keys/*"), "{script}");
    let said = text(&pki.run(&here).stdout);
    let found: Vec<_> =
        said.lines().filter(|it| it.starts_with("keys/") && !it.contains(' ')).collect();
    assert_eq!(found, ["keys/right.pem"], "{said}");
    pki.join(&found, "privkey.pem");
}

/// The certificates of a text, without what is around them.
fn blocks(text: &str) -> Vec<&str> {
    let rest = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    rest.map(|it| it.split("-----END").next().unwrap()).collect()
}
