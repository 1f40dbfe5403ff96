//! Ids whose order is that of their making: what is kept by id grows at its end.

use skink_model::Time;

/// 32 hexadecimal digits: the instant in milliseconds, and 80 random bits.
pub(crate) fn in_order(at: Time, random: [u8; 10]) -> String {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis(at).to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&random);
    hex::encode(bytes)
}

/// Milliseconds since 1970; none before.
pub(crate) fn millis(at: Time) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_id_is_greater_whatever_is_random_in_it() {
        let (early, late) = (Time::from_millis(255), Time::from_millis(256));
        let (early, late) = (in_order(early, [0xff; 10]), in_order(late, [0; 10]));
        assert_eq!(early, "0000000000ffffffffffffffffffffff");
        assert_eq!(late, "00000000010000000000000000000000");
        assert!(early < late);
    }
}
