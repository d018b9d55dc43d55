//! `int(str)` and pydantic's reading of an `int` field.

use num_bigint::BigInt;

use super::unicode::decimal_digit;
use super::{PyStr, Value};

/// Most digits that Python converts between text and integer (`sys.get_int_max_str_digits()`).
pub const MAX_DIGITS: usize = 4300;

/// `int(text)` in base 10: surrounding white space, one sign, digits of any script with single
/// underscores between them (contract §2.3, §3.6). `None` where Python raises `ValueError`.
///
/// Unlike `str.strip` it takes U+001C to U+001F for no space.
#[must_use]
pub fn parse_int(text: &str) -> Option<BigInt> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let digits = grouped_digits(text, decimal_digit)?;
    if digits.len() > MAX_DIGITS {
        return None;
    }
    signed(negative, &digits)
}

/// `int(text)` of a string that may hold lone surrogates.
#[must_use]
pub fn parse_int_py(text: &PyStr) -> Option<BigInt> {
    text.as_str().and_then(parse_int)
}

/// Why pydantic refuses an integer (contract §1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntError {
    #[error("Input should be a valid integer, unable to parse string as an integer")]
    Parsing,
    #[error("Unable to parse input string as an integer, exceeded maximum size")]
    ParsingSize,
    #[error("Input should be a valid integer")]
    Type,
    #[error("Input should be a valid integer, got a number with a fractional part")]
    FromFloat,
    #[error("Input should be a finite number")]
    FiniteNumber,
    #[error("Input should be a valid string, unable to parse raw data as a unicode string")]
    Unicode,
}

impl IntError {
    /// The `type` of the 422 item; its `msg` is the text of this error.
    #[must_use]
    pub fn type_name(self) -> &'static str {
        match self {
            IntError::Parsing => "int_parsing",
            IntError::ParsingSize => "int_parsing_size",
            IntError::Type => "int_type",
            IntError::FromFloat => "int_from_float",
            IntError::FiniteNumber => "finite_number",
            IntError::Unicode => "string_unicode",
        }
    }
}

/// An `int` field of a JSON body as pydantic 2.10 reads it in lax mode (contract §1.7).
///
/// # Errors
///
/// If the value is no integer to pydantic.
pub fn pydantic_int(value: &Value) -> Result<BigInt, IntError> {
    match value {
        Value::Bool(value) => Ok(BigInt::from(u8::from(*value))),
        Value::Int(value) => Ok(value.clone()),
        Value::Float(value) => integral(*value),
        Value::Str(PyStr::Text(text)) => pydantic_int_str(text),
        Value::Str(PyStr::IllFormed(_)) => Err(IntError::Unicode),
        Value::None | Value::List(_) | Value::Dict(_) => Err(IntError::Type),
    }
}

/// An `int` parameter in a path or query as pydantic 2.10 reads it (contract §1.7).
///
/// # Errors
///
/// If the text is no integer to pydantic.
pub fn pydantic_int_str(text: &str) -> Result<BigInt, IntError> {
    if plain_length(text) > MAX_DIGITS {
        return Err(IntError::ParsingSize);
    }
    let text = text.trim();
    let (sign, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(rest) if text.starts_with('-') => ("-", rest),
        Some(rest) => ("", rest),
        None => ("", text),
    };
    let whole = match unsigned.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => {
            whole
        }
        Some(_) => return Err(IntError::Parsing),
        None => unsigned,
    };
    let (inner_minus, digits) = without_leading_zeros(whole).ok_or(IntError::Parsing)?;
    if inner_minus && !sign.is_empty() {
        return Err(IntError::Parsing);
    }
    let negative = inner_minus || !sign.is_empty();
    // Only the plain form above has the error for its size.
    if digits.len() + usize::from(negative) > MAX_DIGITS {
        return Err(IntError::Parsing);
    }
    signed(negative, &digits).ok_or(IntError::Parsing)
}

/// The digits of an unsigned integer text. pydantic drops zeros and underscores from its front
/// together, and then takes a minus that it finds there: `0__1` is 1 and `0-1` is -1.
fn without_leading_zeros(text: &str) -> Option<(bool, String)> {
    let ascii_digits = |text: &str| {
        grouped_digits(text, |character| {
            character.to_digit(10).map(|digit| digit as u8)
        })
    };
    if !text.starts_with('0') {
        return Some((false, ascii_digits(text)?));
    }
    let rest = text.trim_start_matches(['0', '_']);
    if rest.is_empty() {
        return text.ends_with('0').then(|| (false, "0".to_owned()));
    }
    let Some(after_minus) = rest.strip_prefix('-') else {
        return Some((false, ascii_digits(rest)?));
    };
    let after_minus = after_minus.strip_prefix('_').unwrap_or(after_minus);
    if after_minus.starts_with('0') && after_minus.len() > 1 {
        return None;
    }
    Some((true, ascii_digits(after_minus)?))
}

/// Characters of the integer at the start of the text, in the form that JSON has: a minus perhaps,
/// no leading zero.
fn plain_length(text: &str) -> usize {
    let sign = usize::from(text.starts_with('-'));
    let digits = &text.as_bytes()[sign..];
    match digits.first() {
        Some(b'1'..=b'9') => {
            sign + digits
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        }
        _ => 0,
    }
}

/// Digits with single underscores between them, as ASCII digits alone.
fn grouped_digits(text: &str, value: impl Fn(char) -> Option<u8>) -> Option<String> {
    let mut digits = String::with_capacity(text.len());
    let mut after_digit = false;
    for character in text.chars() {
        match value(character) {
            Some(digit) => digits.push(char::from(b'0' + digit)),
            None if character == '_' && after_digit => {}
            None => return None,
        }
        after_digit = character != '_';
    }
    after_digit.then_some(digits)
}

fn integral(number: f64) -> Result<BigInt, IntError> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if !number.is_finite() {
        return Err(IntError::FiniteNumber);
    }
    if number.fract() != 0.0 {
        return Err(IntError::FromFloat);
    }
    if number <= -LIMIT || number >= LIMIT {
        return Err(IntError::ParsingSize);
    }
    Ok(BigInt::from(number as i64))
}

fn signed(negative: bool, digits: &str) -> Option<BigInt> {
    let magnitude: BigInt = digits.parse().ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn int_takes_what_python_takes() {
        for (text, expected) in [
            (" 1", 1),
            ("+1", 1),
            ("01", 1),
            ("1_0", 10),
            ("1\n", 1),
            ("１２", 12),
            ("\u{85}-5\u{3000}", -5),
            ("-0", 0),
        ] {
            assert_eq!(parse_int(text), Some(BigInt::from(expected)), "{text:?}");
        }
        for text in [
            "", " ", "+", "1__0", "_1", "1_", "1.0", "0x1", "1e3", "+-1", "1\0", "²",
        ] {
            assert_eq!(parse_int(text), None, "{text:?}");
        }
        assert!(parse_int(&format!("-{}", "9".repeat(4300))).is_some());
        assert!(parse_int(&"0".repeat(4301)).is_none());
    }

    #[test]
    fn pydantic_reads_strings_by_its_own_grammar() {
        for (text, expected) in [
            ("1.0", 1),
            ("01", 1),
            ("+1", 1),
            ("1_000", 1000),
            (" 1\n", 1),
        ] {
            assert_eq!(
                pydantic_int_str(text),
                Ok(BigInt::from(expected)),
                "{text:?}"
            );
        }
        for text in [
            "1.", ".0", "1e0", "-0-1", "0-01", "0x1", "_1", "1_", "1__0", "1_.0", "1.0_0", "１",
            "", "\u{1c}1",
        ] {
            assert_eq!(pydantic_int_str(text), Err(IntError::Parsing), "{text:?}");
        }
        for (text, expected) in [("0__1", 1), ("0-1", -1), ("+0-_5.0", -5), ("-0__7", -7)] {
            assert_eq!(
                pydantic_int_str(text),
                Ok(BigInt::from(expected)),
                "{text:?}"
            );
        }
        assert_eq!(pydantic_int_str("\u{a0}7\u{85}"), Ok(BigInt::from(7)));
    }

    #[test]
    fn pydantic_reads_json_values() {
        let two_to_63 = 9_223_372_036_854_775_808.0;
        for (value, expected) in [
            (Value::Bool(true), Ok(1)),
            (Value::Float(-3.0), Ok(-3)),
            (Value::Float(1.5), Err(IntError::FromFloat)),
            (Value::Float(f64::NAN), Err(IntError::FiniteNumber)),
            (Value::Float(two_to_63), Err(IntError::ParsingSize)),
            (Value::Float(-two_to_63), Err(IntError::ParsingSize)),
            (Value::None, Err(IntError::Type)),
            (Value::List(vec![]), Err(IntError::Type)),
        ] {
            assert_eq!(
                pydantic_int(&value),
                expected.map(BigInt::from),
                "{value:?}"
            );
        }
    }
}
