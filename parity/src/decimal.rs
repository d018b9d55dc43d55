//! Decimal numbers as written, compared exactly.

use std::cmp::Ordering;

/// Most digits that nearness can be asked in: as many as a decimal of fixed size always holds.
pub(crate) const MAX_DIGITS: u32 = 28;

/// A decimal number: its digits without leading and trailing zeros, and where they stand. Any
/// exponent is fine, because nothing is ever written out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    /// Power of ten of the first digit.
    magnitude: i64,
}

impl Decimal {
    /// Reads `-1.50`, `2e-06`, `.5`; not `NaN` and not `Infinity`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], unsigned[at + 1..].parse::<i64>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty()
            || !whole
                .bytes()
                .chain(fraction.bytes())
                .all(|b| b.is_ascii_digit())
        {
            return None;
        }
        let mut digits: Vec<u8> = whole
            .bytes()
            .chain(fraction.bytes())
            .map(|b| b - b'0')
            .collect();
        let leading = digits.iter().take_while(|&&digit| digit == 0).count();
        digits.drain(..leading);
        while digits.last() == Some(&0) {
            digits.pop();
        }
        let magnitude = if digits.is_empty() {
            0
        } else {
            let shift = i64::try_from(whole.len()).ok()? - 1 - i64::try_from(leading).ok()?;
            exponent.checked_add(shift)?
        };
        Some(Decimal {
            // Minus zero is another text but not another number.
            negative: negative && !digits.is_empty(),
            digits,
            magnitude,
        })
    }

    /// Whether the numbers differ by at most half a unit of the `digits`-th significant digit of
    /// the greater one.
    pub(crate) fn is_near_in_significant_digits(&self, other: &Self, digits: u32) -> bool {
        let magnitude = match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => return true,
            (true, false) => other.magnitude,
            (false, true) => self.magnitude,
            (false, false) => self.magnitude.max(other.magnitude),
        };
        self.is_near(other, magnitude.saturating_sub(i64::from(digits) - 1))
    }

    /// Whether the numbers differ by at most half a unit of the `digits`-th decimal.
    pub(crate) fn is_near_in_decimals(&self, other: &Self, digits: u32) -> bool {
        self.is_near(other, -i64::from(digits))
    }

    /// Whether the numbers differ by at most half of ten to the power of `unit`. Numbers of which
    /// the difference cannot be told exactly are not near.
    fn is_near(&self, other: &Self, unit: i64) -> bool {
        self == other
            || self
                .distance(other)
                .zip(fixed(5, unit.saturating_sub(1)))
                .is_some_and(|(distance, half)| distance <= half)
    }

    /// How far apart the numbers are; `None` when that needs more digits than there are.
    fn distance(&self, other: &Self) -> Option<rust_decimal::Decimal> {
        let (mine, theirs) = (self.fixed()?, other.fixed()?);
        let distance = mine.checked_sub(theirs)?;
        // With fewer decimals than its terms the difference was rounded.
        (distance.scale() == mine.scale().max(theirs.scale())).then(|| distance.abs())
    }

    /// The same number with digits of fixed size, where it fits.
    fn fixed(&self) -> Option<rust_decimal::Decimal> {
        let digits = self.digits.iter().try_fold(0_i128, |value, &digit| {
            value.checked_mul(10)?.checked_add(i128::from(digit))
        })?;
        let places = i64::try_from(self.digits.len()).ok()?;
        let last = self.magnitude.checked_add(1)?.checked_sub(places)?;
        fixed(if self.negative { -digits } else { digits }, last)
    }
}

/// `digits` times ten to the power of `exponent`, where that fits.
fn fixed(digits: i128, exponent: i64) -> Option<rust_decimal::Decimal> {
    let power = u32::try_from(exponent.max(0)).ok()?;
    let scale = u32::try_from(exponent.min(0).unsigned_abs()).ok()?;
    let digits = digits.checked_mul(10_i128.checked_pow(power)?)?;
    rust_decimal::Decimal::try_from_i128_with_scale(digits, scale).ok()
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let unsigned = |a: &Self, b: &Self| match (a.digits.is_empty(), b.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => (a.magnitude, &a.digits).cmp(&(b.magnitude, &b.digits)),
        };
        Some(match (self.negative, other.negative) {
            (false, false) => unsigned(self, other),
            (true, true) => unsigned(other, self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn equal_numbers_are_equal_however_they_are_written() {
        for (a, b) in [
            ("1.10", "1.1"),
            ("1e2", "100"),
            ("0.0", "-0"),
            ("5e-06", "0.000005"),
            ("1E400", "10e399"),
        ] {
            assert_eq!(decimal(a), decimal(b), "{a} and {b}");
        }
        assert_ne!(decimal("1.1"), decimal("-1.1"));
        assert_ne!(decimal("1e400"), decimal("1e401"));
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", ".", "NaN", "Infinity", "1e", "1x", "1.2.3"] {
            assert_eq!(Decimal::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn numbers_are_ordered() {
        let ordered = ["-2", "-1.5", "0", "1e-9", "0.5", "1", "9.99", "1e1"];
        for pair in ordered.windows(2) {
            assert!(decimal(pair[0]) < decimal(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn nearness_is_half_a_unit() {
        assert!(decimal("1.2345").is_near_in_decimals(&decimal("1.2350"), 3));
        assert!(!decimal("1.2344").is_near_in_decimals(&decimal("1.2350"), 3));
        assert!(decimal("0.99999").is_near_in_significant_digits(&decimal("1.0000"), 4));
        assert!(!decimal("1e300").is_near_in_decimals(&decimal("2e300"), 3));
        assert!(decimal("1e300").is_near_in_decimals(&decimal("10e299"), 3));
    }

    /// A hair more than half a unit is more, however far behind the unit it stands.
    #[test]
    fn nearness_is_exact() {
        assert!(decimal("0").is_near_in_decimals(&decimal("0.0005"), 3));
        for more in ["0.0005001", "0.00050000000000000000000001", "-0.0005001"] {
            assert!(
                !decimal("0").is_near_in_decimals(&decimal(more), 3),
                "{more}"
            );
        }
        let [a, b, c] = [
            "9.999999999999999999999999999",
            "10.00000000000000000000000000",
            "10.00000000000000000000000001",
        ];
        assert!(decimal(a).is_near_in_significant_digits(&decimal(b), 27));
        assert!(!decimal(a).is_near_in_significant_digits(&decimal(c), 28));
    }
}
