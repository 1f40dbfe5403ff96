//! What the exit code and the words say of what could not be reached or read.

use std::net::TcpListener;

use crate::pki::Pki;

#[test]
fn a_server_that_is_not_there_has_its_own_exit_code() {
    let pki = Pki::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    pki.skink(&format!("fetch {closed} --no-proxy")).expect(5);
    pki.skink(&format!("diagnose {closed} --no-proxy --trusted root.pem")).expect(5);
    pki.skink(&format!("watch {closed} --no-proxy")).expect(3);
    for help in ["--help", "diagnose --help", "fetch --help"] {
        let told = pki.skink(help).expect(0).out();
        assert!(told.contains("5 ") || told.contains("code 5"), "{help}: {told}");
    }
}

#[test]
fn passwords_of_proxies_and_servers_are_not_repeated() {
    let pki = Pki::new();
    for args in [
        "fetch a.test:443 --proxy ftp://me:s3cret@gate:1",
        "diagnose a.test:443 --proxy ftp://me:s3cret@gate:1",
        "fetch gopher://me:s3cret@a.test:443",
        "fetch postgres://me:s3cret@a.test:99999",
    ] {
        let told = pki.skink(args).expect(2);
        assert!(!told.err().contains("s3cret") && !told.out().contains("s3cret"), "{}", told.err());
        assert!(told.err().contains("hint:"), "{}", told.err());
    }
}

#[test]
fn watch_is_not_good_over_what_it_cannot_read() {
    let pki = Pki::new();
    std::fs::create_dir_all(pki.path("live/below")).unwrap();
    let pem = pki.read("leaf.pem");
    std::fs::write(pki.path("live/good.pem"), &pem).unwrap();
    std::fs::write(pki.path("live/notes.txt"), "renew in May").unwrap();
    std::fs::write(pki.path("live/site.key"), pki.read("leaf.key")).unwrap();
    pki.skink("watch live --within 1d").expect(0);
    // Half a certificate, as a full disk leaves it.
    std::fs::write(pki.path("live/below/cut.pem"), &pem[..pem.len() / 2]).unwrap();
    let told = pki.skink("watch live --within 1d --json").expect(3).json();
    assert_eq!(told["failed"].as_array().unwrap().len(), 1, "{told:#}");
    assert_eq!(told["failed"][0]["target"], "live/below/cut.pem");
    assert_eq!(told["watched"].as_array().unwrap().len(), 1);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_opened_does_not_hide_the_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let pki = Pki::new();
    std::fs::create_dir_all(pki.path("live/locked")).unwrap();
    std::fs::write(pki.path("live/good.pem"), pki.read("leaf.pem")).unwrap();
    let mode = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(pki.path("live/locked"), permissions).unwrap();
    };
    mode(0);
    // Nothing is locked for root.
    if std::fs::read_dir(pki.path("live/locked")).is_err() {
        let told = pki.skink("watch live --within 1d --json").expect(3).json();
        assert_eq!(told["watched"].as_array().unwrap().len(), 1);
        assert_eq!(told["failed"][0]["target"], "live/locked");
    }
    mode(0o700);
}

#[test]
fn one_certificate_of_many_is_written_by_its_fingerprint() {
    let pki = Pki::new();
    let told = pki.skink("inspect inter.pem --json").expect(0).json();
    let fingerprint = told[0]["sha256"].as_str().unwrap();
    let one = pki.skink(&format!("inspect full.pem --pem {fingerprint}")).expect(0);
    assert_eq!(one.out(), pki.read("inter.pem"));
    pki.skink(&format!("inspect root.pem --pem {fingerprint}")).expect(2);
}
