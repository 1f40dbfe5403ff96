//! Verify, build, diagnose and fix.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::pki::Pki;

#[test]
fn the_exit_code_is_the_verdict() {
    let pki = Pki::new();
    let good = "verify full.pem --trusted root.pem --host www.test";
    let told = pki.skink(&format!("{good} --json")).expect(0).json();
    assert_eq!(told["verdict"], "accept");
    assert_eq!(told["path"].as_array().unwrap().len(), 3);
    assert!(pki.skink(good).expect(0).out().contains("accepted: full.pem"));
    let told = pki.skink("verify leaf.pem --trusted root.pem --host other.test --json").expect(1);
    let told = told.json();
    let codes: Vec<_> = told["findings"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    assert_eq!(codes, ["issuer-not-found", "name-mismatch"], "all findings, not the first");
    let time = "verify full.pem --trusted root.pem --time 2001-01-01T00:00:00Z";
    assert!(pki.skink(time).expect(1).out().contains("not-yet-valid"));
    assert!(pki.skink("verify nothing.pem").expect(2).err().contains("hint:"));
    assert!(pki.skink("verify leaf.key").expect(2).err().contains("no certificate"));
    pki.skink("verify full.pem --purpose dance").expect(2);
    pki.skink("verify").expect(2);
    // The machine's own store does not trust this root.
    assert!(pki.skink("verify full.pem").expect(1).out().contains("trust store"));
}

#[test]
fn a_bag_becomes_a_chain() {
    let pki = Pki::new();
    pki.certificate("other", None, "9", "basicConstraints=critical,CA:TRUE\n");
    let told =
        pki.skink("build other.pem root.pem inter.pem leaf.pem --trusted root.pem").expect(0);
    let drawn = "root  (3649 days left, trusted)\n└─ inter  (999 days left)\n   └─ leaf";
    assert!(told.out().starts_with(drawn), "{}", told.out());
    assert!(told.out().contains("belongs to no chain: other"), "{}", told.out());
    let pem = pki.skink("build root.pem inter.pem leaf.pem --trusted root.pem --pem").expect(0);
    assert_eq!(pem.out(), pki.read("full.pem"));
}

#[test]
fn each_failure_is_diagnosed_and_what_mends_it_verifies() {
    let pki = Pki::new();
    let common = "--trusted root.pem --host www.test";
    let wrong = |files: &str| -> Vec<String> {
        let told = pki.skink(&format!("diagnose {files} {common} --json"));
        let told = told.expect(1).json();
        assert_eq!(told["verdict"], "reject");
        assert!(!told["remedies"].as_array().unwrap().is_empty());
        let steps = told["steps"].as_array().unwrap().iter().filter(|it| it["state"] == "wrong");
        steps.map(|it| it["step"].as_str().unwrap().to_owned()).collect()
    };
    pki.skink(&format!("diagnose full.pem leaf.key {common}")).expect(0);
    std::fs::write(pki.path("mixed.pem"), pki.read("inter.pem") + &pki.read("leaf.pem")).unwrap();
    assert_eq!(wrong("mixed.pem leaf.key"), ["order"]);
    assert_eq!(wrong("leaf.pem leaf.key"), ["completeness"]);
    assert_eq!(wrong("full.pem root.key"), ["key"]);
    let told = pki.skink("diagnose full.pem root.pem --host www.test").expect(1);
    assert!(told.out().contains("✗ trust"), "{}", told.out());
    assert!(told.out().contains("skink chain trust install"), "{}", told.out());
    let told = pki.skink("diagnose mixed.pem --trusted root.pem").expect(1);
    let fix = "skink chain fix mixed.pem --trusted root.pem --out /etc/ssl/site";
    assert!(told.out().contains(fix), "{}", told.out());

    pki.skink(&format!("fix mixed.pem leaf.key root.pem {common} --out live")).expect(0);
    assert_eq!(pki.read("live/fullchain.pem"), pki.read("full.pem"));
    assert_eq!(pki.read("live/cert.pem"), pki.read("leaf.pem"));
    pki.openssl(&[
        "verify",
        "-CAfile",
        "root.pem",
        "-untrusted",
        "live/chain.pem",
        "live/cert.pem",
    ]);
    pki.skink("match live/privkey.pem live/cert.pem").expect(0);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |name: &str| pki.path(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("live/privkey.pem"), mode("live/fullchain.pem")), (0o600, 0o644));
    }
    let names: Vec<_> = std::fs::read_dir(pki.path("live")).unwrap().collect();
    assert_eq!(names.len(), 4, "nothing else is left: {names:?}");
}

#[test]
fn what_does_not_verify_is_not_written() {
    let pki = Pki::new();
    pki.skink("fix leaf.pem --trusted root.pem --out live").expect(1);
    pki.skink("fix full.pem --trusted root.pem --host other.test --out live").expect(1);
    pki.skink("fix full.pem root.key --trusted root.pem --out live").expect(2);
    pki.skink("fix full.pem --trusted root.pem --out live --dry-run").expect(0);
    assert!(!pki.path("live").exists());
}

/// Serves `body` over HTTP until it was asked `times` times.
fn serve(body: Vec<u8>, times: usize) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/issuer.der", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        for stream in listener.incoming().take(times) {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).unwrap();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).unwrap();
        }
    });
    (address, thread)
}

#[test]
fn a_missing_issuer_is_fetched_from_where_the_certificate_says() {
    let pki = Pki::new();
    pki.openssl(&["x509", "-in", "inter.pem", "-outform", "DER", "-out", "inter.der"]);
    let (address, server) = serve(std::fs::read(pki.path("inter.der")).unwrap(), 1);
    let extensions = format!(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
         extendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\n\
         subjectAltName=DNS:aia.test,DNS:aia\nauthorityInfoAccess=caIssuers;URI:{address}\n"
    );
    pki.certificate("aia", Some("inter"), "30", &extensions);
    pki.skink("fix aia.pem --trusted root.pem --out live").expect(1);
    let told = pki.skink("fix aia.pem --aia --trusted root.pem --out live").expect(0);
    assert!(told.err().contains(&address) && told.out().contains("added inter"), "{}", told.out());
    assert_eq!(pki.read("live/fullchain.pem"), pki.read("aia.pem") + &pki.read("inter.pem"));
    server.join().unwrap();
}

/// `openssl s_server` on a free port, ended with the value.
struct Server(std::process::Child, String);

impl Server {
    fn start(pki: &Pki, args: &[&str]) -> Self {
        use std::io::BufRead as _;
        let mut child = std::process::Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-key", "leaf.key"])
            .args(args)
            .current_dir(pki.folder())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let accepts = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT ").map(|it| it.trim().to_owned()));
        Self(child, accepts.unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_server_is_diagnosed_by_what_it_presents() {
    let pki = Pki::new();
    let good = Server::start(&pki, &["-cert", "leaf.pem", "-cert_chain", "inter.pem"]);
    let common = "--trusted root.pem --host www.test --no-proxy";
    pki.skink(&format!("diagnose {} {common}", good.1)).expect(0);
    let told = pki.skink(&format!("diagnose {} --trusted root.pem --no-proxy", good.1)).expect(1);
    assert!(told.out().contains("✗ name") && told.out().contains("IP:127.0.0.1"), "{}", told.out());
    let bare = Server::start(&pki, &["-cert", "leaf.pem"]);
    let told = pki.skink(&format!("diagnose {} {common}", bare.1)).expect(1);
    assert!(told.out().contains("CN=inter is missing"), "{}", told.out());
    assert!(told.out().contains(&format!("skink chain fetch {} >", bare.1)), "{}", told.out());
    drop(bare);
    pki.skink("diagnose nowhere.test").expect(2);
}

#[cfg(unix)]
#[test]
fn what_a_store_is_given_stands_in_a_folder_of_its_own_and_goes() {
    use std::os::unix::fs::PermissionsExt as _;
    let pki = Pki::new();
    for folder in ["bin", "tmp"] {
        std::fs::create_dir(pki.path(folder)).unwrap();
    }
    // A keytool that shows where it finds the certificate, and fails.
    std::fs::write(pki.path("bin/keytool"), "#!/bin/sh\necho \"given: $*\" >&2\nexit 1\n").unwrap();
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(pki.path("bin/keytool"), executable).unwrap();
    let shown = pki.skink("trust install root.pem --store jvm --place store --dry-run").expect(0);
    let file =
        shown.out().split_whitespace().find(|it| it.starts_with("skink-")).map(str::to_owned);
    // Somebody else has put a link there under the name that is to be expected.
    std::fs::write(pki.path("victim"), "precious").unwrap();
    std::os::unix::fs::symlink(pki.path("victim"), pki.path("tmp").join(file.unwrap())).unwrap();
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_skink"))
        .args(["chain", "trust", "install", "root.pem", "--store", "jvm", "--place", "store"])
        .arg("--yes")
        .current_dir(pki.folder())
        .env("PATH", pki.path("bin"))
        .env("TMPDIR", pki.path("tmp"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && told.contains("given: -importcert"), "{told}");
    assert_eq!(pki.read("victim"), "precious");
    let left: Vec<_> = std::fs::read_dir(pki.path("tmp")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing but the link: {left:?}");
}
