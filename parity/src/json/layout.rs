//! How a document is laid out: its white space, seen apart from its content.

use std::collections::BTreeMap;

/// How often each run of white space stands after each token. Two documents with the same values
/// in another order have the same layout; `{"a":1}` and `{"a": 1}` have not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout<'a>(BTreeMap<(u8, &'a [u8]), usize>);

impl<'a> Layout<'a> {
    /// Layout of a document that [`super::parse`] accepts.
    pub fn of(document: &'a [u8]) -> Self {
        let mut runs = BTreeMap::new();
        let mut previous = b'^';
        let mut at = 0;
        while at < document.len() {
            let end = at + run(&document[at..], |byte| byte.is_ascii_whitespace());
            let token = document.get(end).copied().unwrap_or(b'$');
            if opens(previous) {
                *runs.entry((previous, &document[at..end])).or_insert(0) += 1;
            } else if end > at {
                // Whether `,` or `}` follows a value depends on the order of the members.
                let place = if token == b':' { token } else { b'}' };
                *runs.entry((place, &document[at..end])).or_insert(0) += 1;
            }
            at = end;
            match token {
                b'"' => at += string_length(&document[at..]),
                b'$' => break,
                byte if is_structural(byte) => at += 1,
                _ => {
                    at += run(&document[at..], |byte| {
                        !byte.is_ascii_whitespace() && !is_structural(byte)
                    });
                }
            }
            previous = token;
        }
        Layout(runs)
    }
}

/// Whether a value or key may follow; `^` is the start of the document.
fn opens(byte: u8) -> bool {
    matches!(byte, b'{' | b'[' | b',' | b':' | b'^')
}

fn is_structural(byte: u8) -> bool {
    matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':')
}

fn run(bytes: &[u8], holds: impl Fn(u8) -> bool) -> usize {
    bytes
        .iter()
        .position(|&byte| !holds(byte))
        .unwrap_or(bytes.len())
}

fn string_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_change_the_layout() {
        assert_eq!(
            Layout::of(br#"{"a": 1, "b": [2, "x: ,y"]}"#),
            Layout::of(br#"{"b": ["x: ,y", 2], "a": 1}"#)
        );
    }

    #[test]
    fn white_space_does() {
        let python = br#"{"a": 1, "b": [2, 3]}"#;
        for other in [
            br#"{"a":1, "b": [2, 3]}"#.as_slice(),
            br#"{"a": 1,"b": [2, 3]}"#,
            br#"{"a": 1, "b": [2 , 3]}"#,
            b"{\"a\": 1, \"b\": [2, 3]}\n",
            br#"{ "a": 1, "b": [2, 3]}"#,
        ] {
            assert_ne!(
                Layout::of(python),
                Layout::of(other),
                "{}",
                String::from_utf8_lossy(other)
            );
        }
    }
}
