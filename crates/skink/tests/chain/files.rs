//! Containers and keys as OpenSSL writes them.

use serde_json::Value;

use crate::pki::{Pki, SECRET};

/// What `inspect` finds: kind and key digest of each thing.
fn found(pki: &Pki, file: &str) -> Vec<(String, Value)> {
    let args = format!("inspect {file} --passphrase-file pass --json");
    let told = pki.skink(&args).expect(0).json();
    let things = told.as_array().unwrap().iter();
    things.map(|it| (it["kind"].as_str().unwrap().to_owned(), it["key_sha256"].clone())).collect()
}

fn kinds(found: &[(String, Value)]) -> Vec<&str> {
    found.iter().map(|(kind, _)| kind.as_str()).collect()
}

#[test]
fn stores_of_every_age_are_opened() {
    let pki = Pki::new();
    let pass = format!("pass:{SECRET}");
    let export = ["pkcs12", "-export", "-inkey", "leaf.key", "-in", "leaf.pem"];
    for (name, more) in [
        ("new.p12", &["-passout", &pass, "-certfile", "inter.pem"][..]),
        ("old.p12", &["-legacy", "-passout", &pass, "-certfile", "inter.pem"]),
        ("empty.p12", &["-passout", "pass:", "-certfile", "inter.pem"]),
        (
            "mixed.p12",
            &[
                "-legacy",
                "-keypbe",
                "PBE-SHA1-RC2-128",
                "-certpbe",
                "PBE-SHA1-2DES",
                "-passout",
                &pass,
            ],
        ),
        ("bare.p12", &["-nomac", "-keypbe", "NONE", "-certpbe", "NONE", "-passout", "pass:"]),
        ("sha512.p12", &["-macalg", "sha512", "-passout", &pass]),
    ] {
        let args = [&export[..], more, &["-out", name]].concat();
        pki.openssl(&args);
        let found = found(&pki, name);
        let chain = more.contains(&"-certfile");
        let expected: &[&str] = if chain {
            &["certificate", "certificate", "private-key"]
        } else {
            &["certificate", "private-key"]
        };
        assert_eq!(kinds(&found), expected, "{name}");
        assert_eq!(found[0].1, found[found.len() - 1].1, "{name}: the key is the leaf's");
    }
    std::fs::write(pki.path("wrong"), "wrong").unwrap();
    let told = pki.skink("inspect new.p12 --passphrase-file wrong").expect(1);
    assert!(told.out().contains("the passphrase is not the right one"), "{}", told.out());
    let told = pki.skink("inspect new.p12").expect(1);
    assert!(told.out().contains("no passphrase was given"), "{}", told.out());
}

#[test]
fn keys_of_every_form_are_the_same_key() {
    let pki = Pki::new();
    let pass = format!("pass:{SECRET}");
    let topk8 = ["pkcs8", "-topk8", "-in", "leaf.key", "-passout", &pass];
    pki.openssl(&["ec", "-in", "leaf.key", "-out", "sec1.key"]);
    pki.openssl(&["ec", "-in", "leaf.key", "-outform", "DER", "-out", "sec1.der"]);
    for (name, more) in [
        ("pbes2.key", &["-v2", "aes-256-cbc"][..]),
        ("des3.key", &["-v2", "des3", "-v2prf", "hmacWithSHA1"]),
        ("v1.key", &["-v1", "PBE-SHA1-3DES"]),
        ("scrypt.key", &["-scrypt"]),
    ] {
        pki.openssl(&[&topk8[..], more, &["-out", name]].concat());
    }
    pki.openssl(&["pkey", "-in", "leaf.key", "-pubout", "-out", "public.pem"]);
    let files =
        "sec1.key sec1.der pbes2.key des3.key v1.key scrypt.key public.pem leaf.csr leaf.pem";
    let args = format!("match leaf.key {files} --passphrase-file pass --json");
    let told = pki.skink(&args).expect(0).json();
    assert_eq!(told["files"].as_array().unwrap().len(), 9);
    assert!(told["files"].as_array().unwrap().iter().all(|it| it["matches"] == true), "{told}");
    let told = pki.skink("match inter.key full.pem").expect(1);
    assert!(told.out().contains("the key belongs to inter"), "{}", told.out());
    pki.skink("match leaf.pem leaf.key").expect(2);
    for (algorithm, name) in [("RSA", "rsa"), ("ED25519", "ed")] {
        let (key, der) = (format!("{name}.key"), format!("{name}.der"));
        pki.openssl(&["genpkey", "-algorithm", algorithm, "-out", &key]);
        pki.openssl(&["pkey", "-in", &key, "-outform", "DER", "-out", &der]);
        pki.skink(&format!("match {key} {der}")).expect(0);
    }
    pki.openssl(&["rsa", "-in", "rsa.key", "-traditional", "-out", "pkcs1.key"]);
    pki.skink("match rsa.key pkcs1.key").expect(0);
    pki.openssl(&[
        "rsa",
        "-in",
        "rsa.key",
        "-traditional",
        "-aes128",
        "-passout",
        &pass,
        "-out",
        "dek.key",
    ]);
    let told = pki.skink("inspect dek.key --passphrase-file pass").expect(1);
    assert!(told.out().contains("OpenSSL's old encryption"), "{}", told.out());
}

#[test]
fn bundles_requests_and_lists_are_recognised() {
    let pki = Pki::new();
    std::fs::write(pki.path("index"), "").unwrap();
    std::fs::write(
        pki.path("ca.cnf"),
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index\ndefault_md=sha256\ndefault_crl_days=9\n",
    )
    .unwrap();
    let ca = ["ca", "-config", "ca.cnf", "-gencrl", "-keyfile", "inter.key", "-cert", "inter.pem"];
    pki.openssl(&[&ca[..], &["-out", "inter.crl"]].concat());
    let bundle = ["crl2pkcs7", "-in", "inter.crl", "-certfile", "full.pem"];
    pki.openssl(&[&bundle[..], &["-out", "bundle.p7"]].concat());
    pki.openssl(&[&bundle[..], &["-outform", "DER", "-out", "bundle.p7b"]].concat());
    for file in ["bundle.p7", "bundle.p7b"] {
        assert_eq!(kinds(&found(&pki, file)), ["certificate", "certificate", "crl"], "{file}");
    }
    let utf16: Vec<u8> = pki.read("full.pem").encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(pki.path("windows.pem"), utf16).unwrap();
    assert_eq!(kinds(&found(&pki, "windows.pem")), ["certificate"; 2]);
    assert_eq!(kinds(&found(&pki, "leaf.csr")), ["request"]);
    pki.openssl(&[
        "x509",
        "-in",
        "leaf.pem",
        "-trustout",
        "-addtrust",
        "serverAuth",
        "-out",
        "t.pem",
    ]);
    let told = pki.skink("inspect t.pem").expect(0);
    assert!(told.out().contains("TRUSTED CERTIFICATE"), "{}", told.out());
    pki.openssl(&[
        "ocsp",
        "-index",
        "index",
        "-rsigner",
        "inter.pem",
        "-rkey",
        "inter.key",
        "-CA",
        "inter.pem",
        "-issuer",
        "inter.pem",
        "-cert",
        "leaf.pem",
        "-respout",
        "leaf.ocsp",
    ]);
    assert_eq!(kinds(&found(&pki, "leaf.ocsp")), ["ocsp-response"]);
}
