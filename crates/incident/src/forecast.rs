//! The plan, computed before it runs.

use serde::{Deserialize, Serialize};

/// What the machinery can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// Signatures a second that the key provider gives.
    pub signatures_per_s: u32,
    /// Endpoints a second that can renew and be proven.
    pub endpoints_per_s: u32,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { signatures_per_s: 1000, endpoints_per_s: 50 }
    }
}

/// How long the transition will take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// Signatures to make.
    pub signatures: u64,
    /// Sizes of the waves.
    pub waves: Vec<u32>,
    /// Seconds from the start of the first wave to the end of the quiet period.
    pub expected_s: u64,
    /// Whether that is later than an hour.
    pub misses_the_hour: bool,
    /// What would help, by message key.
    pub advice: Vec<String>,
}

/// More waves than this only make the journal long.
const MOST_WAVES: u32 = 60;

/// The sizes of the waves over `endpoints`: the configured sizes in turn, the last of them again
/// and again, larger where there would be too many waves.
pub fn waves(endpoints: u32, sizes: &[u32]) -> Vec<u32> {
    let mut left = endpoints;
    let mut waves = Vec::new();
    let mut sizes = sizes.iter().copied().filter(|&size| size > 0).peekable();
    let mut size = endpoints;
    while left > 0 {
        size = sizes.next().unwrap_or(size);
        if sizes.peek().is_none() {
            size = size.max(endpoints.div_ceil(MOST_WAVES));
        }
        let wave = size.min(left);
        waves.push(wave);
        left -= wave;
    }
    waves
}

/// How long re-issuing `certificates` on `endpoints` takes, then `quiet_s` of quiet.
pub fn forecast(
    certificates: u64,
    endpoints: u32,
    sizes: &[u32],
    quiet_s: u64,
    capacity: Capacity,
) -> Forecast {
    let signatures = certificates.max(u64::from(endpoints));
    let waves = waves(endpoints, sizes);
    let signing = signatures.div_ceil(u64::from(capacity.signatures_per_s.max(1)));
    let proving = u64::from(endpoints).div_ceil(u64::from(capacity.endpoints_per_s.max(1)));
    let expected_s = signing.max(proving) + u64::try_from(waves.len()).unwrap_or(0) + quiet_s;
    let misses_the_hour = expected_s > 3600;
    let mut advice = Vec::new();
    if misses_the_hour && signing >= proving {
        advice.push("advice.provider-quota".to_owned());
    }
    if misses_the_hour && proving >= signing {
        advice.push("advice.more-agents-at-once".to_owned());
    }
    if misses_the_hour && quiet_s > 1800 {
        advice.push("advice.shorter-quiet-period".to_owned());
    }
    Forecast { signatures, waves, expected_s, misses_the_hour, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_take_every_endpoint_once() {
        assert_eq!(waves(40, &[2, 10]), [2, 10, 10, 10, 8]);
        assert_eq!(waves(2, &[2, 10]), [2]);
        assert_eq!(waves(3, &[2, 10]), [2, 1]);
        assert_eq!(waves(5, &[0, 2]), [2, 2, 1]);
        assert_eq!(waves(5, &[]), [5]);
        assert!(waves(1_000_000, &[1, 10]).len() <= 70);
        assert!(waves(0, &[2]).is_empty());
        for endpoints in 0..200 {
            let sum: u32 = waves(endpoints, &[1, 5, 25]).into_iter().sum();
            assert_eq!(sum, endpoints);
        }
    }

    #[test]
    fn a_slow_provider_misses_the_hour_and_says_what_helps() {
        let slow = Capacity { signatures_per_s: 25, endpoints_per_s: 1000 };
        let plan = forecast(1_000_000, 1000, &[10], 60, slow);
        assert!(plan.misses_the_hour);
        assert_eq!(plan.advice, ["advice.provider-quota"]);
        let quick = Capacity { signatures_per_s: 1000, endpoints_per_s: 1000 };
        assert!(!forecast(1_000_000, 1000, &[10], 60, quick).misses_the_hour);
    }
}
