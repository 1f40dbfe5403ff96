//! One list of everything that an authority has revoked: from the database, signed, kept, out.

use std::io::{Cursor, Write as _};
use std::path::Path;
use std::time::Instant;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde_json::json;
use skink_x509::crl::{Crl, CrlNumber, CrlSpec, CrlWriter, EntryGrounds, Reason};
use skink_x509::{Certificate, Serial, SignatureAlgorithm};
use tokio::process::Command;

use crate::cores::Core;
use crate::error::BenchError;
use crate::ground::{ask, folder, ground, not_understood, one};
use crate::load::{float, median};
use crate::process::{self, succeed};
use crate::row::Row;
use crate::skink::{AUTHORITY, Home};
use crate::{Options, say};

const FULL: usize = 1_000_000;
const QUICK: usize = 100_000;
const ROUNDS: usize = 3;
/// How many times the peer's rate: the whole, and the encoder alone.
const FLOOR: f64 = 8.0;
const ENCODER_FLOOR: f64 = 30.0;
/// MiB of memory that a list may take, and those of SQLite's page caches on the way: 32 of the
/// connection that writes, as the server sets it, and 2 of the one that reads.
const MEMORY_MOST: f64 = 64.0;
const PAGE_CACHES: f64 = 32.0 + 2.0;

/// The whole, its memory, and the encoder alone, beside `openssl ca -gencrl` over the same serials.
pub(crate) async fn measure(options: &Options, dir: &Path) -> Result<Vec<Row>, BenchError> {
    let count = if options.quick { QUICK } else { FULL };
    let ours = folder(dir, "crl")?;
    let home = Home::make(&options.skink, &ours, None, 1).await?;
    let ground = ground(&home, count, Core::Any).await?;
    ground.revoke_all().await?;
    let (mut seconds, mut memory) = (Vec::new(), Vec::new());
    for number in 0..ROUNDS {
        let made = one(&ground.skink, &format!("crl-{number}")).await?;
        let path = format!("/api/v1/certificates/{}/revoke", made.id);
        let before = process::memory_mib(ground.skink.pid(), "VmRSS")?;
        process::forget_peak(ground.skink.pid())?;
        let began = Instant::now();
        ground.revoke(&path, &json!({"reason": "superseded"})).await?;
        seconds.push(began.elapsed().as_secs_f64());
        memory.push(process::memory_mib(ground.skink.pid(), "VmHWM")? - before);
    }
    let path = format!("/crl/{AUTHORITY}/p0.crl");
    let public = &ground.skink.public;
    let answer = ask(public, &public.request("GET", &path, b"")).await?;
    let list = Crl::from_der(&answer.body).map_err(|_| not_understood("no list"))?;
    let verified = list.verify_signed_by(ground.issuer.public_key());
    verified.map_err(|_| not_understood("a list that does not verify"))?;
    if list.len() <= count {
        return Err(not_understood("a list without some of the serials"));
    }
    ground.skink.stop().await?;
    let encoder = median(
        &(0..ROUNDS)
            .map(|_| encoder(&ground.issuer, &ground.serials))
            .collect::<Result<Vec<_>, _>>()?,
    );
    let whole = median(&seconds);
    let work = format!("crl: {count} entries from the database, signed, kept, out");
    let mut row = Row::alone(work, whole, "s");
    let mut alone = Row::alone(format!("crl: encoder alone, {count} entries"), encoder, "s");
    if !options.alone {
        let peer = openssl(&folder(dir, "crl-peer")?, &ground.serials).await?;
        let whom = "openssl ca -gencrl";
        row = row.beside(whom, peer, peer / whole).at_least(FLOOR);
        alone = alone.beside(whom, peer, peer / encoder).at_least(ENCODER_FLOOR);
    }
    let most = MEMORY_MOST + PAGE_CACHES;
    let memory = memory.into_iter().fold(0.0, f64::max);
    let work =
        format!("crl: memory of the server for {count} entries, {PAGE_CACHES} of page cache");
    Ok(vec![row, alone, Row::alone(work, memory, "MiB").at_most(most)])
}

/// Seconds to encode, digest, sign and write a list of these serials to a file.
fn encoder(issuer: &Certificate, serials: &[Serial]) -> Result<f64, BenchError> {
    let failed = |error: &dyn std::fmt::Display| BenchError::Material(error.to_string());
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|e| failed(&e))?;
    let file = tempfile::tempfile().map_err(BenchError::file("make a file for a list"))?;
    let at = issuer.not_before();
    let grounds =
        EntryGrounds { revoked_at: at, reason: Some(Reason::KeyCompromise), invalidity_date: None };
    let spec = CrlSpec {
        issuer: issuer.subject().clone(),
        signature_algorithm: SignatureAlgorithm::EcdsaSha256,
        this_update: at,
        next_update: issuer.not_after(),
        number: CrlNumber::from_u64(1),
        authority_key_id: issuer.subject_key_id().unwrap_or_default().to_vec(),
        issuing_distribution_point: None,
    };
    let began = Instant::now();
    let mut writer =
        CrlWriter::new(&spec, Cursor::new(Vec::new())).map_err(|error| failed(&error))?;
    for serial in serials {
        writer.push_value(serial.as_be_bytes(), grounds).map_err(|error| failed(&error))?;
    }
    let mut unsigned = writer.finish().map_err(|error| failed(&error))?;
    let digest = unsigned.tbs_digest().map_err(|error| failed(&error))?;
    let digest = digest.ok_or_else(|| not_understood("no digest"))?;
    let signature = key.sign_digest(&digest).map_err(|error| failed(&error))?;
    let mut out = std::io::BufWriter::new(file);
    unsigned.write_signed(signature.as_ref(), &mut out).map_err(|error| failed(&error))?;
    out.flush().map_err(BenchError::file("write a list"))?;
    Ok(began.elapsed().as_secs_f64())
}

/// Seconds that OpenSSL takes for a list of the same serials, from its own kind of database.
async fn openssl(dir: &Path, serials: &[Serial]) -> Result<f64, BenchError> {
    let failed = BenchError::file;
    say("crl: openssl ca -gencrl");
    let mut index = String::with_capacity(serials.len() * 120);
    for serial in serials {
        index.push_str("R\t271231235959Z\t261124030000Z,keyCompromise\t");
        index.push_str(&serial.to_hex().to_uppercase());
        index.push_str("\tunknown\t/CN=seed\n");
    }
    let write = |name: &str, text: &str| {
        fs_err::write(dir.join(name), text).map_err(failed("write the peer's database"))
    };
    write("index.txt", &index)?;
    write("crlnumber", "01\n")?;
    write(
        "ca.cnf",
        "[ca]\ndefault_ca = d\n[d]\ndatabase = index.txt\ncrlnumber = crlnumber\n\
         default_md = sha256\ndefault_crl_days = 7\nunique_subject = no\ncrl_extensions = e\n\
         [e]\nauthorityKeyIdentifier = keyid\n",
    )?;
    let command = |args: &[&str]| {
        let mut command = Command::new("openssl");
        command.args(args).current_dir(dir);
        command
    };
    succeed(command(&[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-subj",
        "/CN=bench",
        "-days",
        "30",
    ]))
    .await?;
    let mut seconds = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        succeed(command(&[
            "ca", "-config", "ca.cnf", "-gencrl", "-keyfile", "ca.key", "-cert", "ca.pem", "-out",
            "crl.pem",
        ]))
        .await?;
        seconds.push(began.elapsed().as_secs_f64());
    }
    say(&format!("crl: openssl took {:.2} s for {}", median(&seconds), float(serials.len())));
    Ok(median(&seconds))
}
