//! Sums, rounding and order in the default context.

use std::cmp::Ordering;

use num_bigint::{BigInt, BigUint, Sign};

use super::{Decimal, DecimalError, Finite, Repr, digit_count, power_of_ten};

/// Digits of a result (`context.prec`).
const PRECISION: i64 = 28;
/// Largest adjusted exponent of a result (`context.Emax`).
const EMAX: i64 = 999_999;
/// Smallest exponent of a result (`context.Etiny()`).
const ETINY: i64 = -999_999 - (PRECISION - 1);

impl Decimal {
    /// `self + other`: exact, then rounded to 28 digits half even. The result keeps the smaller
    /// exponent where the digits allow it.
    ///
    /// # Errors
    ///
    /// `InvalidOperation` for opposite infinities or a signaling NaN, `Overflow` beyond 1e999999.
    pub fn add(&self, other: &Decimal) -> Result<Decimal, DecimalError> {
        if self.is_signaling() || other.is_signaling() {
            return Err(DecimalError::InvalidOperation);
        }
        match (&self.0, &other.0) {
            (Repr::Nan { .. }, _) => Ok(self.clone()),
            (_, Repr::Nan { .. }) => Ok(other.clone()),
            (Repr::Infinite { negative: left }, Repr::Infinite { negative: right })
                if left != right =>
            {
                Err(DecimalError::InvalidOperation)
            }
            (Repr::Infinite { .. }, _) => Ok(self.clone()),
            (_, Repr::Infinite { .. }) => Ok(other.clone()),
            (Repr::Finite(left), Repr::Finite(right)) => finish(sum(left, right)),
        }
    }

    /// `round(self, places)`: half even to that many decimals.
    ///
    /// # Errors
    ///
    /// `InvalidOperation` if the result needs more than 28 digits, for infinities and for a
    /// signaling NaN.
    pub fn round(&self, places: u32) -> Result<Decimal, DecimalError> {
        match &self.0 {
            Repr::Finite(number) => {
                let exponent = -i64::from(places);
                // Padding beyond the precision must not build the digits first.
                if !number.is_zero() && number.adjusted() - exponent > PRECISION {
                    return Err(DecimalError::InvalidOperation);
                }
                let rounded = rescale(number, exponent);
                if rounded.digits() > PRECISION {
                    return Err(DecimalError::InvalidOperation);
                }
                Ok(Decimal(Repr::Finite(rounded)))
            }
            Repr::Nan {
                signaling: false, ..
            } => Ok(self.clone()),
            Repr::Nan { .. } | Repr::Infinite { .. } => Err(DecimalError::InvalidOperation),
        }
    }

    /// The order of `<`, `<=`, `>` and `>=`.
    ///
    /// # Errors
    ///
    /// `InvalidOperation` if either is a NaN.
    pub fn compare(&self, other: &Decimal) -> Result<Ordering, DecimalError> {
        let side = |negative: bool| {
            if negative {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        };
        match (&self.0, &other.0) {
            (Repr::Nan { .. }, _) | (_, Repr::Nan { .. }) => Err(DecimalError::InvalidOperation),
            (Repr::Infinite { negative: left }, Repr::Infinite { negative: right }) => {
                Ok(right.cmp(left))
            }
            (Repr::Infinite { negative }, Repr::Finite(_)) => Ok(side(*negative)),
            (Repr::Finite(_), Repr::Infinite { negative }) => Ok(side(*negative).reverse()),
            (Repr::Finite(left), Repr::Finite(right)) => Ok(compare_finite(left, right)),
        }
    }

    fn is_signaling(&self) -> bool {
        matches!(
            self.0,
            Repr::Nan {
                signaling: true,
                ..
            }
        )
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.compare(other).ok()
    }
}

impl PartialEq for Decimal {
    /// Numeric: `1.0 == 1`. A NaN equals nothing.
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

fn compare_finite(left: &Finite, right: &Finite) -> Ordering {
    let sign = |number: &Finite| match (number.is_zero(), number.negative) {
        (true, _) => 0,
        (false, true) => -1,
        (false, false) => 1,
    };
    let by_sign = sign(left).cmp(&sign(right));
    if by_sign != Ordering::Equal || left.is_zero() {
        return by_sign;
    }
    let magnitude = left.adjusted().cmp(&right.adjusted()).then_with(|| {
        // Equal first digits' places, so the exponents differ by at most the number of digits.
        let exponent = left.exponent.min(right.exponent);
        aligned(left, exponent).cmp(&aligned(right, exponent))
    });
    if left.negative {
        magnitude.reverse()
    } else {
        magnitude
    }
}

/// The exact sum, except that an operand too small to be seen in 28 digits may be replaced by one
/// that rounds alike.
fn sum(left: &Finite, right: &Finite) -> Finite {
    let (high, low) = if left.exponent >= right.exponent {
        (left, right)
    } else {
        (right, left)
    };
    if low.is_zero() {
        let room = (PRECISION - high.digits()).max(0);
        let exponent = low.exponent.max(high.exponent - room);
        if high.is_zero() {
            return Finite {
                negative: left.negative && right.negative,
                coefficient: BigUint::ZERO,
                exponent: low.exponent,
            };
        }
        return Finite {
            negative: high.negative,
            coefficient: aligned(high, exponent),
            exponent,
        };
    }
    if high.is_zero() {
        return low.clone();
    }
    let horizon = high.exponent + (high.digits() - PRECISION - 2).min(-1);
    let speck;
    let low = if low.adjusted() < horizon {
        speck = Finite {
            negative: low.negative,
            coefficient: BigUint::from(1u8),
            exponent: horizon,
        };
        &speck
    } else {
        low
    };
    let exponent = low.exponent;
    let total = signed(high.negative, aligned(high, exponent))
        + signed(low.negative, low.coefficient.clone());
    let (sign, coefficient) = total.into_parts();
    Finite {
        negative: sign == Sign::Minus,
        coefficient,
        exponent,
    }
}

fn signed(negative: bool, magnitude: BigUint) -> BigInt {
    BigInt::from_biguint(if negative { Sign::Minus } else { Sign::Plus }, magnitude)
}

/// The coefficient at a smaller exponent.
fn aligned(number: &Finite, exponent: i64) -> BigUint {
    &number.coefficient * power_of_ten(number.exponent - exponent)
}

/// Rounds a result to the context.
fn finish(number: Finite) -> Result<Decimal, DecimalError> {
    if number.is_zero() {
        return Ok(Decimal(Repr::Finite(Finite {
            exponent: number.exponent.clamp(ETINY, EMAX),
            ..number
        })));
    }
    let excess = (number.digits() - PRECISION).max(0);
    let mut rounded = rescale(&number, (number.exponent + excess).max(ETINY));
    if rounded.digits() > PRECISION {
        // 9.99… became 10.00…
        rounded = rescale(&rounded, rounded.exponent + 1);
    }
    if rounded.adjusted() > EMAX {
        return Err(DecimalError::Overflow);
    }
    Ok(Decimal(Repr::Finite(rounded)))
}

/// The number at another exponent; dropped digits round half even.
pub(super) fn rescale(number: &Finite, exponent: i64) -> Finite {
    let drop = exponent - number.exponent;
    let coefficient = if drop <= 0 {
        if number.is_zero() {
            BigUint::ZERO
        } else {
            aligned(number, exponent)
        }
    } else if drop > digit_count(&number.coefficient) {
        BigUint::ZERO
    } else {
        let unit = power_of_ten(drop);
        let kept = &number.coefficient / &unit;
        let twice_rest = (&number.coefficient % &unit) * 2u8;
        let up = match twice_rest.cmp(&unit) {
            Ordering::Less => false,
            Ordering::Equal => kept.bit(0),
            Ordering::Greater => true,
        };
        kept + u8::from(up)
    };
    Finite {
        negative: number.negative,
        coefficient,
        exponent,
    }
}
