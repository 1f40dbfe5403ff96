//! The load generator: some connections, each asking as soon as it is answered, until every request
//! was sent once.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use tokio::task::LocalSet;

use crate::error::BenchError;
use crate::http::{Answer, Connection, Target};
use crate::process;

/// What a round came to.
#[derive(Debug)]
pub(crate) struct Round {
    /// Answers in a second.
    pub(crate) rate: f64,
    /// Microseconds of the server's CPU time for each.
    pub(crate) server_us: f64,
    /// Of the generator's.
    pub(crate) own_us: f64,
    /// Milliseconds until half of the answers, and 99 of 100, were there.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Answers with the numbers of their requests.
    pub(crate) kept: Vec<(usize, Answer)>,
}

/// Which answers are kept for a look at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The last one of each connection.
    Last,
    /// Every one.
    All,
}

/// Sends every request once over `connections` connections that stay open. The connections are made
/// before the clock starts. One answer that is no success ends the measurement.
pub(crate) async fn round(
    target: &Target,
    connections: usize,
    server: u32,
    requests: Vec<Vec<u8>>,
    keep: Keep,
) -> Result<Round, BenchError> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(target).await.map_err(speak(target))?);
    }
    let count = float(requests.len());
    let (requests, next) = (Rc::new(requests), Rc::new(Cell::new(0)));
    let before = (process::cpu_us(server)?, process::own_cpu_us());
    let began = Instant::now();
    let tasks = LocalSet::new();
    let workers: Vec<_> = open
        .into_iter()
        .map(|connection| {
            let (requests, next, target) = (Rc::clone(&requests), Rc::clone(&next), target.clone());
            tasks.spawn_local(worker(connection, target, requests, next, keep))
        })
        .collect();
    tasks.await;
    let wall = began.elapsed().as_secs_f64();
    let after = (process::cpu_us(server)?, process::own_cpu_us());
    let (mut times, mut kept) = (Vec::new(), Vec::new());
    for worker in workers {
        let ended = worker.await.map_err(|error| {
            BenchError::Speak(target.whom.to_owned(), std::io::Error::other(error))
        })?;
        let (own_times, own_kept) = ended?;
        times.extend(own_times);
        kept.extend(own_kept);
    }
    times.sort_by(f64::total_cmp);
    Ok(Round {
        rate: count / wall,
        server_us: (after.0 - before.0) / count,
        own_us: (after.1 - before.1) / count,
        p50_ms: quantile(&times, 50),
        p99_ms: quantile(&times, 99),
        kept,
    })
}

type Worked = (Vec<f64>, Vec<(usize, Answer)>);

async fn worker(
    mut connection: Connection,
    target: Target,
    requests: Rc<Vec<Vec<u8>>>,
    next: Rc<Cell<usize>>,
    keep: Keep,
) -> Result<Worked, BenchError> {
    let (mut times, mut kept) = (Vec::new(), Vec::new());
    loop {
        let number = next.get();
        let Some(request) = requests.get(number) else { return Ok((times, kept)) };
        next.set(number + 1);
        let began = Instant::now();
        let answer = connection.ask(request).await.map_err(speak(&target))?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
        if answer.status != 200 {
            return Err(BenchError::Refused {
                whom: target.whom.to_owned(),
                path: first_line(request),
                status: answer.status,
                body: String::from_utf8_lossy(&answer.body).into_owned(),
            });
        }
        if keep == Keep::Last {
            kept.clear();
        }
        kept.push((number, answer));
    }
}

fn first_line(request: &[u8]) -> String {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}

fn speak(target: &Target) -> impl FnOnce(std::io::Error) -> BenchError {
    let whom = target.whom.to_owned();
    move |source| BenchError::Speak(whom, source)
}

/// The value that `percent` of the sorted values do not exceed.
fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// The middle one, or the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted[..] {
        [] => f64::NAN,
        _ if sorted.len().is_multiple_of(2) => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

/// For rates; counts are far below what a float holds exactly.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts are small")]
pub(crate) const fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_quantiles_are_of_the_sorted_values() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        let sorted: Vec<f64> = (0..100).map(f64::from).collect();
        assert!((quantile(&sorted, 99) - 99.0).abs() < 1e-9);
        assert!(median(&[]).is_nan() && quantile(&[], 50).is_nan());
    }
}
