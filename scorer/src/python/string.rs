//! Python's `str`: code points, lone surrogates included.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use indexmap::Equivalent;

/// A Python string: Unicode code points, which unlike a Rust string may be lone surrogates.
///
/// Invariant kept by the constructors: `IllFormed` holds at least one surrogate, so equal strings
/// are always the same variant. Two adjacent halves of a pair may both be there: Python keeps them
/// apart when they came from UTF-8 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PyStr {
    Text(String),
    /// Code points, at least one of them a surrogate.
    IllFormed(Vec<u32>),
}

impl PyStr {
    /// A string of these code points; values above U+10FFFF become U+FFFD.
    #[must_use]
    pub fn from_code_points(points: Vec<u32>) -> Self {
        match points.iter().map(|&point| char::from_u32(point)).collect() {
            Some(text) => PyStr::Text(text),
            None if points.iter().any(|point| is_surrogate(*point)) => PyStr::IllFormed(
                points
                    .into_iter()
                    .map(|point| if point > 0x10_FFFF { 0xFFFD } else { point })
                    .collect(),
            ),
            None => PyStr::Text(
                points
                    .into_iter()
                    .map(|point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect(),
            ),
        }
    }

    /// A string from UTF-8 in which surrogates are encoded like any other code point
    /// (`surrogatepass`). Bytes that are not such an encoding become U+FFFD.
    #[must_use]
    pub(crate) fn from_generalised_utf8(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => PyStr::Text(text.to_owned()),
            Err(_) => Self::from_code_points(super::json::encoding::generalised_code_points(bytes)),
        }
    }

    /// The text, unless it holds a lone surrogate.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            PyStr::Text(text) => Some(text),
            PyStr::IllFormed(_) => None,
        }
    }

    /// The text with every surrogate replaced by U+FFFD. For messages to people only.
    #[must_use]
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        match self {
            PyStr::Text(text) => Cow::Borrowed(text),
            PyStr::IllFormed(points) => Cow::Owned(
                points
                    .iter()
                    .map(|&point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect(),
            ),
        }
    }

    /// `s.split(separator)[-1]`: what follows the last separator, or all where there is none.
    #[must_use]
    pub fn after_last(&self, separator: char) -> Self {
        match self {
            PyStr::Text(text) => text.rsplit(separator).next().unwrap_or(text).into(),
            PyStr::IllFormed(points) => {
                let separator = u32::from(separator);
                let start = points.iter().rposition(|&point| point == separator);
                Self::from_code_points(points[start.map_or(0, |at| at + 1)..].to_vec())
            }
        }
    }

    /// The code points in order.
    pub fn code_points(&self) -> impl Iterator<Item = u32> + '_ {
        let (text, points): (&str, &[u32]) = match self {
            PyStr::Text(text) => (text, &[]),
            PyStr::IllFormed(points) => ("", points),
        };
        text.chars().map(u32::from).chain(points.iter().copied())
    }

    /// `len(s)`: the number of code points.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            PyStr::Text(text) => text.chars().count(),
            PyStr::IllFormed(points) => points.len(),
        }
    }

    /// Whether the string is `''`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            PyStr::Text(text) => text.is_empty(),
            PyStr::IllFormed(_) => false,
        }
    }
}

/// Whether a code point is half of a UTF-16 pair.
pub(crate) fn is_surrogate(point: u32) -> bool {
    (0xD800..=0xDFFF).contains(&point)
}

impl Default for PyStr {
    fn default() -> Self {
        PyStr::Text(String::new())
    }
}

impl Ord for PyStr {
    /// Python compares code point by code point.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (PyStr::Text(left), PyStr::Text(right)) => left.cmp(right),
            _ => self.code_points().cmp(other.code_points()),
        }
    }
}

impl PartialOrd for PyStr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for PyStr {
    /// `Text` hashes like its `str`, so that a dict can be asked for a `&str`.
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            PyStr::Text(text) => text.as_str().hash(state),
            PyStr::IllFormed(points) => points.hash(state),
        }
    }
}

impl Equivalent<PyStr> for str {
    fn equivalent(&self, key: &PyStr) -> bool {
        key.as_str() == Some(self)
    }
}

impl PartialEq<str> for PyStr {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for PyStr {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(*other)
    }
}

impl From<&str> for PyStr {
    fn from(text: &str) -> Self {
        PyStr::Text(text.to_owned())
    }
}

impl From<String> for PyStr {
    fn from(text: String) -> Self {
        PyStr::Text(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_last_separator_may_be_well_formed_by_itself() {
        let ill_formed = |points: &[char]| {
            let mut points: Vec<u32> = points.iter().map(|&point| point.into()).collect();
            points.insert(1, 0xD83C);
            PyStr::from_code_points(points)
        };
        assert_eq!(PyStr::from("did:a:b").after_last(':'), "b");
        assert_eq!(PyStr::from("b").after_last(':'), "b");
        assert_eq!(ill_formed(&['a', ':', 'b']).after_last(':'), "b");
        assert_eq!(ill_formed(&['a', ':']).after_last(':'), "");
        let kept = ill_formed(&[':', 'b']).after_last(':');
        assert_eq!(kept.as_str(), None);
    }
}
