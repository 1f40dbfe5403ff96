use std::path::Path;

use skink_testkit::TestPki;

use super::*;

fn root() -> TrustedRoot {
    TrustedRoot::new(TestPki::new().root.certificate).unwrap()
}

fn available(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders.map(|folder| folder.join(program)).any(|file| file.is_file());
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(found || !ci, "missing: {program}");
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

fn shown(plan: &[Step]) -> Vec<String> {
    plan.iter().map(ToString::to_string).collect()
}

#[test]
fn only_an_authority_is_trusted() {
    let pki = TestPki::new();
    let error = TrustedRoot::new(pki.leaf).unwrap_err();
    assert_eq!(
        error.to_string(),
        "CN=web-1.test is not an authority: a certificate that is trusted as root must be one"
    );
    TrustedRoot::new(pki.issuer.certificate).unwrap();
}

#[test]
fn an_image_of_debian_gets_a_root_and_loses_it_again() {
    if !available("update-ca-certificates") {
        return;
    }
    let image = tempfile::tempdir().unwrap();
    for folder in ["etc/ssl/certs", "etc/ca-certificates/update.d", "usr/share/ca-certificates"] {
        std::fs::create_dir_all(image.path().join(folder)).unwrap();
    }
    std::fs::write(image.path().join("etc/debian_version"), "12.0\n").unwrap();
    let other = TestPki::new().root.certificate.to_pem();
    std::fs::write(image.path().join("etc/ca-certificates.conf"), "other.crt\n").unwrap();
    std::fs::write(image.path().join("usr/share/ca-certificates/other.crt"), &other).unwrap();
    let host = Host { root: Some(image.path().to_owned()), ..Host::default() };
    let stores = detect(&host);
    assert_eq!(stores.len(), 1);
    let (store, root) = (&stores[0], root());
    assert_eq!(store.kind, StoreKind::Debian);

    perform(&store.install(&root, image.path())).unwrap();
    assert_eq!(installed(store).unwrap(), [root.name()]);
    let bundle = image.path().join("etc/ssl/certs/ca-certificates.crt");
    let text = std::fs::read_to_string(&bundle).unwrap();
    assert!(text.contains(root.certificate().to_pem().trim()), "{text}");

    perform(&store.remove(&root)).unwrap();
    assert!(installed(store).unwrap().is_empty());
    assert_eq!(std::fs::read_to_string(&bundle).unwrap().trim(), other.trim());
}

#[test]
fn a_database_of_nss_gets_a_root_and_loses_it_again() {
    if !available("certutil") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join(".pki/nssdb");
    std::fs::create_dir_all(&place).unwrap();
    let database = format!("sql:{}", place.display());
    let make = ["certutil", "-d", &database, "-N", "--empty-password"].map(str::to_owned);
    run(&make).unwrap();
    let host = Host {
        root: Some(home.path().to_owned()),
        home: Some(home.path().to_owned()),
        java_home: None,
    };
    let stores = detect(&host);
    assert_eq!(stores, [Store { kind: StoreKind::Nss, place, root: host.root.clone() }]);
    let root = root();
    perform(&stores[0].install(&root, home.path())).unwrap();
    assert_eq!(installed(&stores[0]).unwrap(), [root.name()]);
    assert!(!home.path().join(format!("{}.pem", root.name())).exists());
    perform(&stores[0].remove(&root)).unwrap();
    assert!(installed(&stores[0]).unwrap().is_empty());
}

#[test]
fn a_store_of_java_gets_a_root_and_loses_it_again() {
    if !available("keytool") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let store = Store { kind: StoreKind::Jvm, place: home.path().join("cacerts"), root: None };
    let root = root();
    perform(&store.install(&root, home.path())).unwrap();
    assert_eq!(installed(&store).unwrap(), [root.name()]);
    perform(&store.remove(&root)).unwrap();
    assert!(installed(&store).unwrap().is_empty());
}

#[test]
fn the_other_systems_have_plans() {
    let root = root();
    let name = root.name();
    let plan = |kind, host: &Host| {
        let store = host.usual(kind);
        let install = shown(&store.install(&root, Path::new("/tmp")));
        (install, shown(&store.remove(&root)))
    };
    let here = Host::default();
    let (install, remove) = plan(StoreKind::Redhat, &here);
    let file = format!("/etc/pki/ca-trust/source/anchors/{name}.pem");
    assert_eq!(install, [format!("write   {file}"), "run     update-ca-trust extract".into()]);
    assert_eq!(remove, [format!("remove  {file}"), "run     update-ca-trust extract".into()]);

    let image = Host { root: Some("/mnt/image".into()), ..Host::default() };
    let (install, _) = plan(StoreKind::Alpine, &image);
    assert_eq!(
        install[0],
        format!("write   /mnt/image/usr/local/share/ca-certificates/{name}.crt")
    );
    assert_eq!(install[1], "run     chroot /mnt/image update-ca-certificates");

    let (install, remove) = plan(StoreKind::Macos, &here);
    assert_eq!(
        install[1],
        format!(
            "run     security add-trusted-cert -d -r trustRoot -k \
             /Library/Keychains/System.keychain /tmp/{name}.pem"
        )
    );
    assert!(remove[0].starts_with("run     security delete-certificate -Z "), "{remove:?}");

    let (install, remove) = plan(StoreKind::Windows, &here);
    assert_eq!(install[1], format!("run     certutil.exe -f -addstore Root /tmp/{name}.pem"));
    let thumbprint = Hex(&root.certificate().thumbprint()).to_string();
    assert_eq!(remove, [format!("run     certutil.exe -delstore Root {thumbprint}")]);
    assert_eq!(thumbprint.len(), 40);
}

#[test]
fn where_roots_bear_no_name_nothing_is_said_to_be_there() {
    for kind in [StoreKind::Macos, StoreKind::Windows] {
        let error = installed(&Host::default().usual(kind)).unwrap_err();
        assert!(matches!(error, StoreError::NoNames), "{error}");
    }
}

#[test]
fn a_plan_is_shown_as_a_shell_reads_it() {
    let words = ["it's", "$(reboot)", "a b", "", "sql:/x", "C,,", "`x`", "a&b", "a\nb", "\\"];
    let argv = std::iter::once("printf").chain(["%s|"]).chain(words).map(str::to_owned);
    let shown = Step::Run { argv: argv.collect() }.to_string();
    let line = shown.strip_prefix("run     ").unwrap();
    let said = Command::new("sh").args(["-c", line]).output().unwrap();
    let wanted: String = words.iter().flat_map(|it| [it, "|"]).collect();
    assert_eq!(String::from_utf8(said.stdout).unwrap(), wanted, "{line}");
}

#[test]
fn stores_are_called_by_their_names() {
    for (kind, name) in KINDS {
        assert_eq!(name.parse::<StoreKind>(), Ok(kind));
    }
    assert!("suse".parse::<StoreKind>().is_err());
}
