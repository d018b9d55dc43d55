//! Why a text is not JSON to Python.

/// What `json.loads` raises; the text is that of the Python exception.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The bytes are not text in the encoding they seem to have (`UnicodeDecodeError`).
    /// `end` is exclusive.
    #[error("'{codec}' codec can't decode {}: {reason}", span(*.byte, *.start, *.end))]
    Encoding {
        codec: &'static str,
        /// The first undecodable byte.
        byte: u8,
        start: usize,
        end: usize,
        reason: &'static str,
    },
    /// `JSONDecodeError`. `line` and `column` count from 1, `position` from 0, all in code points.
    #[error("{message}: line {line} column {column} (char {position})")]
    Syntax {
        message: &'static str,
        line: usize,
        column: usize,
        position: usize,
    },
    /// A `str` starts with U+FEFF.
    #[error("Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)")]
    ByteOrderMark,
    /// An integer literal is longer than Python converts.
    #[error(
        "Exceeds the limit ({} digits) for integer string conversion: value has {digits} digits; \
         use sys.set_int_max_str_digits() to increase the limit",
        crate::python::int::MAX_DIGITS
    )]
    IntegerTooLong { digits: usize },
    /// Arrays and objects are nested deeper than Python's stack allows (`RecursionError`).
    #[error(
        "maximum recursion depth exceeded while decoding a JSON {container} from a unicode string"
    )]
    TooDeep { container: &'static str },
}

fn span(byte: u8, start: usize, end: usize) -> String {
    if end == start + 1 {
        format!("byte {byte:#04x} in position {start}")
    } else {
        format!("bytes in position {start}-{}", end - 1)
    }
}
