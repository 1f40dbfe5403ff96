//! OCSP over HTTP: serials drawn from many certificates, asked by GET, with and without a nonce.

use std::path::Path;
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use serde_json::json;
use skink_x509::ocsp::{CertStatus, OcspResponse};
use skink_x509::{Certificate, Serial};

use crate::cores::Core;
use crate::error::BenchError;
use crate::ground::{Ground, ask, ground, not_understood, one};
use crate::http::{Answer, Target};
use crate::load::{Keep, Round, float, median, round};
use crate::material::requests;
use crate::openbao::{self, OpenBao};
use crate::row::Row;
use crate::skink::{AUTHORITY, Home, Skink, certificate};
use crate::status::{path, request, status};
use crate::{Options, say};

struct Sizes {
    certificates: usize,
    asked: usize,
    theirs: usize,
}

const QUICK: Sizes = Sizes { certificates: 100_000, asked: 20_000, theirs: 4_000 };
const FULL: Sizes = Sizes { certificates: 1_000_000, asked: 50_000, theirs: 20_000 };
/// Questions that nobody counts.
const WARMING: usize = 500;
/// How often answers that are remembered are asked for.
const AGAIN: usize = 3;
/// How many times the peer's rate.
const FIRST: f64 = 3.0;
const CACHED: f64 = 6.0;
const NONCE: f64 = 2.0;
/// Seconds until a revocation is in the answers.
const STALE: f64 = 1.0;
const NONCE_BYTES: usize = 16;

/// The rates of one side.
struct Rates {
    first: f64,
    cached: f64,
    nonce: f64,
}

/// Both sides, one after the other; the peer has fewer certificates, each issued by itself.
pub(crate) async fn measure(options: &Options, dir: &Path) -> Result<Vec<Row>, BenchError> {
    let sizes = if options.quick { QUICK } else { FULL };
    let (ours, theirs) = (dir.join("ocsp"), dir.join("ocsp-peer"));
    for folder in [&ours, &theirs] {
        fs_err::create_dir_all(folder).map_err(BenchError::file("make a server's folder"))?;
    }
    let (own, stale) = own(options, &ours, &sizes).await?;
    let peer = if options.alone { None } else { Some(peer(options, &theirs, sizes.theirs).await?) };
    let whom = format!("{} pki/ocsp, {} certificates, raft", openbao::WHOM, sizes.theirs);
    let row = |what: &str, rate: f64, theirs: Option<f64>, floor: f64| {
        let work = format!(
            "ocsp: {what}, {} of {} serials, GET, SQLite, {} connections",
            sizes.asked, sizes.certificates, options.connections
        );
        let row = Row::alone(work, rate, "/s");
        match theirs {
            Some(theirs) => row.beside(whom.clone(), theirs, rate / theirs).at_least(floor),
            None => row,
        }
    };
    let of = |part: fn(&Rates) -> f64| peer.as_ref().map(part);
    let rows = vec![
        row("first answer", own.first, of(|rates| rates.first), FIRST),
        row("answered before", own.cached, of(|rates| rates.cached), CACHED),
        row("with nonce", own.nonce, of(|rates| rates.nonce), NONCE),
        Row::alone("ocsp: from a revocation to `revoked`".to_owned(), stale, "s").at_most(STALE),
    ];
    Ok(rows)
}

async fn own(options: &Options, dir: &Path, sizes: &Sizes) -> Result<(Rates, f64), BenchError> {
    let home = Home::make(&options.skink, dir, None, 1).await?;
    let ground = ground(&home, sizes.certificates, Core::Server).await?;
    let side = Side::own(&ground, options.connections);
    let Ground { skink, serials, .. } = ground;
    // Spread over all of them, each once: random serials in the order of their making.
    let step = (sizes.certificates / (sizes.asked + WARMING)).max(1);
    let drawn: Vec<&Serial> = serials.iter().step_by(step).collect();
    let rates = side.rates(&drawn, sizes.asked).await?;
    let stale = stale(&skink, &side).await?;
    skink.stop().await?;
    Ok((rates, stale))
}

async fn peer(options: &Options, dir: &Path, count: usize) -> Result<Rates, BenchError> {
    let bao = OpenBao::start(dir, Core::Server).await?;
    let wanted = requests("ocsp", count + WARMING)?;
    let made = wanted.iter().map(|one| bao.sign(one)).collect();
    say(&format!("ocsp: {} issues {count} certificates", openbao::WHOM));
    let answers = round(&bao.target, options.connections, bao.pid(), made, Keep::All).await?;
    let (_, first) = answers.kept.first().ok_or_else(|| not_understood("no answer"))?;
    let issuer = certificate(openbao::WHOM, first, "/data/issuing_ca")?;
    let serials = answers.kept.iter().map(|(_, answer)| OpenBao::signed(answer));
    let serials = serials.map(|one| Ok(one?.serial().clone()));
    let serials = serials.collect::<Result<Vec<Serial>, BenchError>>()?;
    let side = Side {
        target: Target { credential: String::new(), ..bao.target.clone() },
        base: "/v1/pki/ocsp/".to_owned(),
        pid: bao.pid(),
        issuer,
        connections: options.connections,
        repeats_nonce: false,
    };
    let rates = side.rates(&serials.iter().collect::<Vec<_>>(), count).await;
    bao.stop().await?;
    rates
}

/// A responder and how it is asked.
pub(super) struct Side {
    target: Target,
    base: String,
    pid: u32,
    issuer: Certificate,
    connections: usize,
    /// The peer leaves the nonce out of its answers; it is asked with one all the same.
    repeats_nonce: bool,
}

impl Side {
    pub(super) fn own(ground: &Ground, connections: usize) -> Self {
        Self {
            target: ground.skink.public.clone(),
            base: format!("/ocsp/{AUTHORITY}/"),
            pid: ground.skink.pid(),
            issuer: ground.issuer.clone(),
            connections,
            repeats_nonce: true,
        }
    }

    async fn rates(&self, drawn: &[&Serial], count: usize) -> Result<Rates, BenchError> {
        // Two slashes in a path are one to some servers.
        let fits = |serial: &&&Serial| {
            request(&self.issuer, serial, None).is_ok_and(|der| !path("", &der).contains("%2F%2F"))
        };
        let drawn: Vec<&Serial> = drawn.iter().filter(fits).copied().collect();
        let (warming, asked) = drawn.split_at(WARMING.min(drawn.len() / 2));
        let asked = &asked[..count.min(asked.len())];
        self.asked("warming", warming, false).await?;
        let first = self.asked("first", asked, false).await?.rate;
        let mut cached = Vec::new();
        for _ in 0..AGAIN {
            cached.push(self.asked("again", asked, false).await?.rate);
        }
        let cached = median(&cached);
        let nonce = self.asked("nonce", asked, true).await?.rate;
        Ok(Rates { first, cached, nonce })
    }

    /// Each of them once: all are good, and what was kept says so.
    pub(super) async fn asked(
        &self,
        what: &str,
        serials: &[&Serial],
        nonce: bool,
    ) -> Result<Round, BenchError> {
        let mut nonces = Vec::with_capacity(serials.len());
        let mut made = Vec::with_capacity(serials.len());
        for serial in serials {
            let drawn = if nonce { Some(random()?) } else { None };
            let der = request(&self.issuer, serial, drawn.clone())?;
            made.push(self.target.get(&path(&self.base, &der)));
            nonces.push(drawn);
        }
        let round = round(&self.target, self.connections, self.pid, made, Keep::Last).await?;
        self.told(what, serials.len(), &round);
        for (number, answer) in &round.kept {
            if status(answer, &self.issuer, serials[*number])? != CertStatus::Good {
                return Err(not_understood("OCSP calls a good serial something else"));
            }
            if self.repeats_nonce && nonce_of(answer) != nonces[*number] {
                return Err(not_understood("an answer without the nonce"));
            }
        }
        Ok(round)
    }

    fn told(&self, what: &str, count: usize, round: &Round) {
        let Round { rate, server_us, own_us, p50_ms, p99_ms, .. } = round;
        say(&format!(
            "ocsp: {}, {what}: {} at {rate:.0}/s; server {server_us:.0} µs each, generator \
             {own_us:.0} µs; p50 {p50_ms:.1} ms, p99 {p99_ms:.1} ms",
            self.target.whom,
            float(count)
        ));
    }
}

/// Seconds from the answer to a revocation until OCSP says so, of an answer that was remembered.
async fn stale(skink: &Skink, side: &Side) -> Result<f64, BenchError> {
    let made = one(skink, "revoked").await?;
    let serial = made.certificate.serial();
    let der = request(&side.issuer, serial, None)?;
    let question = side.target.get(&path(&side.base, &der));
    let is_good = async || {
        let answer = ask(&side.target, &question).await?;
        Ok::<_, BenchError>(status(&answer, &side.issuer, serial)? == CertStatus::Good)
    };
    for _ in 0..2 {
        if !is_good().await? {
            return Err(not_understood("OCSP calls a good serial something else"));
        }
    }
    let reason = json!({"reason": "superseded"}).to_string();
    let revoke = format!("/api/v1/certificates/{}/revoke", made.id);
    ask(&skink.target, &skink.target.request("POST", &revoke, reason.as_bytes())).await?;
    let began = Instant::now();
    while is_good().await? {
        if began.elapsed() > Duration::from_mins(1) {
            return Err(not_understood("OCSP does not hear of a revocation"));
        }
    }
    Ok(began.elapsed().as_secs_f64())
}

fn nonce_of(answer: &Answer) -> Option<Vec<u8>> {
    let basic = OcspResponse::from_der(&answer.body).ok()?.basic?;
    basic.nonce().map(<[u8]>::to_vec)
}

fn random() -> Result<Vec<u8>, BenchError> {
    let mut bytes = vec![0; NONCE_BYTES];
    rand::fill(&mut bytes).map_err(|error| BenchError::Material(error.to_string()))?;
    Ok(bytes)
}
