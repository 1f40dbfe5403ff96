//! Two servers on one PostgreSQL under load, while the servers are killed and the database is crashed
//! and restarted: what was acknowledged is there, once.
//!
//! `SKINK_REPLICAS_SEED` and `SKINK_REPLICAS_ROUNDS` make it another or a longer run; `cargo xtask
//! crash --replicas --runs N` does that many.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "what was seen is told")]

mod cluster;
mod load;
mod reader;
mod verdict;

use std::sync::Arc;
use std::time::{Duration, Instant};

use skink_testkit::Postgres;

use crate::cluster::{Cluster, Dice};
use crate::load::Load;
use crate::reader::Reader;

/// Disasters of the short form.
const ROUNDS: u64 = 2;
/// How often the database crashes at the end, and nothing else happens.
const CRASHES: u32 = 2;
/// Enough that the servers' leases run out.
const LONG: Duration = Duration::from_secs(7);

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_servers_and_database() {
    let Some(postgres) = Postgres::start_durable() else { return };
    let (seed, rounds) =
        (setting("SKINK_REPLICAS_SEED", 1), setting("SKINK_REPLICAS_ROUNDS", ROUNDS));
    println!("seed {seed}, {rounds} rounds");
    let mut cluster = Cluster::start(postgres);
    let people = Arc::new(cluster.clients());
    let reader = Reader::start(&people);
    let load = Load::start(&people, seed);
    let mut dice = Dice::new(seed);
    // Blocking all the way: it waits for processes.
    let cluster = tokio::task::spawn_blocking(move || {
        for round in 0..rounds {
            std::thread::sleep(Duration::from_millis(500 + dice.below(1_200)));
            disaster(&mut cluster, round, &mut dice);
        }
        // No server is killed after these: what they leave open nobody else cleans up.
        for _ in 0..CRASHES {
            std::thread::sleep(Duration::from_millis(200 + dice.below(600)));
            cluster.crash_database(Duration::from_millis(dice.below(200)));
            cluster.wait_until_ready();
        }
        std::thread::sleep(Duration::from_millis(500));
        cluster
    });
    let cluster = cluster.await.unwrap();
    let done = load.finish().await;
    let read = reader.finish().await;
    verdict::check(&cluster, &people, &done, &read).await;
}

/// Every kind comes in turn, so that no run is without one; the moments are the seed's.
fn disaster(cluster: &mut Cluster, round: u64, dice: &mut Dice) {
    let began = Instant::now();
    let one = usize::from(dice.below(2) == 1);
    let pause = Duration::from_millis(dice.below(700));
    match round % 7 {
        0 | 4 => cluster.kill_server(one, pause),
        3 => cluster.crash_both(one, pause),
        2 | 5 => cluster.crash_database(pause),
        1 => cluster.lose_the_database(LONG + pause),
        _ => {
            cluster.kill_server(one, pause);
            cluster.kill_server(1 - one, pause);
        }
    }
    cluster.wait_until_ready();
    println!("both servers are ready, {:?} after it began", began.elapsed());
}
