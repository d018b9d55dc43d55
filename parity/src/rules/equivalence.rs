//! What a rule lets differ, and what both values must still look like.

use serde::{Deserialize, Serialize};

use crate::{
    decimal::{Decimal, MAX_DIGITS},
    instant::Written,
    json::Value,
};

/// How two values may differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Equivalence {
    /// A list whose elements may come in any order: the same elements, equally often.
    Unordered,
    /// A list whose elements may change places only with others that agree in these members.
    UnorderedWithin { keys: Vec<String> },
    /// An object whose members may come in any order: the same members.
    UnorderedKeys,
    /// A list whose elements are found by these members, in any order.
    KeyedList { keys: Vec<String> },
    /// Object keys that may be written in another case: `passingScore` for `passing_score`.
    KeyCase,
    /// Instants at most this far apart, in the same notation.
    TimeWindow { seconds: u32 },
    /// A value without meaning to anybody but its maker: both must be in this format.
    Opaque {
        format: Format,
        /// In characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<usize>,
    },
    /// Numbers that differ by at most half a unit of the last of this many decimals.
    DecimalScale { digits: u32 },
    /// Numbers that differ by at most half a unit of the last of this many significant digits.
    SignificantDigits { digits: u32 },
    /// A comma-separated header whose items may come in any order.
    HeaderSet,
    /// A cookie whose value is random; its attributes must be equal.
    Cookie {
        name: String,
        format: Format,
        length: usize,
    },
}

/// What an opaque value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Uuid,
    /// Lower-case hexadecimal digits.
    Hex,
    /// ASCII letters and digits.
    Alphanumeric,
    /// Letters, digits, `-` and `_`.
    Base64Url,
    /// Decimal digits.
    Digits,
}

impl Format {
    pub fn holds(self, text: &str) -> bool {
        !text.is_empty()
            && match self {
                Format::Uuid => is_uuid(text),
                Format::Hex => text
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
                Format::Alphanumeric => text.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                Format::Base64Url => text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')),
                Format::Digits => text.bytes().all(|byte| byte.is_ascii_digit()),
            }
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

impl Equivalence {
    /// Whether two different scalars are as good as each other. `None` when this equivalence does
    /// not speak about scalars.
    pub(crate) fn allows(&self, reference: &str, candidate: &str) -> Option<bool> {
        match self {
            Equivalence::TimeWindow { seconds } => {
                Some(times_are_near(reference, candidate, *seconds))
            }
            Equivalence::Opaque { format, length } => {
                Some([reference, candidate].iter().all(|text| {
                    format.holds(text) && length.is_none_or(|length| text.chars().count() == length)
                }))
            }
            Equivalence::DecimalScale { digits } => Some(
                both_decimal(reference, candidate)
                    .is_some_and(|(a, b)| a.is_near_in_decimals(&b, *digits)),
            ),
            Equivalence::SignificantDigits { digits } => Some(
                both_decimal(reference, candidate)
                    .is_some_and(|(a, b)| a.is_near_in_significant_digits(&b, *digits)),
            ),
            Equivalence::Unordered
            | Equivalence::UnorderedWithin { .. }
            | Equivalence::UnorderedKeys
            | Equivalence::KeyedList { .. }
            | Equivalence::KeyCase
            | Equivalence::HeaderSet
            | Equivalence::Cookie { .. } => None,
        }
    }

    /// Whether it speaks about the order of a list whose elements are told by their content.
    pub(crate) fn leaves_order_open(&self) -> bool {
        matches!(
            self,
            Equivalence::Unordered | Equivalence::UnorderedWithin { .. }
        )
    }

    /// Whether elements of the two lists may have changed places as they did.
    pub(crate) fn allows_places(&self, reference: &[Value<'_>], candidate: &[Value<'_>]) -> bool {
        let Equivalence::UnorderedWithin { keys } = self else {
            return true;
        };
        let sorts = |list: &[Value<'_>]| -> Vec<Vec<Option<String>>> {
            list.iter()
                .map(|element| {
                    keys.iter()
                        .map(|key| element.get(key).map(Value::to_text))
                        .collect()
                })
                .collect()
        };
        sorts(reference) == sorts(candidate)
    }

    pub(crate) fn is_about_headers(&self) -> bool {
        matches!(self, Equivalence::HeaderSet | Equivalence::Cookie { .. })
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Equivalence::KeyedList { keys } | Equivalence::UnorderedWithin { keys }
                if keys.is_empty() =>
            {
                Err("this equivalence needs at least one key".into())
            }
            Equivalence::SignificantDigits { digits } | Equivalence::DecimalScale { digits }
                if *digits == 0 || *digits > MAX_DIGITS =>
            {
                Err(format!("digits must be 1 to {MAX_DIGITS}"))
            }
            _ => Ok(()),
        }
    }
}

fn both_decimal(reference: &str, candidate: &str) -> Option<(Decimal, Decimal)> {
    Some((Decimal::parse(reference)?, Decimal::parse(candidate)?))
}

/// Both are instants in the same notation, and not further apart than the window.
fn times_are_near(reference: &str, candidate: &str, seconds: u32) -> bool {
    let (Some(a), Some(b)) = (Written::parse(reference), Written::parse(candidate)) else {
        return false;
    };
    a.notation == b.notation
        && (a.micros - b.micros).abs() <= i64::from(seconds).saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_must_be_near_and_in_the_same_notation() {
        let window = Equivalence::TimeWindow { seconds: 2 };
        let base = "2026-01-15T12:00:00.123456+00:00";
        for (other, allowed) in [
            ("2026-01-15T12:00:02.123456+00:00", true),
            ("2026-01-15T12:00:02.123457+00:00", false),
            ("2026-01-15T12:00:00.123456Z", false),
            ("2026-01-15T12:00:00.123+00:00", false),
            ("2026-01-15 12:00:00.123456+00:00", false),
            ("2026-01-15T13:00:00.123456+01:00", false),
            ("soon", false),
        ] {
            assert_eq!(window.allows(base, other), Some(allowed), "{other}");
        }
    }

    #[test]
    fn an_opaque_value_must_look_right_on_both_sides() {
        let uuid = Equivalence::Opaque {
            format: Format::Uuid,
            length: None,
        };
        let a = "9b2f0c1e-8a4d-4a53-9f0e-000000000001";
        let b = "1b2f0c1e-8a4d-4a53-9f0e-00000000000f";
        assert_eq!(uuid.allows(a, b), Some(true));
        assert_eq!(uuid.allows(a, "0"), Some(false));
        assert_eq!(uuid.allows(a, &b.to_uppercase()), Some(false));
        assert_eq!(uuid.allows("", b), Some(false));
    }

    #[test]
    fn significant_digits_let_only_the_last_ones_differ() {
        let rule = Equivalence::SignificantDigits { digits: 25 };
        let base = "17.58000000000000009436895709";
        assert_eq!(
            rule.allows(base, "17.58000000000000009436895712"),
            Some(true)
        );
        assert_eq!(
            rule.allows(base, "17.58000000000000009436893709"),
            Some(false)
        );
        assert_eq!(rule.allows(base, "17.58"), Some(false));
        assert_eq!(
            rule.allows(base, "-17.58000000000000009436895709"),
            Some(false)
        );
        assert_eq!(rule.allows(base, "x"), Some(false));
    }
}
