//! The checksum that goes with everything that the service is sent and gives (RFC 3720 appendix
//! B.4).

/// The polynomial of Castagnoli, its bits reversed.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// The checksum of `bytes`, as the service writes it.
pub(super) fn crc32c(bytes: &[u8]) -> i64 {
    let after = bytes.iter().fold(u32::MAX, |crc, byte| {
        let mut crc = crc ^ u32::from(*byte);
        for _ in 0..8 {
            let out = crc & 1;
            crc = (crc >> 1) ^ (POLYNOMIAL * out);
        }
        crc
    });
    i64::from(!after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_examples_hold() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
        assert_eq!(crc32c(b""), 0);
    }
}
