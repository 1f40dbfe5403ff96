//! What is counted while the fleet works.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use skink_agent::ChannelError;
use skink_model::with_causes;

/// Upper ends of the latency classes grow by a tenth each, from 0.1 ms.
const CLASSES: usize = 160;
const FIRST_MS: f64 = 0.1;
const GROWTH: f64 = 1.1;

/// Counters of the whole fleet.
#[derive(Debug)]
pub(crate) struct Gauge {
    pub(crate) requests: AtomicU64,
    pub(crate) real_proofs: AtomicU64,
    pub(crate) asserted_proofs: AtomicU64,
    pub(crate) chains_verified: AtomicU64,
    pub(crate) packages_accepted: AtomicU64,
    /// Agents with a certificate.
    pub(crate) at_work: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    polls: Vec<AtomicU64>,
    /// Requests that got no answer, or one that nobody wants, by what it was.
    failures: Mutex<BTreeMap<String, u64>>,
    /// Answers that only say when to come back.
    deferred: AtomicU64,
}

impl Gauge {
    pub(crate) fn new() -> Self {
        Self {
            requests: AtomicU64::new(0),
            real_proofs: AtomicU64::new(0),
            asserted_proofs: AtomicU64::new(0),
            chains_verified: AtomicU64::new(0),
            packages_accepted: AtomicU64::new(0),
            at_work: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
            polls: (0..CLASSES).map(|_| AtomicU64::new(0)).collect(),
            failures: Mutex::default(),
            deferred: AtomicU64::new(0),
        }
    }

    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection is open, until the guard is dropped.
    pub(crate) fn connected(self: &std::sync::Arc<Self>) -> Connected {
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_open.fetch_max(open, Ordering::Relaxed);
        Connected(std::sync::Arc::clone(self))
    }

    pub(crate) fn most_open(&self) -> usize {
        self.most_open.load(Ordering::Relaxed)
    }

    /// How much longer a poll took than the server was asked to wait.
    pub(crate) fn polled(&self, late: Duration) {
        let mut upper = FIRST_MS;
        let class = self.polls.iter().take(CLASSES - 1).position(|_| {
            let within = late.as_secs_f64() * 1_000.0 <= upper;
            upper *= GROWTH;
            within
        });
        Self::count(&self.polls[class.unwrap_or(CLASSES - 1)]);
    }

    /// The latency, in milliseconds, that `share` of the polls stayed below.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let counts: Vec<u64> = self.polls.iter().map(|one| one.load(Ordering::Relaxed)).collect();
        let all: u64 = counts.iter().sum();
        let mut upper = FIRST_MS;
        let mut seen = 0;
        for count in counts {
            seen += count;
            if float(seen) >= float(all) * share {
                break;
            }
            upper *= GROWTH;
        }
        upper
    }

    /// A request that failed; an answer with a time to come back is none.
    pub(crate) fn failed(&self, error: &ChannelError) {
        let name = match error {
            ChannelError::Problem(problem) if problem.retry_after_s.is_some() => {
                Self::count(&self.deferred);
                return;
            }
            ChannelError::Problem(problem) => problem.code.as_str().to_owned(),
            other => with_causes(other),
        };
        self.fault(name);
    }

    /// Anything else that went wrong.
    pub(crate) fn fault(&self, name: String) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        *failures.entry(name).or_default() += 1;
    }

    pub(crate) fn failures(&self) -> BTreeMap<String, u64> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn deferred(&self) -> u64 {
        self.deferred.load(Ordering::Relaxed)
    }
}

/// An open connection.
pub(crate) struct Connected(std::sync::Arc<Gauge>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// For ratios and print; counts are far below what a float holds exactly.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "for print only")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

/// What the system says of a process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Footprint {
    pub(crate) rss_kib: u64,
    pub(crate) files: usize,
    /// CPU time, in hundredths of a second.
    pub(crate) cpu: u64,
}

/// Looks at a process in `/proc`; nothing when it is gone.
pub(crate) fn footprint(pid: u32) -> Option<Footprint> {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let rss_kib = line.trim().trim_end_matches(" kB").trim().parse().ok()?;
    let files = fs_err::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok());
    Some(Footprint { rss_kib, files, cpu: ticks(11)? + ticks(12)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_counted() {
        let gauge = Gauge::new();
        for ms in 1..=100 {
            gauge.polled(Duration::from_millis(ms));
        }
        let (median, tail) = (gauge.quantile(0.5), gauge.quantile(0.99));
        assert!((50.0..=55.1).contains(&median), "{median}");
        assert!((99.0..=109.0).contains(&tail), "{tail}");
    }

    #[test]
    fn open_connections_are_counted_at_their_most() {
        let gauge = std::sync::Arc::new(Gauge::new());
        let first = gauge.connected();
        drop(gauge.connected());
        drop(first);
        drop(gauge.connected());
        assert_eq!(gauge.most_open(), 2);
    }
}
