//! Certificates signed over the HTTP API, stored durably; distinct keys and names.

use std::path::Path;

use crate::cores::Core;
use crate::error::BenchError;
use crate::http::Answer;
use crate::load::{Keep, Round, float, median, round};
use crate::material::{Wanted, requests};
use crate::openbao::{self, OpenBao};
use crate::row::Row;
use crate::rows::crypto;
use crate::skink::Skink;
use crate::{Options, say};

/// How many times the peer's rate.
const FLOOR: f64 = 6.0;
/// How much of the server's time the cryptography is.
const CRYPTO_FLOOR: f64 = 0.5;

struct Sizes {
    rounds: usize,
    ours: usize,
    theirs: usize,
}

const QUICK: Sizes = Sizes { rounds: 3, ours: 10_000, theirs: 2_000 };
const FULL: Sizes = Sizes { rounds: 5, ours: 30_000, theirs: 8_000 };
/// Requests that nobody counts: statements are prepared, caches filled.
const WARMING: usize = 500;

/// Both sides in turn, and the cryptography alone.
pub(crate) async fn measure(options: &Options, dir: &Path) -> Result<Vec<Row>, BenchError> {
    let sizes = if options.quick { QUICK } else { FULL };
    let (ours, theirs) = (dir.join("skink"), dir.join("openbao"));
    for folder in [&ours, &theirs] {
        fs_err::create_dir_all(folder).map_err(BenchError::file("make a server's folder"))?;
    }
    say("issue: starting the servers");
    let skink = Skink::start(&options.skink, &ours).await?;
    let bao = if options.alone { None } else { Some(OpenBao::start(&theirs, Core::Server).await?) };
    let warming = requests("warming", WARMING)?;
    let crypto_us = crypto::microseconds(&warming)?;
    our_round(options, &skink, &warming).await?;
    if let Some(bao) = &bao {
        their_round(options, bao, &warming).await?;
    }
    let (mut own, mut peer) = (Vec::new(), Vec::new());
    for number in 0..sizes.rounds {
        let wanted = requests(&format!("skink-{number}"), sizes.ours)?;
        own.push(our_round(options, &skink, &wanted).await?);
        if let Some(bao) = &bao {
            let wanted = requests(&format!("bao-{number}"), sizes.theirs)?;
            peer.push(their_round(options, bao, &wanted).await?);
        }
    }
    say(&format!("issue: the database has {} KiB", skink.database_bytes() / 1024));
    skink.stop().await?;
    if let Some(bao) = bao {
        bao.stop().await?;
    }
    Ok(rows(options, &sizes, &own, &peer, crypto_us))
}

fn rows(
    options: &Options,
    sizes: &Sizes,
    own: &[Round],
    peer: &[Round],
    crypto_us: f64,
) -> Vec<Row> {
    let of = |rounds: &[Round], part: fn(&Round) -> f64| {
        median(&rounds.iter().map(part).collect::<Vec<_>>())
    };
    let work = format!(
        "issue: P-256 over HTTPS, durable, {} x {}, {} connections",
        sizes.rounds, sizes.ours, options.connections
    );
    let rate = of(own, |round| round.rate);
    let mut issue = Row::alone(work, rate, "/s");
    if !peer.is_empty() {
        let theirs = of(peer, |round| round.rate);
        let whom = format!(
            "{} pki/sign, raft, no TLS, {} x {}",
            openbao::WHOM,
            sizes.rounds,
            sizes.theirs
        );
        issue = issue.beside(whom, theirs, rate / theirs).at_least(FLOOR);
    }
    let server_us = of(own, |round| round.server_us);
    let crypto = Row::alone("crypto: CPU time for one of these".to_owned(), server_us, "µs")
        .beside("verify, throwaway, sign, verify alone", crypto_us, crypto_us / server_us)
        .at_least(CRYPTO_FLOOR);
    let mut rows = vec![issue, crypto];
    if options.wants("issue") {
        rows.push(Row::alone("issue: p50".to_owned(), of(own, |round| round.p50_ms), "ms"));
        rows.push(Row::alone("issue: p99".to_owned(), of(own, |round| round.p99_ms), "ms"));
        let own_us = of(own, |round| round.own_us);
        rows.push(Row::alone("issue: generator's CPU time for one".to_owned(), own_us, "µs"));
    }
    rows.retain(|row| row.work.split(':').next().is_some_and(|name| options.wants(name)));
    rows
}

pub(super) async fn our_round(
    options: &Options,
    skink: &Skink,
    wanted: &[Wanted],
) -> Result<Round, BenchError> {
    let made = wanted.iter().map(|one| skink.issue(one)).collect::<Result<_, _>>()?;
    let round = round(&skink.target, options.connections, skink.pid(), made, Keep::Last).await?;
    told("skink", wanted, &round);
    hold(wanted, &round.kept, Skink::issued)?;
    Ok(round)
}

async fn their_round(
    options: &Options,
    bao: &OpenBao,
    wanted: &[Wanted],
) -> Result<Round, BenchError> {
    let made = wanted.iter().map(|one| bao.sign(one)).collect();
    let round = round(&bao.target, options.connections, bao.pid(), made, Keep::Last).await?;
    told(openbao::WHOM, wanted, &round);
    hold(wanted, &round.kept, OpenBao::signed)?;
    Ok(round)
}

fn told(whom: &str, wanted: &[Wanted], round: &Round) {
    let Round { rate, server_us, own_us, p50_ms, p99_ms, .. } = round;
    let busy = server_us * rate / 10_000.0;
    say(&format!(
        "issue: {whom}: {} at {rate:.0}/s; server {server_us:.0} µs each ({busy:.0} % of its core), \
         generator {own_us:.0} µs; p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms",
        float(wanted.len())
    ));
}

/// The certificates are for the keys that were asked for.
fn hold(
    wanted: &[Wanted],
    last: &[(usize, Answer)],
    read: fn(&Answer) -> Result<skink_x509::Certificate, BenchError>,
) -> Result<(), BenchError> {
    for (number, answer) in last {
        let certificate = read(answer)?;
        let asked = wanted.get(*number).map(|one| one.csr.public_key().digest());
        if asked != Some(certificate.public_key().digest()) {
            let what = "a certificate for another key".to_owned();
            return Err(BenchError::Answer { whom: "a server".to_owned(), what });
        }
    }
    Ok(())
}
