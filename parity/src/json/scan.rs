//! Bytes of a string, eight at a time.

const EACH: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// How many bytes from the start mean themselves in a JSON string: up to a quote, a backslash, a
/// control character, or the end.
pub(super) fn plain_text(bytes: &[u8]) -> usize {
    let (eights, rest) = bytes.as_chunks::<8>();
    for (index, eight) in eights.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight);
        let quote = eight ^ (EACH * u64::from(b'"'));
        let backslash = eight ^ (EACH * u64::from(b'\\'));
        // Subtracting sets the high bit of bytes that are smaller. A borrow can only spoil bytes
        // after the first one that is found, and bytes beyond ASCII are left out.
        let found = (quote.wrapping_sub(EACH)
            | backslash.wrapping_sub(EACH)
            | eight.wrapping_sub(EACH * 0x20))
            & !eight
            & HIGH;
        if found != 0 {
            return index * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let at = eights.len() * 8;
    rest.iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))
        .map_or(bytes.len(), |place| at + place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place_is_found_as_one_by_one() {
        for length in 0..20 {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut text = vec![b'a'; length];
                    text[at] = byte;
                    // What comes after the first must not hide it.
                    if let Some(next) = text.get_mut(at + 1) {
                        *next = byte.wrapping_add(1);
                    }
                    let expected = text
                        .iter()
                        .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))
                        .unwrap_or(length);
                    assert_eq!(plain_text(&text), expected, "{text:?}");
                }
            }
        }
    }
}
