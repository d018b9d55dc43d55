//! `repr()` and `str()` of JSON values.
//!
//! They show in stored proof values (domain H39) and in error texts (domain B.8).

use std::fmt::Write;

use super::unicode::is_printable;
use super::{PyStr, Value};

/// `repr(value)`
#[must_use]
pub fn repr(value: &Value) -> String {
    let mut out = String::new();
    write_repr(&mut out, value);
    out
}

/// `str(value)`: a string as it is (its surrogates kept), anything else as `repr`.
#[must_use]
pub fn str(value: &Value) -> PyStr {
    match value {
        Value::Str(text) => text.clone(),
        other => PyStr::Text(repr(other)),
    }
}

/// `repr(text)` of a string.
#[must_use]
pub fn repr_str(text: &PyStr) -> String {
    let mut out = String::new();
    write_str_repr(&mut out, text);
    out
}

/// `repr(number)` of a float: the shortest digits that read back as the same double, always with a
/// point or an exponent; the exponent form below 1e-4 and from 1e16.
#[must_use]
pub fn float_repr(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let (mantissa, exponent) = shortest(number);
    if (-4..16).contains(&exponent) {
        return plain(number, &mantissa, exponent);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// A float in pydantic's JSON: like `repr`, but the exponent form starts one decimal later and has
/// neither plus nor padding.
pub(crate) fn float_compact(number: f64) -> String {
    let (mantissa, exponent) = shortest(number);
    if (-5..16).contains(&exponent) {
        return plain(number, &mantissa, exponent);
    }
    format!("{mantissa}e{exponent}")
}

/// Without exponent, at least one decimal.
fn plain(number: f64, mantissa: &str, exponent: i32) -> String {
    let places = (decimals(mantissa) as i32 - exponent).max(1) as usize;
    format!("{number:.places$}")
}

fn decimals(mantissa: &str) -> usize {
    mantissa
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len())
}

/// The shortest mantissa that reads back, and the exponent, of a finite number. Where two mantissas
/// of that length do, and the double is exactly in the middle, Python takes the even one and Rust
/// does not.
fn shortest(number: f64) -> (String, i32) {
    let split = |scientific: String| match scientific.split_once('e') {
        Some((mantissa, exponent)) => (mantissa.to_owned(), exponent.parse().unwrap_or_default()),
        None => (scientific, 0),
    };
    let shortest = split(format!("{number:e}"));
    let rounded = format!("{number:.*e}", decimals(&shortest.0));
    if rounded.parse() == Ok(number) {
        split(rounded)
    } else {
        shortest
    }
}

fn write_repr(out: &mut String, value: &Value) {
    match value {
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Float(number) => out.push_str(&float_repr(*number)),
        Value::Str(text) => write_str_repr(out, text),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_repr(out, item);
            }
            out.push(']');
        }
        Value::Dict(dict) => {
            out.push('{');
            for (index, (key, item)) in dict.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_str_repr(out, key);
                out.push_str(": ");
                write_repr(out, item);
            }
            out.push('}');
        }
    }
}

fn write_str_repr(out: &mut String, text: &PyStr) {
    let has = |wanted: char| text.code_points().any(|point| point == u32::from(wanted));
    let quote = if has('\'') && !has('"') { '"' } else { '\'' };
    out.push(quote);
    for point in text.code_points() {
        match char::from_u32(point) {
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some('\\') => out.push_str("\\\\"),
            Some(character) if character == quote => {
                out.push('\\');
                out.push(quote);
            }
            Some(character) if is_printable(point) => out.push(character),
            _ => {
                let _ = match point {
                    0..=0xff => write!(out, "\\x{point:02x}"),
                    0x100..=0xffff => write!(out, "\\u{point:04x}"),
                    _ => write!(out, "\\U{point:08x}"),
                };
            }
        }
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::json::loads;

    #[test]
    fn repr_is_pythons_notation() {
        let value = loads(
            r#"{"a": [1, 2.5, true, null, "it's", "say \"'\"", "\u0000\u00e9\n\ud800\u200b😀\udb40\udc01"]}"#
                .as_bytes(),
        )
        .unwrap();
        assert_eq!(
            repr(&value),
            r#"{'a': [1, 2.5, True, None, "it's", 'say "\'"', '\x00é\n\ud800\u200b😀\U000e0001']}"#
        );
    }

    #[test]
    fn floats_switch_to_exponents_like_python() {
        for (number, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (1e15, "1000000000000000.0"),
            (9007199254740993.0, "9007199254740992.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (5e-324, "5e-324"),
            (8_788_893_201.0 + 1.0 / 128.0, "8788893201.007812"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(float_repr(number), expected);
        }
    }
}
