//! To `Decimal` from text, integers, floats and JSON values; back to float.

use std::str::FromStr;

use num_bigint::{BigInt, BigUint, Sign};

use super::{Decimal, DecimalError, Finite, Repr};
use crate::python::Value;
use crate::python::unicode::{decimal_digit, is_space, strip};

/// Largest adjusted exponent of any decimal (`decimal.MAX_EMAX`).
const MAX_EMAX: i64 = 999_999_999_999_999_999;
/// Smallest exponent of any decimal (`decimal.MIN_ETINY`).
const MIN_ETINY: i64 = -1_999_999_999_999_999_997;

impl Decimal {
    /// `Decimal(text)`: surrounding white space, underscores anywhere, digits of any script,
    /// exponents, `inf`, `nan` and `snan` in any case.
    ///
    /// # Errors
    ///
    /// `ConversionSyntax` if the text is no number, `InvalidOperation` if its exponent is out of
    /// reach.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let mut ascii = String::with_capacity(text.len());
        for character in strip(text).chars() {
            if character == '_' {
                continue;
            }
            ascii.push(match decimal_digit(character) {
                Some(digit) => char::from(b'0' + digit),
                None if character.is_ascii() => character,
                None if is_space(character) => ' ',
                None => return Err(DecimalError::ConversionSyntax),
            });
        }
        Self::parse_ascii(&ascii)
    }

    fn parse_ascii(text: &str) -> Result<Self, DecimalError> {
        let (negative, text) = match text.strip_prefix(['+', '-']) {
            Some(rest) => (text.starts_with('-'), rest),
            None => (false, text),
        };
        if text.eq_ignore_ascii_case("inf") || text.eq_ignore_ascii_case("infinity") {
            return Ok(Decimal(Repr::Infinite { negative }));
        }
        for (word, signaling) in [("nan", false), ("snan", true)] {
            let Some((head, payload)) = text.split_at_checked(word.len()) else {
                continue;
            };
            if head.eq_ignore_ascii_case(word) {
                if !payload.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(DecimalError::ConversionSyntax);
                }
                return Ok(Decimal(Repr::Nan {
                    negative,
                    signaling,
                    payload: payload.trim_start_matches('0').to_owned(),
                }));
            }
        }
        Self::parse_number(negative, text)
    }

    fn parse_number(negative: bool, text: &str) -> Result<Self, DecimalError> {
        let syntax = DecimalError::ConversionSyntax;
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent).ok_or(syntax)?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(syntax);
        }
        let number = Finite {
            negative,
            coefficient: BigUint::from_str(&digits).map_err(|_| syntax)?,
            exponent: exponent.saturating_sub(fraction.len() as i64),
        };
        let highest = if number.is_zero() {
            number.exponent
        } else {
            number.adjusted()
        };
        if highest > MAX_EMAX || number.exponent < MIN_ETINY {
            return Err(DecimalError::InvalidOperation);
        }
        Ok(Decimal(Repr::Finite(number)))
    }

    /// `Decimal(int)`, exact.
    #[must_use]
    pub fn from_int(number: impl Into<BigInt>) -> Self {
        let (sign, coefficient) = number.into().into_parts();
        Decimal(Repr::Finite(Finite {
            negative: sign == Sign::Minus,
            coefficient,
            exponent: 0,
        }))
    }

    /// `Decimal(float)`: the exact value of the double, all its digits.
    #[must_use]
    pub fn from_f64_exact(number: f64) -> Self {
        let negative = number.is_sign_negative();
        if number.is_nan() {
            return Decimal(Repr::Nan {
                negative: false,
                signaling: false,
                payload: String::new(),
            });
        }
        if number.is_infinite() {
            return Decimal(Repr::Infinite { negative });
        }
        let bits = number.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, power) = match (bits >> 52 & 0x7FF) as i64 {
            0 => (fraction, -1074),
            biased => (fraction | 1 << 52, biased - 1075),
        };
        let spare = i64::from(mantissa.trailing_zeros()).min(-power).max(0);
        let (mantissa, power) = if mantissa == 0 {
            (0, 0)
        } else {
            (mantissa >> spare, power + spare)
        };
        let mantissa = BigUint::from(mantissa);
        let (coefficient, exponent) = if power >= 0 {
            (mantissa << power, 0)
        } else {
            (
                mantissa * BigUint::from(5u8).pow(power.unsigned_abs() as u32),
                power,
            )
        };
        Decimal(Repr::Finite(Finite {
            negative,
            coefficient,
            exponent,
        }))
    }

    /// `Decimal(value)` of a JSON value: text, number, bool, or a list `[sign, digits, exponent]`.
    ///
    /// # Errors
    ///
    /// What Python raises.
    pub fn from_value(value: &Value) -> Result<Self, DecimalError> {
        match value {
            Value::Bool(value) => Ok(Self::from_int(u8::from(*value))),
            Value::Int(number) => Ok(Self::from_int(number.clone())),
            Value::Float(number) => Ok(Self::from_f64_exact(*number)),
            Value::Str(text) => match text.as_str() {
                Some(text) => Self::parse(text),
                None => Err(DecimalError::ConversionSyntax),
            },
            Value::List(items) => Self::from_sequence(items),
            Value::None | Value::Dict(_) => Err(DecimalError::UnsupportedType(value.type_name())),
        }
    }

    /// The rule for tuples, which Python also applies to lists: `[0, [1, 2], -1]` is 1.2.
    fn from_sequence(items: &[Value]) -> Result<Self, DecimalError> {
        use DecimalError::Sequence;
        const SIGN: DecimalError = Sequence("sign must be an integer with the value 0 or 1");
        const DIGITS: DecimalError = Sequence("coefficient must be a tuple of digits");
        const LONG: DecimalError = Sequence("Python int too large to convert to C long");

        let [sign, digits, exponent] = items else {
            return Err(Sequence("argument must be a sequence of length 3"));
        };
        let sign = match long(sign).ok_or(SIGN)?.ok_or(LONG)? {
            0 => "",
            1 => "-",
            _ => return Err(SIGN),
        };
        let (prefix, suffix) = match exponent {
            Value::Str(text) if *text == "F" => ("Inf", String::new()),
            Value::Str(text) if *text == "n" => ("NaN", String::new()),
            Value::Str(text) if *text == "N" => ("sNaN", String::new()),
            Value::Str(_) => {
                return Err(Sequence(
                    "string argument in the third position must be 'F', 'n' or 'N'",
                ));
            }
            other => {
                let exponent = long(other)
                    .ok_or(Sequence("exponent must be an integer"))?
                    .ok_or(Sequence("Python int too large to convert to C ssize_t"))?;
                ("", format!("E{exponent}"))
            }
        };
        let mut coefficient = String::new();
        for digit in digits.as_list().ok_or(DIGITS)? {
            let digit = long(digit).ok_or(DIGITS)?.ok_or(LONG)?;
            let digit = u32::try_from(digit)
                .ok()
                .and_then(|digit| char::from_digit(digit, 10));
            coefficient.push(digit.ok_or(DIGITS)?);
        }
        if prefix == "Inf" {
            coefficient.clear();
        } else if prefix.is_empty() && coefficient.is_empty() {
            coefficient.push('0');
        }
        Self::parse_ascii(&[sign, prefix, &coefficient, &suffix].concat())
    }

    /// `float(decimal)`: correctly rounded, infinite beyond the doubles. Python refuses a signaling
    /// NaN, but also to add it, which happens before.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }
}

/// An exponent: one sign, ASCII digits. Beyond 64 bits it only has to stay out of reach.
fn parse_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let magnitude = digits.parse().unwrap_or(i64::MAX).min(i64::MAX / 4);
    Some(if negative { -magnitude } else { magnitude })
}

/// The outer `None` means no `int` at all, the inner one an `int` beyond 64 bits.
fn long(value: &Value) -> Option<Option<i64>> {
    match value {
        Value::Bool(value) => Some(Some(i64::from(*value))),
        Value::Int(number) => Some(i64::try_from(number).ok()),
        _ => None,
    }
}
