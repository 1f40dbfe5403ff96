//! The offline root's commands, over real folders.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use clap::Parser as _;
use skink_cli::{Cli, Command, Exit, Failure};

async fn skink(args: &[&str]) -> anyhow::Result<()> {
    let cli = Cli::try_parse_from(["skink", "--json"].iter().chain(args))?;
    let Command::Client(command) = cli.command else { panic!("not a client's command: {args:?}") };
    skink_cli::run(command, &cli.global).await
}

async fn init(dir: &Path, passphrase: &Path) -> anyhow::Result<()> {
    let (dir, passphrase) = (dir.to_str().unwrap(), passphrase.to_str().unwrap());
    let url = "http://pki.example";
    let domain = ["--domain", "corp.example", "--public-url", url];
    let args = ["root", "init", "--dir", dir, "--passphrase-file", passphrase];
    skink(&[&args[..], &domain[..]].concat()).await
}

#[tokio::test]
async fn a_root_is_begun_once_and_never_where_a_server_is() {
    let folder = tempfile::tempdir().unwrap();
    let (root, passphrase) = (folder.path().join("root"), folder.path().join("pass"));
    std::fs::write(&passphrase, "correct horse\nsecond line\n").unwrap();

    init(&root, &passphrase).await.unwrap();
    skink(&["root", "show", "--dir", root.to_str().unwrap()]).await.unwrap();
    let again = init(&root, &passphrase).await.unwrap_err();
    assert!(format!("{again:#}").contains("already"), "{again:#}");

    let server = folder.path().join("server");
    std::fs::create_dir(&server).unwrap();
    std::fs::write(server.join("skink.db"), "").unwrap();
    let near = init(&server.join("root"), &passphrase).await.unwrap_err();
    assert!(format!("{near:#}").contains("skink.db"), "{near:#}");
}

#[tokio::test]
async fn a_ceremony_wants_two_custodians_before_anything_else() {
    let custodian = ["--custodian", "alice", "--custodian", "alice"];
    let args = ["root", "sign", "request.json", "--out", "o", "--kits", "k"];
    let error = skink(&[&args[..], &custodian[..]].concat()).await.unwrap_err();
    let failure = error.downcast_ref::<Failure>().unwrap();
    assert_eq!(failure.exit(), Exit::Usage);
}

#[tokio::test]
async fn without_an_operator_file_the_hint_says_where_one_comes_from() {
    let nowhere = ["status", "--operator", "/nowhere/operator.json"];
    let error = skink(&nowhere).await.unwrap_err();
    let failure = error.downcast_ref::<Failure>().unwrap();
    assert!(failure.hint().unwrap().contains("url"), "{failure}");
}

#[tokio::test]
async fn a_parent_elsewhere_certifies_the_roots_key_too() {
    const CORPORATE: &str = "set -e\n\
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout corp.key \
          -out corp.pem -days 30 -subj /CN=Corporate -addext keyUsage=critical,keyCertSign,cRLSign\n\
        openssl req -in root.csr -verify -noout\n\
        printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n' > ext\n\
        openssl x509 -req -in root.csr -CA corp.pem -CAkey corp.key -CAcreateserial -days 20 \
          -extfile ext -out cross.pem\n\
        openssl verify -x509_strict -CAfile corp.pem cross.pem\n\
        openssl x509 -in cross.pem -noout -subject -pubkey > cross.txt\n\
        sed -n '/BEGIN/,/END/p' shown.txt | openssl x509 -noout -subject -pubkey > root.txt\n\
        cmp cross.txt root.txt\n";
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("pass"), "correct horse\n").unwrap();
    init(Path::new(&at("root")), Path::new(&at("pass"))).await.unwrap();
    let request = at("root.csr");
    let ask = ["root", "csr", "--out", &request, "--dir", &at("root")];
    let passphrase = ["--passphrase-file", &at("pass")];
    skink(&[&ask[..], &passphrase].concat()).await.unwrap();
    let again = skink(&[&ask[..], &passphrase].concat()).await.unwrap_err();
    assert!(format!("{again:#}").contains("root.csr"), "{again:#}");
    let info = skink_authority::ceremony::OfflineRoot::info_of(Path::new(&at("root"))).unwrap();
    std::fs::write(at("shown.txt"), &info.certificate).unwrap();
    let done = std::process::Command::new("sh")
        .args(["-c", CORPORATE])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
