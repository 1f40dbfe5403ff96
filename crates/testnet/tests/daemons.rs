//! The daemons and clients themselves, over a hierarchy that OpenSSL makes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use skink_deploy::Commands;
use skink_testnet::{Curl, Nginx, Presented, SClient, installed};

const MAKE: &str = "set -e
name() { printf 'keyUsage=critical,keyCertSign,cRLSign\nbasicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n'; }
name > ca.ext
printf 'subjectAltName=DNS:web.example\nauthorityKeyIdentifier=keyid\n' > leaf.ext
key() { openssl ecparam -name prime256v1 -genkey -noout -out $1.key; }
key root; openssl req -new -x509 -key root.key -subj /CN=root -days 9 -out root.pem \
  -addext keyUsage=critical,keyCertSign,cRLSign
sign() { key $1; openssl req -new -key $1.key -subj /CN=$1 -out $1.csr
  openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days 9 -extfile $3 -out $1.pem; }
sign issuing root ca.ext; sign leaf issuing leaf.ext; sign other issuing leaf.ext
crl() { touch $1.txt; echo 01 > $1.number
  printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s.txt\ncrlnumber=%s.number\ndefault_md=sha256\ndefault_crl_days=9\ncrl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid\n' $1 $1 > $1.cnf
  openssl ca -config $1.cnf -gencrl -keyfile $1.key -cert $1.pem -out $1.crl; }
crl root; crl issuing
mkdir files; cat leaf.pem issuing.pem > files/cert.pem; cp leaf.key files/key.pem
cp root.pem files/anchors.pem; cat root.crl issuing.crl > files/crls.pem
openssl ca -config issuing.cnf -revoke other.pem -keyfile issuing.key -cert issuing.pem
openssl ca -config issuing.cnf -gencrl -keyfile issuing.key -cert issuing.pem -out issuing.crl
cat root.crl issuing.crl > revoking.pem; cat other.pem issuing.pem > other-chain.pem";

fn hierarchy(dir: &Path) {
    let made = Command::new("sh").args(["-c", MAKE]).current_dir(dir).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn run(argv: &[String]) {
    assert!(Command::new(&argv[0]).args(&argv[1..]).status().unwrap().success(), "{argv:?}");
}

#[test]
fn both_sides_check_the_whole_chain_and_notice_a_new_list() {
    if !installed(&["nginx", "curl", "openssl", "python3"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    hierarchy(dir.path());
    let files = dir.path().join("files");
    let nginx = Nginx::configure(&dir.path().join("nginx"), &files);
    let commands = nginx.commands();
    run(&commands.check);
    run(&commands.reload);
    nginx.wait_until_up();
    let (curl, s_client) = (Curl::new(&files), SClient::new(&files));
    run(&curl.commands().reload);
    run(&s_client.commands().reload);
    let other = (dir.path().join("other-chain.pem"), dir.path().join("other.key"));

    assert_eq!(curl.get(nginx.address(), "web.example"), Presented::Accepted);
    assert_eq!(s_client.get(nginx.address(), "web.example"), Presented::Accepted);
    assert_eq!(curl.get_as(nginx.address(), "web.example", &other), Presented::Accepted);
    let Presented::Refused(reason) = curl.get(nginx.address(), "elsewhere.example") else {
        panic!("a name was accepted that the certificate does not have")
    };
    assert!(reason.contains("elsewhere.example"), "{reason}");

    std::fs::copy(dir.path().join("revoking.pem"), files.join("crls.pem")).unwrap();
    run(&commands.reload);
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while curl.get_as(nginx.address(), "web.example", &other).accepted() {
        assert!(std::time::Instant::now() < deadline, "nginx goes on accepting a revoked client");
    }
    assert!(nginx.error_log().contains("certificate revoked"), "{}", nginx.error_log());
    assert_eq!(s_client.get(nginx.address(), "web.example"), Presented::Accepted);

    let seen = |commands: &Commands, count: usize| {
        let peers = Command::new(&commands.peers[0]).args(&commands.peers[1..]).output().unwrap();
        let peers = String::from_utf8(peers.stdout).unwrap();
        assert_eq!(peers.lines().count(), count, "{peers}");
        assert!(peers.lines().all(|line| line.split_whitespace().count() == 3), "{peers}");
    };
    seen(&commands, 2);
    seen(&curl.commands(), 1);
    seen(&s_client.commands(), 1);
}
