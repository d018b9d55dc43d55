//! What a value becomes on its way through a PostgreSQL `jsonb` column.
//!
//! Python writes it with `json.dumps`, PostgreSQL parses it, orders the keys and keeps numbers as
//! `numeric`, prints it, and Python's `json.loads` reads that (contract §1.5, domain 0.3).

use std::cmp::Ordering;

use num_bigint::BigInt;

use super::json::{Style, dumps, write_value};
use super::string::is_surrogate;
use super::text::float_repr;
use super::{Dict, PyStr, Value};

/// Why PostgreSQL refuses a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonbError {
    /// `NaN` and the infinities are no JSON.
    #[error("a number is not finite")]
    NotFinite,
    /// `\u0000` cannot be stored in text.
    #[error("a string holds U+0000")]
    Nul,
    /// Half of a UTF-16 pair without the other.
    #[error("a string holds a lone surrogate")]
    LoneSurrogate,
}

/// The text to send as `jsonb` parameter: `json.dumps` of a value that PostgreSQL will take.
///
/// # Errors
///
/// If PostgreSQL refuses the value.
pub fn to_text(value: &Value) -> Result<String, JsonbError> {
    check(value)?;
    Ok(dumps(value))
}

/// What [`normalise`] would refuse, in the order in which it would.
fn check(value: &Value) -> Result<(), JsonbError> {
    match value {
        Value::List(items) => {
            for item in items {
                check(item)?;
            }
        }
        Value::Dict(dict) => {
            for member in dict.values() {
                check(member)?;
            }
            for key in dict.keys() {
                check_string(key)?;
            }
        }
        Value::Float(number) if !number.is_finite() => return Err(JsonbError::NotFinite),
        Value::Str(text) => check_string(text)?,
        Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
    }
    Ok(())
}

fn check_string(text: &PyStr) -> Result<(), JsonbError> {
    match text {
        PyStr::Text(text) if text.contains('\0') => Err(JsonbError::Nul),
        PyStr::Text(_) => Ok(()),
        PyStr::IllFormed(_) => normalise_string(text).map(drop),
    }
}

/// The value as it is read back: keys by length in bytes, then bytewise; `-0.0` is `0.0`; a float
/// that Python writes with a positive exponent is an integer.
///
/// # Errors
///
/// If PostgreSQL refuses the value.
pub fn normalise(value: &Value) -> Result<Value, JsonbError> {
    let mut stored = value.clone();
    normalise_in_place(&mut stored)?;
    Ok(stored)
}

/// In place, because that needs the least stack per level of nesting.
fn normalise_in_place(value: &mut Value) -> Result<(), JsonbError> {
    match value {
        Value::List(items) => {
            for item in items {
                normalise_in_place(item)?;
            }
            Ok(())
        }
        Value::Dict(dict) => {
            for (_, member) in &mut *dict {
                normalise_in_place(member)?;
            }
            reorder(dict)
        }
        leaf => normalise_leaf(leaf),
    }
}

fn normalise_leaf(value: &mut Value) -> Result<(), JsonbError> {
    match value {
        Value::Float(number) => *value = normalise_float(*number)?,
        Value::Str(text) => match text {
            PyStr::Text(_) => check_string(text)?,
            PyStr::IllFormed(_) => *value = Value::Str(normalise_string(text)?.into()),
        },
        Value::None | Value::Bool(_) | Value::Int(_) | Value::List(_) | Value::Dict(_) => {}
    }
    Ok(())
}

/// How PostgreSQL prints a normalised value: spaced like `json.dumps`, but no exponents and
/// non-ASCII raw.
#[must_use]
pub fn printed(normalised: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, normalised, Style::Postgres);
    out
}

fn normalise_float(number: f64) -> Result<Value, JsonbError> {
    if !number.is_finite() {
        return Err(JsonbError::NotFinite);
    }
    if number == 0.0 {
        return Ok(Value::Float(0.0));
    }
    let plain = plain_number(number);
    if plain.contains('.') {
        return Ok(Value::Float(number));
    }
    Ok(plain
        .parse::<BigInt>()
        .map_or(Value::Float(number), Value::Int))
}

/// A finite float as PostgreSQL's `numeric` prints what Python wrote: no exponent, and a fraction
/// unless Python wrote a positive exponent.
pub(crate) fn plain_number(number: f64) -> String {
    let repr = float_repr(number);
    let Some((mantissa, exponent)) = repr.split_once('e') else {
        return repr;
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let zeros = exponent.unsigned_abs() as usize;
    if exponent > 0 {
        format!("{sign}{digits:0<width$}", width = zeros + 1)
    } else {
        format!(
            "{sign}0.{:0>zeros$}{}",
            digits.get(..1).unwrap_or_default(),
            &digits[1..]
        )
    }
}

fn normalise_string(text: &PyStr) -> Result<String, JsonbError> {
    let text = match text {
        PyStr::Text(text) => text.clone(),
        PyStr::IllFormed(points) => join_pairs(points)?,
    };
    if text.contains('\0') {
        return Err(JsonbError::Nul);
    }
    Ok(text)
}

/// Python escapes the halves of a pair one by one; PostgreSQL reads the two escapes as one
/// character.
fn join_pairs(points: &[u32]) -> Result<String, JsonbError> {
    let mut text = String::new();
    let mut rest = points;
    while let [point, after @ ..] = rest {
        rest = after;
        let character = match (is_surrogate(*point), after) {
            (false, _) => char::from_u32(*point),
            (true, [low @ 0xDC00..=0xDFFF, after @ ..]) if *point < 0xDC00 => {
                rest = after;
                char::from_u32(0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00))
            }
            (true, _) => None,
        };
        text.push(character.ok_or(JsonbError::LoneSurrogate)?);
    }
    Ok(text)
}

fn reorder(dict: &mut Dict) -> Result<(), JsonbError> {
    if is_in_order(dict) {
        return dict.keys().try_for_each(check_string);
    }
    let mut members = std::mem::take(dict)
        .into_iter()
        .map(|(key, member)| Ok((normalise_string(&key)?, member)))
        .collect::<Result<Vec<_>, JsonbError>>()?;
    // A stable sort keeps equal keys in order, so that the last one wins when they are collected.
    members.sort_by(|(left, _), (right, _)| by_length(left, right));
    *dict = members.into_iter().collect();
    Ok(())
}

fn by_length(left: &str, right: &str) -> Ordering {
    (left.len(), left.as_bytes()).cmp(&(right.len(), right.as_bytes()))
}

/// Whether the keys stand as they would be stored: most values have been through a column before.
fn is_in_order(dict: &Dict) -> bool {
    dict.keys().is_sorted_by(|left, right| match (left, right) {
        (PyStr::Text(left), PyStr::Text(right)) => by_length(left, right).is_lt(),
        _ => false,
    }) && !matches!(dict.keys().next(), Some(PyStr::IllFormed(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::json::loads;

    fn stored(text: &str) -> Result<String, JsonbError> {
        normalise(&loads(text.as_bytes()).unwrap()).map(|value| dumps(&value))
    }

    #[test]
    fn keys_are_ordered_by_length_then_bytes() {
        assert_eq!(
            stored(r#"{"bb":1,"c":2,"a":3,"é":4,"aaa":5}"#).unwrap(),
            r#"{"a": 3, "c": 2, "bb": 1, "\u00e9": 4, "aaa": 5}"#
        );
    }

    #[test]
    fn numbers_pass_through_numeric() {
        assert_eq!(
            stored("[1e16, 1.5e300, -0.0, -0, 1e2, 1e-7, 1.10, -1.25e-10, 1e15, -2e22]").unwrap(),
            format!(
                "[10000000000000000, 15{}, 0.0, 0, 100.0, 1e-07, 1.1, -1.25e-10, \
                 1000000000000000.0, -20000000000000000000000]",
                "0".repeat(299)
            )
        );
        let value = normalise(&loads(b"[1e-7, -1.25e-10, 1e16, 1.5]").unwrap()).unwrap();
        assert_eq!(
            printed(&value),
            "[0.0000001, -0.000000000125, 10000000000000000, 1.5]"
        );
    }

    #[test]
    fn what_text_cannot_hold_is_refused() {
        assert_eq!(stored("[NaN]"), Err(JsonbError::NotFinite));
        assert_eq!(stored("1e400"), Err(JsonbError::NotFinite));
        assert_eq!(stored(r#"{"\u0000": 1}"#), Err(JsonbError::Nul));
        assert_eq!(stored(r#""\ud800""#), Err(JsonbError::LoneSurrogate));
        assert_eq!(stored(r#""\udc00\ud800""#), Err(JsonbError::LoneSurrogate));
    }

    #[test]
    fn halves_that_python_kept_apart_become_one_character() {
        let value = loads(b"\"\xed\xa0\xbd\xed\xb8\x80\"").unwrap();
        assert!(value.as_str().is_none());
        assert_eq!(normalise(&value).unwrap().as_str(), Some("😀"));
    }

    #[test]
    fn what_is_sent_is_refused_as_what_is_read_would_be() {
        for text in [
            r#"{"a": {"bb": 1, "c": [true, null, 1.5, "x"]}, "é": "\ud83d\ude00"}"#,
            r#"{"a": "\u0000", "b": NaN}"#,
            r#"{"a\u0000": NaN}"#,
            r#"{"a": {"\ud800": 1}, "b": "\u0000"}"#,
            r#"["\ud83d\ude00", {"\udc00": 1}, Infinity]"#,
            r#"{"\ud83d\ude00": 1, "a": 2}"#,
        ] {
            let value = loads(text.as_bytes()).unwrap();
            assert_eq!(check(&value).err(), normalise(&value).err(), "{text}");
        }
    }
}
