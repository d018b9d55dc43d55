//! Python's `decimal.Decimal` in its default context: 28 digits, round half even.
//!
//! Rules: domain B.7. A number keeps its trailing zeros; conversions are exact, only sums round.

mod arithmetic;
mod convert;
mod format;

use num_bigint::BigUint;

/// A decimal number, an infinity or a NaN.
#[derive(Debug, Clone)]
pub struct Decimal(Repr);

#[derive(Debug, Clone)]
enum Repr {
    Finite(Finite),
    Infinite {
        negative: bool,
    },
    /// `payload`: digits without leading zeros, mostly none.
    Nan {
        negative: bool,
        signaling: bool,
        payload: String,
    },
}

/// `(-1)^negative × coefficient × 10^exponent`
#[derive(Debug, Clone)]
struct Finite {
    negative: bool,
    coefficient: BigUint,
    exponent: i64,
}

impl Finite {
    fn is_zero(&self) -> bool {
        self.coefficient == BigUint::ZERO
    }

    /// Number of digits of the coefficient; 1 for zero.
    fn digits(&self) -> i64 {
        digit_count(&self.coefficient)
    }

    /// The exponent of the first digit.
    fn adjusted(&self) -> i64 {
        self.exponent + self.digits() - 1
    }
}

/// Number of decimal digits; 1 for zero.
fn digit_count(number: &BigUint) -> i64 {
    number.to_string().len() as i64
}

/// `10^power`
fn power_of_ten(power: i64) -> BigUint {
    BigUint::from(10u8).pow(u32::try_from(power).unwrap_or(u32::MAX))
}

/// What Python raises; the text is that of the exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// The text is no number.
    #[error("[<class 'decimal.ConversionSyntax'>]")]
    ConversionSyntax,
    /// A NaN was ordered, opposite infinities were added, or a result has too many digits.
    #[error("[<class 'decimal.InvalidOperation'>]")]
    InvalidOperation,
    /// A sum is beyond 1e999999.
    #[error("[<class 'decimal.Overflow'>]")]
    Overflow,
    /// `None` or a dict.
    #[error("conversion from {0} to Decimal is not supported")]
    UnsupportedType(&'static str),
    /// A list that is no (sign, digits, exponent).
    #[error("{0}")]
    Sequence(&'static str),
    /// The text would not fit into memory (`MemoryError`, which has no text).
    #[error("")]
    Memory,
}

impl Decimal {
    /// `Decimal(0)`
    #[must_use]
    pub fn zero() -> Self {
        Self::from_int(0)
    }

    /// Whether this is neither infinite nor NaN.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        matches!(self.0, Repr::Finite(_))
    }

    /// Whether this is a NaN of either kind.
    #[must_use]
    pub fn is_nan(&self) -> bool {
        matches!(self.0, Repr::Nan { .. })
    }
}

#[cfg(test)]
mod tests;
