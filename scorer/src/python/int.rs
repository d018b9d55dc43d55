//! `int(str)` and pydantic's reading of an `int` field.

use num_bigint::BigInt;

use super::unicode::{decimal_digit, strip};
use super::{PyStr, Value};

/// Most digits that Python converts between text and integer (`sys.get_int_max_str_digits()`).
pub const MAX_DIGITS: usize = 4300;

/// `int(text)` in base 10: surrounding white space, one sign, digits of any script with single
/// underscores between them (contract §2.3, §3.6). `None` where Python raises `ValueError`.
#[must_use]
pub fn parse_int(text: &str) -> Option<BigInt> {
    let text = strip(text);
    let (negative, text) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let mut digits = String::with_capacity(text.len());
    let mut after_digit = false;
    for character in text.chars() {
        match decimal_digit(character) {
            Some(digit) => {
                digits.push(char::from(b'0' + digit));
                after_digit = true;
            }
            None if character == '_' && after_digit => after_digit = false,
            None => return None,
        }
    }
    if !after_digit || digits.len() > MAX_DIGITS {
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
        Value::Str(PyStr::IllFormed(_)) => Err(IntError::Parsing),
        Value::None | Value::List(_) | Value::Dict(_) => Err(IntError::Type),
    }
}

/// An `int` parameter in a path or query as pydantic 2.10 reads it (contract §1.7).
///
/// # Errors
///
/// If the text is no integer to pydantic.
pub fn pydantic_int_str(text: &str) -> Result<BigInt, IntError> {
    let text = text.trim();
    let (negative, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let whole = match unsigned.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => {
            whole
        }
        Some(_) => return Err(IntError::Parsing),
        None => unsigned,
    };
    let mut digits = String::with_capacity(whole.len());
    let mut after_digit = false;
    for byte in whole.bytes() {
        match byte {
            b'0'..=b'9' => {
                digits.push(char::from(byte));
                after_digit = true;
            }
            b'_' if after_digit => after_digit = false,
            _ => return Err(IntError::Parsing),
        }
    }
    if !after_digit {
        return Err(IntError::Parsing);
    }
    let sign = text.len() - unsigned.len();
    if whole.trim_start_matches('0').len() + sign > MAX_DIGITS {
        return Err(IntError::ParsingSize);
    }
    signed(negative, &digits).ok_or(IntError::Parsing)
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
            ("\u{1c}-5\u{3000}", -5),
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
            "1.", ".0", "1e0", "0x1", "_1", "1_", "1__0", "1_.0", "1.0_0", "１", "", "\u{1c}1",
        ] {
            assert_eq!(pydantic_int_str(text), Err(IntError::Parsing), "{text:?}");
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
