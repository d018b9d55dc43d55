//! Small changes to bytes, of the kind that parsers stumble over.

use proptest::{collection::vec, prelude::*, sample::Index};

/// Fragments that mean something to one parser or another.
fn fragments() -> Vec<Vec<u8>> {
    let mut fragments: Vec<Vec<u8>> = [
        "NaN",
        "-Infinity",
        "1e999",
        "-0",
        "0x1",
        "1_0",
        "00",
        "1E-400",
        "null",
        "tru",
        "\"",
        "\\",
        "\\u0000",
        "\\ud800",
        "\\udc00\\ud800",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "{}",
        "[[]]",
        "'",
        "%",
        "%00",
        "%zz",
        "%c0%af",
        "#",
        "?",
        "&",
        "=",
        ";",
        "/",
        "//",
        "/../",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\r\n\r\n",
        "\r\n ",
        "\u{feff}",
        "\u{2028}",
        "é",
        "😀",
        "٣",
        "\u{7f}",
        "Z",
        "+00:00",
        "-24:00",
        "T24:00:00",
        "9999-12-31",
        "0000-00-00",
        "2024-02-30",
        "W53",
        ".",
        "..",
        "=\"\"\"",
        "[[x]]",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Host: \r\n",
        "ffffffffffffffff\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "0x",
        "did:key:z",
        "eyJhbGciOiJub25lIn0.",
        "..",
        "HTTP/1.1",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    fragments.extend([
        b"\xff".to_vec(),
        b"\xc3".to_vec(),
        b"\xed\xa0\x80".to_vec(),
        b"\xff\xfe[\x001\x00]\x00".to_vec(),
        b"\0\0\0[".to_vec(),
        b"\0".to_vec(),
        vec![b'['; 1_500],
        b"{\"a\":".repeat(1_500),
        vec![b'9'; 4_301],
        vec![b'0'; 5_000],
        vec![b'A'; 70_000],
    ]);
    fragments
}

#[derive(Debug, Clone)]
enum Change {
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Replace(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    Cut(Index),
    /// The rest of another seed goes on here.
    Splice(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    let fragment = || prop::sample::select(fragments());
    prop_oneof![
        2 => (at(), any::<u8>()).prop_map(|(at, bits)| Change::Flip(at, bits)),
        4 => (at(), fragment()).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        3 => (at(), fragment()).prop_map(|(at, bytes)| Change::Replace(at, bytes)),
        3 => (at(), 1..40usize).prop_map(|(at, length)| Change::Remove(at, length)),
        2 => (at(), 1..40usize, 2..20usize).prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        1 => at().prop_map(Change::Cut),
        1 => (at(), at()).prop_map(|(at, other)| Change::Splice(at, other)),
    ]
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>, other: &[u8]) {
        let place = |index: &Index, bytes: &[u8]| index.index(bytes.len() + 1);
        match self {
            Self::Flip(at, bits) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] ^= bits;
            }
            Self::Flip(..) => {}
            Self::Insert(at, fragment) => {
                let at = place(at, bytes);
                bytes.splice(at..at, fragment.iter().copied());
            }
            Self::Replace(at, fragment) => {
                let at = place(at, bytes);
                let end = bytes.len().min(at + fragment.len().min(16));
                bytes.splice(at..end, fragment.iter().copied());
            }
            Self::Remove(at, length) => {
                let at = place(at, bytes);
                let end = bytes.len().min(at + length);
                bytes.drain(at..end);
            }
            Self::Repeat(at, length, times) => {
                let at = place(at, bytes);
                let end = bytes.len().min(at + length);
                let again = bytes[at..end].repeat(*times);
                bytes.splice(end..end, again);
            }
            Self::Cut(at) => bytes.truncate(place(at, bytes)),
            Self::Splice(at, from) => {
                bytes.truncate(place(at, bytes));
                bytes.extend_from_slice(&other[place(from, other)..]);
            }
        }
    }
}

/// One of the seeds with up to eight changes.
pub(crate) fn mutated(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    assert!(!seeds.is_empty());
    (any::<Index>(), any::<Index>(), vec(change(), 0..8)).prop_map(move |(seed, other, changes)| {
        let mut bytes = seed.get(&seeds).clone();
        let other: &Vec<u8> = other.get(&seeds);
        for change in &changes {
            change.apply(&mut bytes, other);
        }
        bytes
    })
}
