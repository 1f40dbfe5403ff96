//! Every certificate of one authority revoked: committed, in the list that is out, in OCSP's answers.

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use aws_lc_rs::rand;
use skink_x509::Serial;
use skink_x509::crl::Crl;
use skink_x509::ocsp::CertStatus;

use crate::cores::Core;
use crate::error::BenchError;
use crate::ground::{Ground, ask, folder, ground, not_understood};
use crate::load::{Keep, float, round};
use crate::material::requests;
use crate::openbao::{self, OpenBao};
use crate::postgres::Postgres;
use crate::row::Row;
use crate::skink::{AUTHORITY, Home};
use crate::status::{question, status};
use crate::{Options, say};

struct Sizes {
    certificates: usize,
    theirs: usize,
}

const QUICK: Sizes = Sizes { certificates: 20_000, theirs: 300 };
const FULL: Sizes = Sizes { certificates: 100_000, theirs: 2_000 };
/// Seconds for a hundred thousand; fewer may take as long.
const FILE_MOST: f64 = 2.0;
const SERVER_MOST: f64 = 5.0;
/// How many serials OCSP is asked about.
const ASKED: usize = 1_000;
const PEER_CONNECTIONS: usize = 8;

/// On either database; the peer's figure is extrapolated from fewer certificates.
pub(crate) async fn measure(options: &Options, dir: &Path) -> Result<Vec<Row>, BenchError> {
    let sizes = if options.quick { QUICK } else { FULL };
    let count = sizes.certificates;
    let peer = if options.alone {
        None
    } else {
        Some(peer_seconds(&dir.join("revoke-peer"), &sizes).await?)
    };
    let row = |place: &str, seconds: f64, most: f64| {
        let work = format!(
            "revoke: {count} of one authority, list and {ASKED} OCSP answers read, {place}"
        );
        let row = Row::alone(work, seconds, "s").at_most(most);
        let Some(theirs) = peer else { return row };
        let whom = format!(
            "{} without its list, {PEER_CONNECTIONS} connections, extrapolated from {}",
            openbao::WHOM,
            sizes.theirs
        );
        row.beside(whom, theirs, theirs / seconds)
    };
    let mut rows = Vec::new();
    let ours = folder(dir, "revoke-file")?;
    let home = Home::make(&options.skink, &ours, None, 1).await?;
    let seconds = everything(&home, count).await?;
    rows.push(row("SQLite", seconds, FILE_MOST));
    let ours = folder(dir, "revoke-server")?;
    if let Some(postgres) = Postgres::start(&ours, Core::Any).await? {
        let home = Home::make(&options.skink, &ours, Some(&postgres.url), 1).await?;
        let seconds = everything(&home, count).await;
        postgres.stop().await?;
        rows.push(row("PostgreSQL", seconds?, SERVER_MOST));
    } else {
        say("revoke: PostgreSQL is not installed: no row of it");
    }
    Ok(rows)
}

/// Seconds from the request until everybody can see that all of them are revoked.
async fn everything(home: &Home, count: usize) -> Result<f64, BenchError> {
    let ground = ground(home, count, Core::Any).await?;
    let Ground { skink, issuer, serials } = &ground;
    let asked: Vec<&Serial> = some(serials)?;
    let questions = asked.iter().map(|serial| question(&skink.public, issuer, serial));
    let questions = questions.collect::<Result<Vec<_>, _>>()?;
    let began = Instant::now();
    ground.revoke_all().await?;
    let committed = began.elapsed();
    let path = format!("/crl/{AUTHORITY}/p0.crl");
    let answer = ask(&skink.public, &skink.public.request("GET", &path, b"")).await?;
    let list = Crl::from_der(&answer.body).map_err(|_| not_understood("no list"))?;
    let listed: HashSet<Serial> = list.entries().map(|entry| entry.serial).collect();
    let read = began.elapsed();
    let answers = round(&skink.public, PEER_CONNECTIONS, skink.pid(), questions, Keep::All).await?;
    let seconds = began.elapsed().as_secs_f64();
    say(&format!(
        "revoke: answered after {committed:.2?}, list of {} read after {read:.2?}, {seconds:.2} s \
         in all",
        listed.len()
    ));
    // What follows is no part of the time: it is about whether the time counts.
    let key = issuer.public_key();
    list.verify_signed_by(key).map_err(|_| not_understood("a list that does not verify"))?;
    if !serials.iter().all(|serial| listed.contains(serial)) {
        return Err(not_understood("a list without one of the serials"));
    }
    for (number, answer) in &answers.kept {
        let said = status(answer, issuer, asked[*number])?;
        if !matches!(said, CertStatus::Revoked { .. }) {
            return Err(not_understood("OCSP calls a revoked serial something else"));
        }
    }
    ground.skink.stop().await?;
    Ok(seconds)
}

/// Seconds that the peer would take: it revokes one by one.
async fn peer_seconds(dir: &Path, sizes: &Sizes) -> Result<f64, BenchError> {
    fs_err::create_dir_all(dir).map_err(BenchError::file("make a server's folder"))?;
    let bao = OpenBao::start(dir, Core::Any).await?;
    let wanted = requests("revoke", sizes.theirs)?;
    let made = wanted.iter().map(|one| bao.sign(one)).collect();
    let issued = round(&bao.target, PEER_CONNECTIONS, bao.pid(), made, Keep::All).await?;
    let revoke = issued.kept.iter().map(|(_, answer)| bao.revoke(answer));
    let revoke = revoke.collect::<Result<Vec<_>, _>>()?;
    let began = Instant::now();
    round(&bao.target, PEER_CONNECTIONS, bao.pid(), revoke, Keep::Last).await?;
    let seconds = began.elapsed().as_secs_f64();
    bao.stop().await?;
    say(&format!("revoke: {} revoked {} in {seconds:.2} s", openbao::WHOM, sizes.theirs));
    Ok(seconds * float(sizes.certificates) / float(sizes.theirs))
}

/// Some of the serials, at random, each at most once.
fn some(serials: &[Serial]) -> Result<Vec<&Serial>, BenchError> {
    let mut numbers = HashSet::new();
    let mut bytes = [0; 8];
    while numbers.len() < ASKED.min(serials.len()) {
        rand::fill(&mut bytes).map_err(|error| BenchError::Material(error.to_string()))?;
        let at = u64::from_be_bytes(bytes) % u64::try_from(serials.len()).unwrap_or(1);
        numbers.insert(usize::try_from(at).unwrap_or_default());
    }
    Ok(numbers.into_iter().filter_map(|number| serials.get(number)).collect())
}
