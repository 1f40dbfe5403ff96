//! Times through 2049 are `UTCTime`, later ones `GeneralizedTime`.

use x509_cert::time::Time;

use super::Facts;
use crate::lint::{Rule, Severity};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "time_encoding",
    severity: Severity::Error,
    section: "RFC 5280 §4.1.2.5",
    check: |facts| {
        let times = [("notBefore", facts.raw.not_before), ("notAfter", facts.raw.not_after)];
        times
            .into_iter()
            .filter(|(_, time)| time.is_some_and(is_wrong))
            .map(|(field, _)| format!("{field} is before 2050 and not encoded as UTCTime"))
            .collect()
    },
};

/// A `UTCTime` cannot name 2050; so the other way round is all that can be wrong.
fn is_wrong(time: Time) -> bool {
    matches!(time, Time::GeneralTime(time) if time.to_date_time().year() < 2050)
}
