use std::io::Cursor;
use std::process::Command;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::fixture::{Hierarchy, Key, NOW};
use crate::{Certificate, Serial, SignatureAlgorithm, Time, assemble, oid};

fn spec(authority: &Certificate) -> CrlSpec {
    CrlSpec {
        issuer: authority.subject().clone(),
        signature_algorithm: SignatureAlgorithm::EcdsaSha256,
        this_update: NOW,
        next_update: NOW.plus(Duration::from_hours(168)),
        number: CrlNumber::from_u64(7),
        authority_key_id: authority.subject_key_id().unwrap().to_vec(),
        issuing_distribution_point: None,
    }
}

fn entry(serial: u32, reason: Option<Reason>, invalidity_date: Option<Time>) -> RevokedEntry {
    let serial = Serial::from_be_bytes(&serial.to_be_bytes()).unwrap();
    RevokedEntry { serial, revoked_at: NOW, reason, invalidity_date }
}

fn entries() -> Vec<RevokedEntry> {
    vec![
        entry(5, None, None),
        entry(0x80, Some(Reason::KeyCompromise), None),
        entry(0x1_0000, Some(Reason::CaCompromise), Some(NOW.minus(Duration::from_hours(1)))),
        entry(0x1_0001, None, Some(NOW)),
    ]
}

fn crl(key: &Key, spec: &CrlSpec, entries: Vec<RevokedEntry>) -> Crl {
    Crl::from_der(&key.finish(&encode_tbs(spec, entries).unwrap())).unwrap()
}

#[test]
fn what_was_written_is_read_back() {
    let hierarchy = Hierarchy::new();
    let mut spec = spec(&hierarchy.root);
    let uri = "http://pki.example/crl/root/workloads-g1.crl";
    let point = IssuingDistributionPoint::at(uri).containing(Contains::AuthorityCertificates);
    spec.issuing_distribution_point = Some(point.clone());
    let crl = crl(&hierarchy.root_key, &spec, entries());
    assert_eq!(crl.entries().collect::<Vec<_>>(), entries());
    assert_eq!((crl.len(), crl.is_empty()), (4, false));
    assert_eq!(crl.find(&entries()[2].serial), Some(entries()[2].clone()));
    assert_eq!(crl.find(&Serial::from_be_bytes(&[6]).unwrap()), None);
    assert_eq!(crl.issuer(), hierarchy.root.subject());
    assert_eq!(crl.number(), Some(&CrlNumber::from_u64(7)));
    assert_eq!((crl.this_update(), crl.next_update()), (spec.this_update, Some(spec.next_update)));
    assert_eq!(crl.authority_key_id(), hierarchy.root.subject_key_id());
    assert_eq!(crl.issuing_distribution_point(), Some(&point));
    assert!(crl.unknown_critical_extensions().is_empty());
    let idp = crl.extensions().iter().find(|e| e.oid == oid::ISSUING_DISTRIBUTION_POINT);
    assert!(idp.unwrap().critical);
    crl.verify_signed_by(&hierarchy.root_key.public).unwrap();
    assert!(crl.verify_signed_by(&hierarchy.issuer_key.public).is_err());
    assert_eq!(Crl::all_from_pem(&crl.to_pem()).unwrap(), [crl]);
}

#[test]
fn streamed_and_assembled_bytes_are_the_same() {
    let hierarchy = Hierarchy::new();
    let spec = spec(&hierarchy.root);
    for count in [0, 1, 3, 4000] {
        let entries: Vec<_> =
            (1..=count).map(|n| entry(n, Some(Reason::Superseded), None)).collect();
        let tbs = encode_tbs(&spec, entries.clone()).unwrap();
        let mut writer = CrlWriter::new(&spec, tempfile::tempfile().unwrap()).unwrap();
        for entry in &entries {
            writer.push(entry).unwrap();
        }
        let mut unsigned = writer.finish().unwrap();
        assert_eq!((unsigned.entries(), unsigned.tbs_len()), (u64::from(count), tbs.len()));
        let digest = unsigned.tbs_digest().unwrap().unwrap();
        assert_eq!(digest.as_ref(), crate::digest::sha256(&tbs));
        let signature = hierarchy.root_key.sign(&tbs);
        let mut der = Vec::new();
        unsigned.write_signed(&signature, &mut der).unwrap();
        assert_eq!(der, assemble(&tbs, spec.signature_algorithm, &signature).unwrap());
        assert_eq!(Crl::from_der(&der).unwrap().len(), entries.len());
    }
}

#[test]
fn no_spool_bytes_are_lost_unnoticed() {
    let hierarchy = Hierarchy::new();
    let mut spool = Cursor::new(Vec::new());
    let mut writer = CrlWriter::new(&spec(&hierarchy.root), &mut spool).unwrap();
    writer.push(&entry(1, None, None)).unwrap();
    assert!(writer.push(&entry(1, None, None)).is_err(), "a serial twice");
    let mut unsigned = writer.finish().unwrap();
    assert!(unsigned.tbs_der().is_ok());
    drop(unsigned);
    let mut writer = CrlWriter::new(&spec(&hierarchy.root), Truncating(spool)).unwrap();
    writer.push(&entry(1, None, None)).unwrap();
    assert!(writer.finish().unwrap().tbs_der().is_err());
}

/// A spool that forgets what is written to it.
struct Truncating(Cursor<Vec<u8>>);

impl std::io::Write for Truncating {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.get_mut().clear();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl std::io::Read for Truncating {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(into)
    }
}

impl std::io::Seek for Truncating {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn impossible_lists_are_refused() {
    let hierarchy = Hierarchy::new();
    let mut spec = spec(&hierarchy.root);
    assert!(encode_tbs(&spec, [entry(1, Some(Reason::RemoveFromCrl), None)]).is_err());
    spec.next_update = spec.this_update;
    assert!(encode_tbs(&spec, []).is_err());
}

#[test]
fn openssl_checks_the_chain_against_the_lists() {
    let hierarchy = Hierarchy::new();
    let Hierarchy { root, issuer, leaf, root_key, issuer_key, .. } = &hierarchy;
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(dir.path().join(name), text).unwrap();
    let partition = |certificate: &Certificate| {
        let uri = &certificate.crl_distribution_points()[0];
        let point = Some(IssuingDistributionPoint::at(uri));
        crl(root_key, &CrlSpec { issuing_distribution_point: point, ..spec(root) }, Vec::new())
    };
    write("root.pem", root.to_pem());
    write("issuer.pem", issuer.to_pem());
    write("leaf.pem", leaf.to_pem());
    let at = (NOW.as_secs() + 60).to_string();
    let verify = |revoked: Vec<RevokedEntry>| {
        let of_issuer = crl(issuer_key, &spec(issuer), revoked);
        let of_root = partition(root).to_pem() + &partition(issuer).to_pem();
        write("crls.pem", of_root + &of_issuer.to_pem());
        let output = Command::new("openssl")
            .args(["verify", "-x509_strict", "-extended_crl", "-crl_check_all", "-attime", &at])
            .args(["-CRLfile", "crls.pem", "-CAfile", "root.pem", "-untrusted", "issuer.pem"])
            .arg("leaf.pem")
            .current_dir(dir.path())
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (accepted, said) = verify(entries());
    assert!(accepted, "{said}");
    let mut revoked = entries();
    revoked.push(RevokedEntry {
        serial: leaf.serial().clone(),
        ..entry(0, Some(Reason::KeyCompromise), None)
    });
    let (accepted, said) = verify(revoked);
    assert!(!accepted && said.contains("certificate revoked"), "{said}");
}

#[test]
fn webpki_reads_the_list_and_finds_the_entry() {
    let hierarchy = Hierarchy::new();
    let crl = crl(&hierarchy.root_key, &spec(&hierarchy.root), entries());
    let other = webpki::BorrowedCertRevocationList::from_der(crl.der()).unwrap();
    let other = webpki::CertRevocationList::from(other);
    let found = other.find_serial(&[0, 0x80]).unwrap().unwrap();
    assert_eq!(found.reason_code, Some(webpki::RevocationReason::KeyCompromise));
    assert!(other.find_serial(&[6]).unwrap().is_none());
}

/// What webpki says about the leaf, every certificate of the path checked against these lists.
fn webpki_verdict(hierarchy: &Hierarchy, lists: &[Crl]) -> Result<(), webpki::Error> {
    let der = |c: &Certificate| rustls_pki_types::CertificateDer::from(c.der().to_vec());
    let root = der(&hierarchy.root);
    let anchor = webpki::anchor_from_trusted_cert(&root).unwrap();
    let (issuer, leaf) = (der(&hierarchy.issuer), der(&hierarchy.leaf));
    let lists: Vec<webpki::CertRevocationList<'_>> = lists
        .iter()
        .map(|list| webpki::OwnedCertRevocationList::from_der(list.der()).unwrap().into())
        .collect();
    let lists: Vec<_> = lists.iter().collect();
    let revocation = webpki::RevocationOptionsBuilder::new(&lists).unwrap().build();
    let now = Duration::from_secs(NOW.as_secs().try_into().unwrap());
    webpki::EndEntityCert::try_from(&leaf)
        .unwrap()
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &[anchor],
            &[issuer],
            rustls_pki_types::UnixTime::since_unix_epoch(now),
            webpki::KeyUsage::server_auth(),
            Some(revocation),
            None,
        )
        .map(drop)
}

#[test]
fn webpki_checks_the_chain_against_the_lists() {
    let hierarchy = Hierarchy::new();
    let scoped = |key: &Key, authority: &Certificate, of: &Certificate, revoked: bool| {
        let uri = &of.crl_distribution_points()[0];
        let point = Some(IssuingDistributionPoint::at(uri));
        let spec = CrlSpec { issuing_distribution_point: point, ..spec(authority) };
        let entry = RevokedEntry {
            serial: of.serial().clone(),
            ..entry(0, Some(Reason::CaCompromise), Some(NOW))
        };
        crl(key, &spec, if revoked { vec![entry] } else { Vec::new() })
    };
    let Hierarchy { root, issuer, leaf, root_key, issuer_key, .. } = &hierarchy;
    let verdict = |issuer_revoked, leaf_revoked| {
        let partition = scoped(root_key, root, issuer, issuer_revoked);
        let own = scoped(issuer_key, issuer, leaf, leaf_revoked);
        webpki_verdict(&hierarchy, &[partition, own])
    };
    assert_eq!(verdict(false, false), Ok(()));
    assert_eq!(verdict(false, true), Err(webpki::Error::CertRevoked));
    assert_eq!(verdict(true, false), Err(webpki::Error::CertRevoked));
}

#[test]
fn numbers_are_ordered_by_value_and_count_on() {
    let big = CrlNumber::from_be_bytes(&[&[0x40][..], &[0; 18]].concat()).unwrap();
    assert!(big > CrlNumber::from_u64(u64::MAX));
    assert_eq!(big.to_u64(), None);
    assert_eq!(big.to_string().parse::<CrlNumber>().unwrap(), big);
    assert_eq!(
        CrlNumber::from_u64(u64::MAX).successor().unwrap().as_be_bytes(),
        [1, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    assert_eq!(CrlNumber::from_u64(0).successor().unwrap().to_u64(), Some(1));
    assert_eq!(CrlNumber::from_u64(300).to_string(), "300");
    assert!(
        CrlNumber::from_be_bytes(&[&[0x7f][..], &[0xff; 19]].concat())
            .unwrap()
            .successor()
            .is_err()
    );
}

#[test]
fn reasons_have_names_and_codes() {
    for code in 0..=11 {
        let reason = Reason::from_code(code);
        assert_eq!(reason.is_some(), code != 7 && code != 11);
        if let Some(reason) = reason {
            assert_eq!(reason.code(), code);
            assert_eq!(reason.as_str().parse(), Ok(reason));
        }
    }
    assert_eq!(Reason::CaCompromise.as_str(), "cACompromise");
    assert!("cacompromise".parse::<Reason>().is_err());
}

#[test]
fn many_entries_need_little_memory_and_time() {
    let hierarchy = Hierarchy::new();
    let mut writer = CrlWriter::new(&spec(&hierarchy.root), tempfile::tempfile().unwrap()).unwrap();
    let count: u32 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    let begun = std::time::Instant::now();
    for n in 1..=count {
        writer.push(&entry(n, Some(Reason::CaCompromise), None)).unwrap();
        assert!(writer.buffered() <= 80 * 1024);
    }
    let mut unsigned = writer.finish().unwrap();
    unsigned.tbs_digest().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutations_never_panic_nor_verify(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        static CRL: std::sync::LazyLock<(Crl, Key)> = std::sync::LazyLock::new(|| {
            let hierarchy = Hierarchy::new();
            let mut spec = spec(&hierarchy.root);
            spec.issuing_distribution_point = Some(IssuingDistributionPoint::at("http://a/b.crl"));
            (crl(&hierarchy.root_key, &spec, entries()), hierarchy.root_key)
        });
        let mut der = CRL.0.der().to_vec();
        for (at, byte) in edits {
            let at = at.index(der.len());
            der[at] = byte;
        }
        if let Ok(crl) = Crl::from_der(&der) {
            let _ = (crl.entries().count(), crl.find(&entries()[1].serial));
            prop_assert!(crl == CRL.0 || crl.verify_signed_by(&CRL.1.public).is_err());
        }
    }
}
