//! Documents like the answers of a scoring service, of any size and the same in every run.

use std::fmt::Write as _;

/// A list of stamps of about this many bytes, laid out as Python writes JSON.
pub(crate) fn in_order(size: usize) -> Vec<u8> {
    list((0..stamps_in(size)).map(|index| stamp(index, false)))
}

/// The same list from its end to its beginning.
pub(crate) fn reversed(size: usize) -> Vec<u8> {
    list((0..stamps_in(size)).rev().map(|index| stamp(index, false)))
}

/// The same list with another score in every hundredth stamp.
pub(crate) fn with_differences(size: usize) -> Vec<u8> {
    list((0..stamps_in(size)).map(|index| stamp(index, index % 100 == 0)))
}

fn stamps_in(size: usize) -> usize {
    size.div_ceil(stamp(10_000, false).len() + ", ".len())
}

fn list(stamps: impl Iterator<Item = String>) -> Vec<u8> {
    let stamps: Vec<String> = stamps.collect();
    format!(
        "{{\"address\": \"0x{:040x}\", \"stamps\": [{}]}}",
        0xc9c4,
        stamps.join(", ")
    )
    .into_bytes()
}

fn stamp(index: usize, is_different: bool) -> String {
    let mut stamp = String::new();
    let cents = index % 1_000 + usize::from(is_different);
    let hash = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    write!(
        stamp,
        "{{\"provider\": \"Provider#{index}\", \"score\": \"{}.{:02}000\", \"dedup\": {}, \"weight\": {}.5, \
         \"expiration_date\": \"2027-{:02}-{:02}T09:30:00+00:00\", \"note\": \"caf\\u00e9 \\\"{index}\\\"\", \
         \"nullifiers\": [\"v0.0.0:{hash:016x}{hash:016x}\", null]}}",
        cents / 100,
        cents % 100,
        index.is_multiple_of(7),
        index % 10,
        index % 12 + 1,
        index % 28 + 1,
    )
    .expect("writing to a string cannot fail");
    stamp
}
