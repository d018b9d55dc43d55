//! Lossless JSON: numbers and strings keep the text they were written with, objects keep their
//! order and their duplicate keys.
//!
//! Values borrow from the document they were parsed from, so reading a body copies nothing.
//! [`Json`] is the owned form. `NaN`, `Infinity` and `-Infinity` are numbers, because Python's
//! `json` writes and reads them (contract §1.5).

mod layout;
mod parse;
mod scan;
mod text;

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

use crate::path::Segment;

pub use layout::Layout;
pub use parse::{MAX_DEPTH, parse, parse_with_layout};
pub use text::Text;

/// A JSON value exactly as written, borrowed from its document where that is possible.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    /// The number's text, e.g. `1.10`, `1e2`, `NaN`.
    Number(Cow<'a, str>),
    String(Text<'a>),
    Array(Vec<Value<'a>>),
    /// Members in written order; a repeated key appears repeatedly.
    Object(Vec<(Text<'a>, Value<'a>)>),
}

/// A JSON value that owns its text.
pub type Json = Value<'static>;

/// Why a document is not JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct JsonError {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    pub message: String,
}

impl<'a> Value<'a> {
    /// A string value holding `decoded`, written with the escapes that Python's `json.dumps` uses.
    pub fn string(decoded: &str) -> Json {
        Value::String(Text::from_decoded(decoded))
    }

    /// A number written as `text`, which must be a JSON number.
    pub fn number(text: impl fmt::Display) -> Json {
        Value::Number(Cow::Owned(text.to_string()))
    }

    /// First member of an object with this (decoded) key.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.members()?
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Members of an object, in written order.
    pub fn members(&self) -> Option<&[(Text<'a>, Value<'a>)]> {
        match self {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }

    pub fn elements(&self) -> Option<&[Value<'a>]> {
        match self {
            Value::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// Decoded text of a string.
    pub fn as_str(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::String(text) => Some(text.decoded()),
            _ => None,
        }
    }

    /// JSON's name for the type of this value.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }

    /// The same value without its document.
    pub fn into_owned(self) -> Json {
        match self {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(value),
            Value::Number(text) => Value::Number(Cow::Owned(text.into_owned())),
            Value::String(text) => Value::String(text.into_owned()),
            Value::Array(elements) => {
                Value::Array(elements.into_iter().map(Value::into_owned).collect())
            }
            Value::Object(members) => Value::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (key.into_owned(), value.into_owned()))
                    .collect(),
            ),
        }
    }

    /// The same value with each element and member replaced by what `replace` makes of it, given
    /// the path that leads there.
    pub(crate) fn map_children<'v>(
        &'v self,
        path: &mut Vec<Segment<'v>>,
        replace: &mut dyn FnMut(&mut Vec<Segment<'v>>, &'v Value<'a>) -> Json,
    ) -> Json {
        match self {
            Value::Array(elements) => Value::Array(
                elements
                    .iter()
                    .enumerate()
                    .map(|(index, element)| {
                        path.push(Segment::Index(index));
                        let element = replace(path, element);
                        path.pop();
                        element
                    })
                    .collect(),
            ),
            Value::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(key, member)| {
                        path.push(Segment::Key(key.written()));
                        let member = replace(path, member);
                        path.pop();
                        (key.clone().into_owned(), member)
                    })
                    .collect(),
            ),
            scalar => scalar.clone().into_owned(),
        }
    }

    /// The value as JSON on one line, with `, ` and `: ` between tokens as Python writes it.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// The value as JSON with one member or element per line, for people.
    pub fn to_pretty(&self) -> String {
        let mut out = String::new();
        self.write_pretty(&mut out, 0);
        out.push('\n');
        out
    }

    fn write_pretty(&self, out: &mut String, depth: usize) {
        let line = |out: &mut String, depth: usize| {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        };
        match self {
            Value::Array(elements) if !elements.is_empty() => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    line(out, depth + 1);
                    element.write_pretty(out, depth + 1);
                }
                line(out, depth);
                out.push(']');
            }
            Value::Object(members) if !members.is_empty() => {
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    line(out, depth + 1);
                    key.write(out);
                    out.push_str(": ");
                    value.write_pretty(out, depth + 1);
                }
                line(out, depth);
                out.push('}');
            }
            other => other.write(out),
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Value::Null => out.push_str("null"),
            Value::Bool(true) => out.push_str("true"),
            Value::Bool(false) => out.push_str("false"),
            Value::Number(text) => out.push_str(text),
            Value::String(text) => text.write(out),
            Value::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    element.write(out);
                }
                out.push(']');
            }
            Value::Object(members) => {
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    key.write(out);
                    out.push_str(": ");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// Through `serde_json` only, and without loss: the text passes through untouched.
impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_text())
            .map_err(ser::Error::custom)?
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        parse(raw.get().as_bytes())
            .map(Value::into_owned)
            .map_err(de::Error::custom)
    }
}
