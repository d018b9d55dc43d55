//! Python's `json` module: what `json.loads` accepts and what `json.dumps` writes.
//!
//! Contract §1.5 (output) and §1.6 (request bodies).

pub(crate) mod encoding;
mod error;
mod parser;
mod writer;

pub use error::JsonError;
pub use parser::MAX_NESTING;
pub(crate) use writer::{Style, write_value};
pub use writer::{dumps, dumps_compact};

use super::Value;

/// `json.loads(bytes)`: guesses the encoding (UTF-8, -16 or -32, with or without byte order mark),
/// lets lone surrogates through and takes `NaN`, `Infinity`, `-Infinity`, numbers beyond a double
/// and repeated keys (the last wins).
///
/// # Errors
///
/// What Python raises, with Python's text.
pub fn loads(bytes: &[u8]) -> Result<Value, JsonError> {
    let text = encoding::decode(bytes)?;
    parser::parse(&text)
}

/// `json.loads(text)` of a `str`, where a byte order mark is an error.
///
/// # Errors
///
/// What Python raises, with Python's text.
pub fn loads_str(text: &str) -> Result<Value, JsonError> {
    if text.starts_with('\u{feff}') {
        return Err(JsonError::ByteOrderMark);
    }
    parser::parse(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) -> String {
        dumps(&loads(text.as_bytes()).unwrap())
    }

    #[test]
    fn numbers_keep_pythons_two_kinds() {
        assert_eq!(
            round_trip("[1, 1.0, 1e2, -0.0, -0, 1E400, 123456789012345678901234567890]"),
            "[1, 1.0, 100.0, -0.0, 0, Infinity, 123456789012345678901234567890]"
        );
        assert_eq!(
            round_trip("[NaN,Infinity,-Infinity]"),
            "[NaN, Infinity, -Infinity]"
        );
        assert_eq!(
            round_trip("[1e16, 1e15, 0.0001, 0.00001, 5e-324]"),
            "[1e+16, 1000000000000000.0, 0.0001, 1e-05, 5e-324]"
        );
    }

    #[test]
    fn a_repeated_key_keeps_its_place_and_takes_the_last_value() {
        assert_eq!(round_trip(r#"{"a":1,"b":2,"a":3}"#), r#"{"a": 3, "b": 2}"#);
    }

    #[test]
    fn lone_surrogates_and_controls_pass_as_escapes() {
        assert_eq!(
            round_trip("\"\\ud800 \\ud83d\\ude00 \u{7f} é \\u0000\""),
            r#""\ud800 \ud83d\ude00 \u007f \u00e9 \u0000""#
        );
        assert_eq!(dumps(&loads(b"\"\xed\xa0\x80\"").unwrap()), r#""\ud800""#);
    }

    #[test]
    fn every_unicode_encoding_is_recognised() {
        let text = "{\"a\": \"é😀\"}";
        let expected = loads(text.as_bytes()).unwrap();
        let utf16 = |swap: bool| -> Vec<u8> {
            text.encode_utf16()
                .flat_map(|unit| {
                    if swap {
                        unit.to_be_bytes()
                    } else {
                        unit.to_le_bytes()
                    }
                })
                .collect()
        };
        let utf32 = |swap: bool| -> Vec<u8> {
            text.chars()
                .map(u32::from)
                .flat_map(|unit| {
                    if swap {
                        unit.to_be_bytes()
                    } else {
                        unit.to_le_bytes()
                    }
                })
                .collect()
        };
        let with = |mark: &[u8], body: Vec<u8>| [mark.to_vec(), body].concat();
        for bytes in [
            with(b"\xef\xbb\xbf", text.as_bytes().to_vec()),
            utf16(false),
            utf16(true),
            utf32(false),
            utf32(true),
            with(b"\xff\xfe", utf16(false)),
            with(b"\xfe\xff", utf16(true)),
            with(b"\xff\xfe\0\0", utf32(false)),
            with(b"\0\0\xfe\xff", utf32(true)),
        ] {
            assert_eq!(loads(&bytes).unwrap(), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn errors_have_pythons_words() {
        for (text, expected) in [
            ("", "Expecting value: line 1 column 1 (char 0)"),
            (" \n ", "Expecting value: line 2 column 2 (char 3)"),
            ("[1,]", "Expecting value: line 1 column 4 (char 3)"),
            (
                "{\"a\":1,}",
                "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)",
            ),
            ("01", "Extra data: line 1 column 2 (char 1)"),
            (
                "\"a",
                "Unterminated string starting at: line 1 column 1 (char 0)",
            ),
            (
                "\"\t\"",
                "Invalid control character at: line 1 column 2 (char 1)",
            ),
            ("é", "Expecting value: line 1 column 1 (char 0)"),
        ] {
            assert_eq!(
                loads(text.as_bytes()).unwrap_err().to_string(),
                expected,
                "{text:?}"
            );
        }
    }

    #[test]
    fn nesting_ends_at_1451() {
        let nested = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
        assert!(loads(&nested(MAX_NESTING)).is_ok());
        assert!(matches!(
            loads(&nested(MAX_NESTING + 1)),
            Err(JsonError::TooDeep { .. })
        ));
        assert!(loads(&b"[".repeat(2_621_440)).is_err());
        assert!(loads(&b"{\"\":".repeat(500_000)).is_err());
    }

    #[test]
    fn integers_end_at_4300_digits() {
        assert!(loads(format!("-{}", "9".repeat(4300)).as_bytes()).is_ok());
        assert_eq!(
            loads("9".repeat(4301).as_bytes()).unwrap_err(),
            JsonError::IntegerTooLong { digits: 4301 }
        );
    }
}
