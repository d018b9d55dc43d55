//! How a document is laid out: its white space, seen apart from its content.

use std::collections::BTreeMap;

/// How often each run of white space stands after each token. Two documents with the same values
/// in another order have the same layout; `{"a":1}` and `{"a": 1}` have not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout<'a> {
    /// Places at which nothing stands.
    none: [usize; After::COUNT],
    /// Places at which one space stands.
    one: [usize; After::COUNT],
    others: BTreeMap<(After, &'a [u8]), usize>,
}

/// What white space stands after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum After {
    Nothing,
    Brace,
    Bracket,
    Comma,
    Colon,
    Key,
    /// Whether `,` or `}` follows depends on the order of the members.
    Value,
}

impl After {
    const COUNT: usize = After::Value as usize + 1;
}

impl<'a> Layout<'a> {
    #[inline]
    pub(super) fn note_none(&mut self, after: After) {
        self.none[after as usize] += 1;
    }

    #[inline]
    pub(super) fn note_one(&mut self, after: After) {
        self.one[after as usize] += 1;
    }

    /// Notes anything but nothing and one space.
    pub(super) fn note(&mut self, after: After, run: &'a [u8]) {
        *self.others.entry((after, run)).or_insert(0) += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_with_layout;

    fn layout(document: &[u8]) -> Layout<'_> {
        parse_with_layout(document).expect("valid").1
    }

    #[test]
    fn order_does_not_change_the_layout() {
        assert_eq!(
            layout(br#"{"a": 1, "b": [2, "x: ,y"]}"#),
            layout(br#"{"b": ["x: ,y", 2], "a": 1}"#)
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
                layout(python),
                layout(other),
                "{}",
                String::from_utf8_lossy(other)
            );
        }
    }
}
