//! What Python's `str` methods know of Unicode (version 15.0 in Python 3.12).

mod tables;

use tables::{NOT_PRINTABLE, ZERO_DIGITS};

/// `str.isspace` of one character. Unlike Unicode's own property it includes U+001C to U+001F.
pub(crate) fn is_space(character: char) -> bool {
    matches!(character, '\u{1c}'..='\u{1f}') || character.is_whitespace()
}

/// `text.strip()`
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// The value of a decimal digit of any script, as `int()` and `Decimal()` accept them.
pub(crate) fn decimal_digit(character: char) -> Option<u8> {
    if character.is_ascii() {
        return character.to_digit(10).map(|digit| digit as u8);
    }
    let point = u32::from(character);
    let zero = ZERO_DIGITS[..ZERO_DIGITS.partition_point(|&zero| zero <= point)].last()?;
    let value = point - zero;
    (value < 10).then_some(value as u8)
}

/// `str.isprintable` of one code point: what `repr()` shows as it is.
pub(crate) fn is_printable(point: u32) -> bool {
    let after = NOT_PRINTABLE.partition_point(|&(first, _)| first <= point);
    after == 0 || NOT_PRINTABLE[after - 1].1 < point
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_counts_the_separator_controls_as_space() {
        for character in ['\t', '\u{1c}', '\u{1f}', '\u{85}', '\u{a0}', '\u{3000}'] {
            assert!(is_space(character), "{character:?}");
        }
        for character in ['\u{200b}', '\u{feff}', '\u{180e}', 'a'] {
            assert!(!is_space(character), "{character:?}");
        }
    }

    #[test]
    fn digits_of_every_script_have_a_value() {
        assert_eq!(decimal_digit('7'), Some(7));
        assert_eq!(decimal_digit('٣'), Some(3));
        assert_eq!(decimal_digit('９'), Some(9));
        assert_eq!(decimal_digit('²'), None);
        assert_eq!(decimal_digit('x'), None);
    }

    #[test]
    fn repr_hides_what_unicode_15_does_not_print() {
        for point in [0x20, 0x41, 0xe9, 0x1f600] {
            assert!(is_printable(point), "{point:#x}");
        }
        for point in [0x0, 0x7f, 0xa0, 0xad, 0x200b, 0xd800, 0xe000, 0x10ffff] {
            assert!(!is_printable(point), "{point:#x}");
        }
    }
}
