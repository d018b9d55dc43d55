//! Tokens that say where a page of stamps starts: base64 of `{"d": direction, "id": stamp}`.

use base64::{Engine, prelude::BASE64_STANDARD};
use num_bigint::BigInt;
use num_traits::{FromPrimitive, Signed};

use crate::{
    auth::base64::{Base64Error, urlsafe_decode_unpadded},
    python::{
        Value, int,
        json::{self, JsonError},
        text,
    },
    store::stamp_pages::Cursor,
};

/// Why a token leads nowhere: what Python, and Django where it looks for the stamp, raise. Analytics
/// keep the text.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum TokenError {
    #[error(transparent)]
    Base64(#[from] Base64Error),
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error("'{0}' object has no attribute 'get'")]
    NoObject(&'static str),
    #[error("Cannot use None as a query value")]
    NoStamp,
    #[error("Field 'id' expected a number but got {0}.")]
    NoNumber(String),
    #[error("cannot convert float NaN to integer")]
    NotANumber,
    #[error("cannot convert float infinity to integer")]
    Infinite,
}

/// The way that a token points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Next,
    Prev,
}

/// Where the page of a token starts; without a direction that is known it is the first page.
pub(super) fn read(token: &str) -> Result<Cursor, TokenError> {
    let token = json::loads(&urlsafe_decode_unpadded(token)?)?;
    let Value::Dict(token) = token else {
        return Err(TokenError::NoObject(token.type_name()));
    };
    let direction = match token.get("d").and_then(Value::as_str) {
        Some("next") => Direction::Next,
        Some("prev") => Direction::Prev,
        _ => return Ok(Cursor::First),
    };
    let id = clamped(&stamp_number(token.get("id"), direction)?);
    Ok(match direction {
        Direction::Next => Cursor::After(id),
        Direction::Prev => Cursor::Before(id),
    })
}

pub(super) fn write(direction: Direction, id: i64) -> String {
    let direction = match direction {
        Direction::Next => "next",
        Direction::Prev => "prev",
    };
    BASE64_STANDARD.encode(format!(r#"{{"d": "{direction}", "id": {id}}}"#))
}

/// The number that Django compares identifiers with. Fractions are rounded so that the comparison
/// stays true.
fn stamp_number(id: Option<&Value>, direction: Direction) -> Result<BigInt, TokenError> {
    let id = id.unwrap_or(&Value::None);
    let no_number = || TokenError::NoNumber(text::repr(id));
    match id {
        Value::None => Err(TokenError::NoStamp),
        Value::Bool(truth) => Ok(BigInt::from(u8::from(*truth))),
        Value::Int(number) => Ok(number.clone()),
        Value::Float(number) if number.is_nan() => Err(match direction {
            Direction::Next => TokenError::NotANumber,
            Direction::Prev => no_number(),
        }),
        Value::Float(number) => {
            let whole = match direction {
                Direction::Next => number.ceil(),
                Direction::Prev => number.trunc(),
            };
            BigInt::from_f64(whole).ok_or(TokenError::Infinite)
        }
        Value::Str(digits) => int::parse_int_py(digits).ok_or_else(no_number),
        Value::List(_) | Value::Dict(_) => Err(no_number()),
    }
}

/// No identifier lies beyond 64 bits.
fn clamped(id: &BigInt) -> i64 {
    i64::try_from(id).unwrap_or(if id.is_negative() { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_json(token: &str) -> Result<Cursor, String> {
        read(&BASE64_STANDARD.encode(token)).map_err(|error| error.to_string())
    }

    #[test]
    fn tokens_are_those_of_the_python_service() {
        let token = "eyJkIjogIm5leHQiLCAiaWQiOiAyODV9";
        assert_eq!(write(Direction::Next, 285), token);
        assert_eq!(read(token), Ok(Cursor::After(285)));
        let token = "eyJkIjogInByZXYiLCAiaWQiOiAyODV9";
        assert_eq!(write(Direction::Prev, 285), token);
        assert_eq!(read(token), Ok(Cursor::Before(285)));
        assert_eq!(read("eyJpZCI6IDF9"), Ok(Cursor::First));
    }

    /// Each tried with `json.loads`, `base64` and a Django 4.2.6 filter on a `BigAutoField`.
    #[test]
    fn whatever_python_takes_for_a_number_is_one() {
        for (id, after, before) in [
            (r#"" 2_8 ""#, 28, 28),
            ("1.5", 2, 1),
            ("-1.5", -1, -1),
            ("true", 1, 1),
            ("1e30", i64::MAX, i64::MAX),
            ("-99999999999999999999", i64::MIN, i64::MIN),
        ] {
            let next = format!(r#"{{"d": "next", "id": {id}}}"#);
            assert_eq!(read_json(&next), Ok(Cursor::After(after)), "{id}");
            let prev = format!(r#"{{"d": "prev", "id": {id}}}"#);
            assert_eq!(read_json(&prev), Ok(Cursor::Before(before)), "{id}");
        }
    }

    #[test]
    fn tokens_that_lead_nowhere_fail_as_python_words_it() {
        for (token, error) in [
            (r#"{"d": "next"}"#, "Cannot use None as a query value"),
            (
                r#"{"d": "next", "id": "x\u0000"}"#,
                r"Field 'id' expected a number but got 'x\x00'.",
            ),
            (
                r#"{"d": "prev", "id": [{"a": 1}]}"#,
                "Field 'id' expected a number but got [{'a': 1}].",
            ),
            (
                r#"{"d": "next", "id": NaN}"#,
                "cannot convert float NaN to integer",
            ),
            (
                r#"{"d": "prev", "id": NaN}"#,
                "Field 'id' expected a number but got nan.",
            ),
            (
                r#"{"d": "prev", "id": 1e400}"#,
                "cannot convert float infinity to integer",
            ),
            ("", "Expecting value: line 1 column 1 (char 0)"),
            (
                r#"{"d": "next", "id": 5"#,
                "Expecting ',' delimiter: line 1 column 22 (char 21)",
            ),
            ("[]", "'list' object has no attribute 'get'"),
        ] {
            assert_eq!(read_json(token), Err(error.to_owned()), "{token}");
        }
        assert_eq!(read("eyJ"), Err(TokenError::Base64(Base64Error::Padding)));
    }
}
