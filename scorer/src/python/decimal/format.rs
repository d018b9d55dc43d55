//! `str(decimal)` and `format(decimal, '.5f')`.

use std::fmt;

use super::arithmetic::rescale;
use super::{Decimal, DecimalError, Finite, Repr};

/// Largest first digit's exponent that fixed notation spells out, far beyond that of any sum.
const LARGEST_EXPONENT: i64 = 100_000_000;

impl Decimal {
    /// `format(self, '.<places>f')`: fixed notation, rounded half even (contract §1.5).
    ///
    /// # Errors
    ///
    /// `Memory` beyond a hundred million digits, which no sum has. Python goes on as long as it has
    /// memory.
    pub fn format_fixed(&self, places: u32) -> Result<String, DecimalError> {
        let Repr::Finite(number) = &self.0 else {
            return Ok(self.to_string());
        };
        let padding = number.exponent.saturating_add(i64::from(places));
        let places = places as usize;
        let digits = if number.is_zero() {
            String::new()
        } else if padding < 0 {
            rescale(number, -(places as i64)).coefficient.to_string()
        } else if number.adjusted() > LARGEST_EXPONENT {
            return Err(DecimalError::Memory);
        } else {
            number.coefficient.to_string() + &"0".repeat(padding as usize)
        };
        let digits = format!("{digits:0>width$}", width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let sign = if number.negative { "-" } else { "" };
        let point = if places > 0 { "." } else { "" };
        Ok([sign, whole, point, fraction].concat())
    }
}

impl fmt::Display for Decimal {
    /// `str(self)`: plain unless the exponent is positive or the first digit is beyond the sixth
    /// decimal, then `d.dddE±n` (domain B.7).
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |negative: bool| if negative { "-" } else { "" };
        match &self.0 {
            Repr::Infinite { negative } => write!(formatter, "{}Infinity", sign(*negative)),
            Repr::Nan {
                negative,
                signaling,
                payload,
            } => {
                let kind = if *signaling { "sNaN" } else { "NaN" };
                write!(formatter, "{}{kind}{payload}", sign(*negative))
            }
            Repr::Finite(number) => {
                formatter.write_str(sign(number.negative))?;
                formatter.write_str(&magnitude(number))
            }
        }
    }
}

fn magnitude(number: &Finite) -> String {
    let digits = number.coefficient.to_string();
    let adjusted = number.exponent + digits.len() as i64 - 1;
    if number.exponent > 0 || adjusted < -6 {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        return format!("{first}{point}{rest}E{adjusted:+}");
    }
    let decimals = number.exponent.unsigned_abs() as usize;
    if decimals == 0 {
        return digits;
    }
    let digits = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    format!("{whole}.{fraction}")
}
