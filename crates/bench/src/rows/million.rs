//! The worst day: everything that an authority with many lists has certified is revoked, and all of
//! its lists say so.

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use skink_x509::Serial;
use skink_x509::crl::Crl;

use crate::cores::Core;
use crate::error::BenchError;
use crate::ground::{ask, folder, ground, not_understood};
use crate::postgres::Postgres;
use crate::row::Row;
use crate::skink::{AUTHORITY, Home};
use crate::{Options, say};

const COUNT: usize = 1_000_000;
/// When somebody only wants to see that it runs.
const QUICK: usize = 50_000;
const PARTITIONS: u32 = 128;
const FILE_MOST: f64 = 15.0;
const SERVER_MOST: f64 = 30.0;

/// On either database.
pub(crate) async fn measure(options: &Options, dir: &Path) -> Result<Vec<Row>, BenchError> {
    let count = if options.quick { QUICK } else { COUNT };
    let work = |place: &str| {
        format!("million: {count} revoked, {PARTITIONS} lists out and read back, {place}")
    };
    let mut rows = Vec::new();
    let ours = folder(dir, "million-file")?;
    let home = Home::make(&options.skink, &ours, None, PARTITIONS).await?;
    let seconds = everything(&home, count).await?;
    rows.push(Row::alone(work("SQLite"), seconds, "s").at_most(FILE_MOST));
    let ours = folder(dir, "million-server")?;
    if let Some(postgres) = Postgres::start(&ours, Core::Any).await? {
        let home = Home::make(&options.skink, &ours, Some(&postgres.url), PARTITIONS).await?;
        let seconds = everything(&home, count).await;
        postgres.stop().await?;
        rows.push(Row::alone(work("PostgreSQL"), seconds?, "s").at_most(SERVER_MOST));
    } else {
        say("million: PostgreSQL is not installed: no row of it");
    }
    Ok(rows)
}

/// Seconds from the request until every list was read back.
async fn everything(home: &Home, count: usize) -> Result<f64, BenchError> {
    let ground = ground(home, count, Core::Any).await?;
    let public = &ground.skink.public;
    let began = Instant::now();
    ground.revoke_all().await?;
    let committed = began.elapsed();
    let mut lists = Vec::new();
    for number in 0..PARTITIONS {
        let path = format!("/crl/{AUTHORITY}/p{number}.crl");
        lists.push(ask(public, &public.request("GET", &path, b"")).await?.body);
    }
    let seconds = began.elapsed().as_secs_f64();
    say(&format!("million: answered after {committed:.2?}, all read after {seconds:.2} s"));
    // What follows is no part of the time: it is about whether the time counts.
    let mut listed: HashSet<Serial> = HashSet::with_capacity(count);
    for der in &lists {
        let list = Crl::from_der(der).map_err(|_| not_understood("no list"))?;
        let verified = list.verify_signed_by(ground.issuer.public_key());
        verified.map_err(|_| not_understood("a list that does not verify"))?;
        listed.extend(list.entries().map(|entry| entry.serial));
    }
    if !ground.serials.iter().all(|serial| listed.contains(serial)) {
        return Err(not_understood("no list has one of the serials"));
    }
    ground.skink.stop().await?;
    Ok(seconds)
}
