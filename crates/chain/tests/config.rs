//! The sections that are written, judged by the servers that have to read them.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use skink_chain::config::{Software, Wanted};

const MAKE: &str = "set -e
key() { openssl ecparam -name prime256v1 -genkey -noout -out $1.key; }
key root; openssl req -new -x509 -key root.key -subj /CN=root -days 9 -out root.pem \
  -addext keyUsage=critical,keyCertSign,cRLSign
key leaf; openssl req -new -key leaf.key -subj /CN=web.example -out leaf.csr
printf 'subjectAltName=DNS:web.example\nauthorityInfoAccess=OCSP;URI:http://127.0.0.1:9/\n' > leaf.ext
openssl x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -days 9 \
  -extfile leaf.ext -out leaf.pem
cat leaf.pem root.pem > fullchain.pem; cp leaf.key fullchain.pem.key
touch index.txt; echo 01 > number
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=9\n' > ca.cnf
openssl ca -config ca.cnf -gencrl -keyfile root.key -cert root.pem -out root.crl";

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    // Debian keeps PostgreSQL's programs by version, off the path.
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = folders.chain(versions.map(|version| version.path().join("bin")));
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(found.is_some() || !ci, "missing: {name}; `cargo xtask test` installs it");
    if found.is_none() {
        eprintln!("skipped: {name} is not installed");
    }
    found
}

fn pki() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("sh").args(["-c", MAKE]).current_dir(&folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    folder
}

/// Plain, for TLS 1.3 alone, and with clients and their lists.
fn wishes(folder: &Path) -> [Wanted; 3] {
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let plain = Wanted {
        names: vec!["web.example".into(), "www.web.example".into()],
        fullchain: at("fullchain.pem"),
        key: at("leaf.key"),
        chain: Some(at("root.pem")),
        staples: true,
        port: 8443,
        ..Wanted::default()
    };
    let clients = Wanted {
        clients: Some(at("root.pem")),
        crl: Some(at("root.crl")),
        resolver: Some("127.0.0.1".into()),
        ..plain.clone()
    };
    [plain.clone(), Wanted { modern: true, staples: false, ..plain }, clients]
}

/// What `check` makes of each section inside of a whole configuration.
fn judged(software: Software, whole: impl Fn(&Path, &str) -> String, check: &[&str]) {
    let Some(program) = program(check[0]) else { return };
    let folder = pki();
    for wanted in wishes(folder.path()) {
        let section = wanted.section(software).unwrap();
        let file = folder.path().join("server.conf");
        std::fs::write(&file, whole(folder.path(), &section.text)).unwrap();
        let words = check[1..].iter().map(|word| word.replace("{file}", file.to_str().unwrap()));
        let output = Command::new(&program).args(words).current_dir(&folder).output().unwrap();
        let said = [output.stdout.as_slice(), &output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success(), "{said}\n{}", section.text);
        assert!(!said.contains("ssl_stapling\" ignored"), "{said}");
    }
}

#[test]
fn nginx_takes_its_sections() {
    let whole = |folder: &Path, section: &str| {
        let folder = folder.display();
        format!(
            "pid {folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n\
             client_body_temp_path {folder}/b;\nproxy_temp_path {folder}/p;\n\
             fastcgi_temp_path {folder}/f;\nuwsgi_temp_path {folder}/u;\n\
             scgi_temp_path {folder}/s;\n{section}}}\n"
        )
    };
    judged(Software::Nginx, whole, &["nginx", "-t", "-c", "{file}"]);
}

#[test]
fn apache_takes_its_sections() {
    let whole = |folder: &Path, section: &str| {
        let modules = ["mpm_event", "authz_core", "ssl", "socache_shmcb"];
        let load = modules.map(|name| {
            format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")
        });
        format!(
            "ServerRoot {0}\nServerName localhost\nPidFile {0}/pid\nErrorLog {0}/error.log\n{1}\
             Listen 127.0.0.1:8443\n{section}",
            folder.display(),
            load.concat()
        )
    };
    judged(Software::Apache, whole, &["apache2", "-t", "-f", "{file}"]);
}

#[test]
fn haproxy_takes_its_sections() {
    let whole = |_: &Path, section: &str| section.to_owned();
    judged(Software::Haproxy, whole, &["haproxy", "-c", "-f", "{file}"]);
}

#[test]
fn caddy_takes_its_sections() {
    let whole = |folder: &Path, section: &str| {
        let folder = folder.display();
        format!("{{\nadmin off\nstorage file_system {folder}/caddy\n}}\n{section}")
    };
    let check = ["caddy", "validate", "--config", "{file}", "--adapter", "caddyfile"];
    judged(Software::Caddy, whole, &check);
}

/// It reads the section and knows every word of it; it opens no file for that.
#[test]
fn postgres_takes_its_sections() {
    let whole = |folder: &Path, section: &str| {
        let folder = folder.display();
        format!(
            "data_directory = '{folder}'\nhba_file = '{folder}/hba'\n\
             ident_file = '{folder}/ident'\n{section}"
        )
    };
    judged(Software::Postgres, whole, &["postgres", "-C", "ssl_ciphers", "--config-file={file}"]);
}
