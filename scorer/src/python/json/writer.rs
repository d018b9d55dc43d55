//! `json.dumps` and pydantic's compact JSON.

use std::fmt::Write;

use crate::python::jsonb::plain_number;
use crate::python::text::{float_compact, float_repr};
use crate::python::{PyStr, Value};

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `json.dumps`: `", "` and `": "`, everything beyond printable ASCII escaped.
    Spaced,
    /// pydantic's `model_dump_json`: `","` and `":"`, only quotes, backslashes and controls escaped.
    Compact,
    /// PostgreSQL's output of a `jsonb`: spaced, escaped like compact.
    Postgres,
}

/// `json.dumps(value)` (contract §1.5).
#[must_use]
pub fn dumps(value: &Value) -> String {
    written(value, Style::Spaced)
}

/// The compact JSON of the analytics column `response` (contract §6): no spaces, non-ASCII raw.
///
/// A lone surrogate, which that JSON cannot hold, stays an escape.
#[must_use]
pub fn dumps_compact(value: &Value) -> String {
    written(value, Style::Compact)
}

fn written(value: &Value, style: Style) -> String {
    let mut out = String::new();
    write_value(&mut out, value, style);
    out
}

/// Appends a document.
pub(crate) fn write_value(out: &mut String, value: &Value, style: Style) {
    let (comma, colon) = match style {
        Style::Spaced | Style::Postgres => (", ", ": "),
        Style::Compact => (",", ":"),
    };
    match value {
        Value::None => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Float(number) => write_float(out, *number, style),
        Value::Str(text) => write_string(out, text, style),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(comma);
                }
                write_value(out, item, style);
            }
            out.push(']');
        }
        Value::Dict(dict) => {
            out.push('{');
            for (index, (key, item)) in dict.iter().enumerate() {
                if index > 0 {
                    out.push_str(comma);
                }
                write_string(out, key, style);
                out.push_str(colon);
                write_value(out, item, style);
            }
            out.push('}');
        }
    }
}

fn write_float(out: &mut String, number: f64, style: Style) {
    if number.is_nan() {
        out.push_str("NaN");
    } else if number.is_infinite() {
        out.push_str(if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        });
    } else {
        out.push_str(&match style {
            Style::Spaced => float_repr(number),
            Style::Compact => float_compact(number),
            Style::Postgres => plain_number(number),
        });
    }
}

fn write_string(out: &mut String, text: &PyStr, style: Style) {
    out.push('"');
    match text {
        PyStr::Text(text) => {
            for character in text.chars() {
                write_character(out, u32::from(character), Some(character), style);
            }
        }
        PyStr::IllFormed(points) => {
            for &point in points {
                write_character(out, point, char::from_u32(point), style);
            }
        }
    }
    out.push('"');
}

fn write_character(out: &mut String, point: u32, character: Option<char>, style: Style) {
    match (point, character) {
        (0x22, _) => out.push_str("\\\""),
        (0x5c, _) => out.push_str("\\\\"),
        (0x08, _) => out.push_str("\\b"),
        (0x0c, _) => out.push_str("\\f"),
        (0x0a, _) => out.push_str("\\n"),
        (0x0d, _) => out.push_str("\\r"),
        (0x09, _) => out.push_str("\\t"),
        (0x20..=0x7e, Some(character)) => out.push(character),
        (0x7f.., Some(character)) if style != Style::Spaced => out.push(character),
        (0x1_0000.., _) => {
            let offset = point - 0x1_0000;
            let (high, low) = (0xD800 + (offset >> 10), 0xDC00 + (offset & 0x3FF));
            let _ = write!(out, "\\u{high:04x}\\u{low:04x}");
        }
        _ => {
            let _ = write!(out, "\\u{point:04x}");
        }
    }
}
