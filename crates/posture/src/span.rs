//! Spans as people say them.

use std::time::Duration;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// So many days.
pub(crate) const fn days(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(DAY))
}

/// `3 days`, `5 hours`; what is shorter is `less than an hour`.
pub(crate) fn said(span: Duration) -> String {
    let seconds = span.as_secs();
    let plural = |count: u64, unit: &str| {
        if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
    };
    match seconds {
        DAY.. => plural(seconds / DAY, "day"),
        HOUR.. => plural(seconds / HOUR, "hour"),
        _ => "less than an hour".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_their_largest_unit() {
        assert_eq!(said(days(366)), "366 days");
        assert_eq!(said(Duration::from_secs(DAY)), "1 day");
        assert_eq!(said(Duration::from_secs(7300)), "2 hours");
        assert_eq!(said(Duration::from_secs(59)), "less than an hour");
    }
}
