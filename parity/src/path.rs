//! Where in a body or a row something stands, and patterns of such places.

use std::fmt;

use crate::json::Value;

/// One step down into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment<'a> {
    Key(&'a str),
    Index(usize),
    /// Into the JSON document that a string holds.
    Embedded,
}

/// Writes a root and the segments below it: `$.score.stamps["ETHDaysActive#50"]`,
/// `registry_score.inserted[0].evidence`, `$.response.(json).stamps`.
pub fn render(root: &str, segments: &[Segment<'_>]) -> String {
    use fmt::Write as _;
    let mut text = root.to_owned();
    for segment in segments {
        let written = match segment {
            Segment::Key(key) if is_plain(key) => write!(text, ".{key}"),
            Segment::Key(key) => write!(text, "[{}]", serde_json::Value::from(*key)),
            Segment::Index(index) => write!(text, "[{index}]"),
            Segment::Embedded => write!(text, ".(json)"),
        };
        written.expect("writing to a string cannot fail");
    }
    text
}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key != "*"
        && !key.contains(|c: char| c.is_whitespace() || c.is_control() || ".[]\"()*#".contains(c))
}

/// The path with `[*]` for every index, and `*` for every key of the objects that `data_keys` point
/// at. A text that is no path stays as it is.
pub(crate) fn generalise(path: &str, data_keys: &[Pattern]) -> String {
    let Ok(parsed) = Pattern::parse(path) else {
        return path.to_owned();
    };
    let steps = parsed.steps();
    let mut general = parsed.root.clone();
    for (index, segment) in parsed.segments.iter().enumerate() {
        let is_data = data_keys
            .iter()
            .any(|pattern| pattern.matches(&parsed.root, &steps[..index]));
        match segment {
            PatternSegment::Index(_) | PatternSegment::AnyIndex => general.push_str("[*]"),
            PatternSegment::Key(_) | PatternSegment::AnyKey if is_data => general.push_str(".*"),
            _ => general = render(&general, &steps[index..=index]),
        }
    }
    general
}

/// A path with wild cards: `*` stands for any key, `[*]` for any index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    root: String,
    segments: Vec<PatternSegment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PatternSegment {
    Key(String),
    AnyKey,
    Index(usize),
    AnyIndex,
    Embedded,
}

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{pattern}` is not a path: {message} (write e.g. `$.stamps[*].id`, `registry_score.inserted[*].evidence.rawScore`)"
)]
pub struct PatternError {
    pattern: String,
    message: &'static str,
}

impl Pattern {
    /// # Errors
    /// When the text has no root or a bracket that does not close.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let error = |message| PatternError {
            pattern: text.to_owned(),
            message,
        };
        let root_length = text.find(['.', '[']).unwrap_or(text.len());
        let (root, mut rest) = text.split_at(root_length);
        if root.is_empty() {
            return Err(error("it has no root"));
        }
        let mut segments = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let length = after.find(['.', '[']).unwrap_or(after.len());
                let (key, tail) = after.split_at(length);
                segments.push(match key {
                    "" => return Err(error("a key is empty")),
                    "*" => PatternSegment::AnyKey,
                    "(json)" => PatternSegment::Embedded,
                    key => PatternSegment::Key(key.to_owned()),
                });
                rest = tail;
            } else if let Some(quoted) = rest.strip_prefix("[\"") {
                let end = quoted
                    .find("\"]")
                    .ok_or_else(|| error("`[\"` is not closed"))?;
                segments.push(PatternSegment::Key(quoted[..end].to_owned()));
                rest = &quoted[end + 2..];
            } else if let Some(bracket) = rest.strip_prefix('[') {
                let end = bracket
                    .find(']')
                    .ok_or_else(|| error("`[` is not closed"))?;
                segments.push(match &bracket[..end] {
                    "*" => PatternSegment::AnyIndex,
                    index => PatternSegment::Index(
                        index
                            .parse()
                            .map_err(|_| error("an index is a number or `*`"))?,
                    ),
                });
                rest = &bracket[end + 1..];
            } else {
                return Err(error("expected `.` or `[`"));
            }
        }
        Ok(Pattern {
            root: root.to_owned(),
            segments,
        })
    }

    /// Whether the place lies exactly where the pattern points.
    pub fn matches(&self, root: &str, segments: &[Segment<'_>]) -> bool {
        self.matches_below_root(segments) && self.root == root
    }

    /// Whether the place, which is below the root of this pattern, lies exactly where it points.
    pub(crate) fn matches_below_root(&self, segments: &[Segment<'_>]) -> bool {
        self.segments.len() == segments.len()
            && self
                .segments
                .iter()
                .zip(segments)
                .rev()
                .all(|(pattern, segment)| pattern.matches(segment))
    }

    /// Whether every place that `other` points at is one this pattern points at.
    pub fn covers(&self, other: &Self) -> bool {
        self.root == other.root
            && self.segments.len() == other.segments.len()
            && self
                .segments
                .iter()
                .zip(&other.segments)
                .all(|pair| match pair {
                    (PatternSegment::AnyKey, PatternSegment::Key(_))
                    | (PatternSegment::AnyIndex, PatternSegment::Index(_)) => true,
                    (ours, theirs) => ours == theirs,
                })
    }

    /// Whether the pattern points below the given place.
    pub fn is_below(&self, root: &str, segments: &[Segment<'_>]) -> bool {
        self.root == root && self.reaches_into(segments)
    }

    /// Whether the pattern points below the given place, which is below its root.
    pub(crate) fn reaches_into(&self, segments: &[Segment<'_>]) -> bool {
        self.segments.len() > segments.len()
            && self
                .segments
                .iter()
                .zip(segments)
                .all(|(pattern, segment)| pattern.matches(segment))
    }

    /// Whether the value has a place that the pattern points at, from its step `depth` on.
    pub(crate) fn is_in(&self, depth: usize, value: &Value<'_>) -> bool {
        let Some(segment) = self.segments.get(depth) else {
            return true;
        };
        let below = |child: &Value<'_>| self.is_in(depth + 1, child);
        match (segment, value) {
            (PatternSegment::Key(key), Value::Object(members)) => members
                .iter()
                .any(|(name, member)| name.written() == key && below(member)),
            (PatternSegment::AnyKey, Value::Object(members)) => {
                members.iter().any(|(_, member)| below(member))
            }
            (PatternSegment::Index(index), Value::Array(elements)) => {
                elements.get(*index).is_some_and(below)
            }
            (PatternSegment::AnyIndex, Value::Array(elements)) => elements.iter().any(below),
            // What stands in a string is not looked into for the sake of a shortcut.
            (PatternSegment::Embedded, Value::String(_)) => true,
            _ => false,
        }
    }

    /// The steps of a path that was read without wild cards.
    pub(crate) fn steps(&self) -> Vec<Segment<'_>> {
        self.segments.iter().map(PatternSegment::step).collect()
    }

    /// The key at the end of the path.
    pub(crate) fn last_key(&self) -> Option<&str> {
        match self.segments.last() {
            Some(PatternSegment::Key(key)) => Some(key),
            _ => None,
        }
    }

    /// `$`, `header`, or a table.
    pub fn root(&self) -> &str {
        &self.root
    }
}

impl PatternSegment {
    /// The step that this is when it was read from a path without wild cards.
    fn step(&self) -> Segment<'_> {
        match self {
            PatternSegment::Key(key) => Segment::Key(key),
            PatternSegment::AnyKey => Segment::Key("*"),
            PatternSegment::Index(index) => Segment::Index(*index),
            PatternSegment::AnyIndex => Segment::Index(0),
            PatternSegment::Embedded => Segment::Embedded,
        }
    }

    fn matches(&self, segment: &Segment<'_>) -> bool {
        match (self, segment) {
            (PatternSegment::Key(pattern), Segment::Key(key)) => pattern == key,
            (PatternSegment::Index(pattern), Segment::Index(index)) => pattern == index,
            (PatternSegment::AnyKey, Segment::Key(_))
            | (PatternSegment::AnyIndex, Segment::Index(_))
            | (PatternSegment::Embedded, Segment::Embedded) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_keys_that_need_it_in_quotes() {
        let path = [
            Segment::Key("stamps"),
            Segment::Key("ETHDaysActive#50"),
            Segment::Index(2),
            Segment::Embedded,
        ];
        assert_eq!(
            render("$", &path),
            r#"$.stamps["ETHDaysActive#50"][2].(json)"#
        );
    }

    #[test]
    fn wild_cards_stand_for_one_step() {
        let pattern = Pattern::parse("registry_score.*[*].evidence.rawScore").expect("valid");
        let path = [
            Segment::Key("inserted"),
            Segment::Index(3),
            Segment::Key("evidence"),
            Segment::Key("rawScore"),
        ];
        assert!(pattern.matches("registry_score", &path));
        assert!(!pattern.matches("registry_stamp", &path));
        assert!(!pattern.matches("registry_score", &path[..3]));
        assert!(pattern.is_below("registry_score", &path[..2]));
    }

    #[test]
    fn refuses_what_is_no_path() {
        for text in ["", ".a", "$[", "$[x]", "$..a", "$[0]a", "$[\"a]"] {
            assert!(Pattern::parse(text).is_err(), "{text:?}");
        }
    }
}
