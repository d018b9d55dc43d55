//! The parser: one pass over the bytes, no recursion, no copies.

use std::borrow::Cow;

use super::{JsonError, Text, Value};

/// Arrays and objects may nest this deep: whatever walks the value may recurse this far on the 2 MiB
/// stack of a thread, unoptimised as well. Documents that are deeper are compared as bytes.
pub const MAX_DEPTH: usize = 500;

/// Reads one document. White space may surround it; nothing else may follow.
///
/// # Errors
/// Says where the first character stands that cannot be JSON, and what was expected there.
pub fn parse(bytes: &[u8]) -> Result<Value<'_>, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        error_at(
            bytes,
            error.valid_up_to(),
            "the document is not valid UTF-8",
        )
    })?;
    let mut parser = Parser { text, bytes, at: 0 };
    parser
        .document()
        .map_err(|message| error_at(bytes, parser.at, &message))
}

/// A container that is not closed yet.
enum Open<'a> {
    Array(Vec<Value<'a>>),
    Object {
        members: Vec<(Text<'a>, Value<'a>)>,
        key: Text<'a>,
    },
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Parser<'a> {
    fn document(&mut self) -> Result<Value<'a>, String> {
        let mut open: Vec<Open<'a>> = Vec::new();
        loop {
            self.skip_space();
            let Some(mut value) = self.value_or_open(&mut open)? else {
                continue;
            };
            // The value is complete: put it where it belongs, closing all containers that end here.
            loop {
                self.skip_space();
                let Some(container) = open.last_mut() else {
                    return match self.peek() {
                        None => Ok(value),
                        Some(_) => Err("expected the end of the document".into()),
                    };
                };
                match container {
                    Open::Array(elements) => {
                        elements.push(value);
                        match self.peek() {
                            Some(b',') => self.at += 1,
                            Some(b']') => {
                                self.at += 1;
                                value = close(&mut open);
                                continue;
                            }
                            _ => return Err("expected `,` or `]`".into()),
                        }
                    }
                    Open::Object { members, key } => {
                        members.push((std::mem::replace(key, Text::from_written("")), value));
                        match self.peek() {
                            Some(b',') => {
                                self.at += 1;
                                self.skip_space();
                                *key = self.key()?;
                            }
                            Some(b'}') => {
                                self.at += 1;
                                value = close(&mut open);
                                continue;
                            }
                            _ => return Err("expected `,` or `}`".into()),
                        }
                    }
                }
                break;
            }
        }
    }

    /// Reads a scalar or an empty container; opens a container that has content.
    fn value_or_open(&mut self, open: &mut Vec<Open<'a>>) -> Result<Option<Value<'a>>, String> {
        let Some(first) = self.peek() else {
            return Err("expected a value, but the document ends".into());
        };
        Ok(Some(match first {
            b'{' => {
                self.enter(open)?;
                if self.peek() == Some(b'}') {
                    self.at += 1;
                    Value::Object(Vec::new())
                } else {
                    let key = self.key()?;
                    open.push(Open::Object {
                        members: Vec::new(),
                        key,
                    });
                    return Ok(None);
                }
            }
            b'[' => {
                self.enter(open)?;
                if self.peek() == Some(b']') {
                    self.at += 1;
                    Value::Array(Vec::new())
                } else {
                    open.push(Open::Array(Vec::new()));
                    return Ok(None);
                }
            }
            b'"' => Value::String(self.string()?),
            b't' => self.word("true", Value::Bool(true))?,
            b'f' => self.word("false", Value::Bool(false))?,
            b'n' => self.word("null", Value::Null)?,
            b'N' => self.word("NaN", Value::Number(Cow::Borrowed("NaN")))?,
            b'I' => self.word("Infinity", Value::Number(Cow::Borrowed("Infinity")))?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return Err("expected a value".into()),
        }))
    }

    fn enter(&mut self, open: &[Open<'a>]) -> Result<(), String> {
        if open.len() >= MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    fn key(&mut self) -> Result<Text<'a>, String> {
        if self.peek() != Some(b'"') {
            return Err("expected a key in double quotes".into());
        }
        let key = self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err("expected `:` after a key".into());
        }
        self.at += 1;
        Ok(key)
    }

    fn string(&mut self) -> Result<Text<'a>, String> {
        self.at += 1;
        let start = self.at;
        loop {
            let length = self.bytes[self.at..]
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            let Some(length) = length else {
                self.at = self.bytes.len();
                return Err("the string is not closed".into());
            };
            self.at += length;
            match self.bytes[self.at] {
                b'"' => {
                    let written = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(Text::from_written(written));
                }
                b'\\' => self.escape()?,
                _ => return Err("a control character in a string must be escaped".into()),
            }
        }
    }

    fn escape(&mut self) -> Result<(), String> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err("expected four hexadecimal digits after `\\u`".into());
                }
                self.at += 6;
            }
            _ => return Err("unknown escape".into()),
        }
        Ok(())
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, String> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(format!("expected `{word}`"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value<'a>, String> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
            if self.peek() == Some(b'I') {
                return self.word("Infinity", Value::Number(Cow::Borrowed("-Infinity")));
            }
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err("expected a digit".into()),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(Value::Number(Cow::Borrowed(&self.text[start..self.at])))
    }

    fn some_digits(&mut self) -> Result<(), String> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err("expected a digit".into());
        }
        self.digits();
        Ok(())
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }
}

fn close<'a>(open: &mut Vec<Open<'a>>) -> Value<'a> {
    match open.pop() {
        Some(Open::Array(elements)) => Value::Array(elements),
        Some(Open::Object { members, .. }) => Value::Object(members),
        None => Value::Null,
    }
}

fn error_at(bytes: &[u8], at: usize, message: &str) -> JsonError {
    let before = &bytes[..at.min(bytes.len())];
    let line_start = before
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |newline| newline + 1);
    JsonError {
        line: before.iter().filter(|&&byte| byte == b'\n').count() + 1,
        column: String::from_utf8_lossy(&before[line_start..])
            .chars()
            .count()
            + 1,
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_number_text_key_order_and_duplicate_keys() {
        let text = r#"{"b": 1.10, "a": 1e2, "b": -0.0, "n": [NaN, Infinity, -Infinity]}"#;
        let value = parse(text.as_bytes()).expect("valid");
        assert_eq!(value.to_text(), text);
        assert_eq!(value.members().map(<[_]>::len), Some(4));
    }

    #[test]
    fn copies_nothing_that_was_written_plainly() {
        let Value::Array(elements) = parse(br#"["plain", 12]"#).expect("valid") else {
            panic!("an array")
        };
        assert!(matches!(&elements[1], Value::Number(Cow::Borrowed("12"))));
    }

    #[test]
    fn says_where_and_what_was_expected() {
        let cases = [
            ("", 1, 1, "expected a value, but the document ends"),
            ("{\"a\": 1,\n  b}", 2, 3, "expected a key in double quotes"),
            ("[1 2]", 1, 4, "expected `,` or `]`"),
            ("{\"é\" 1}", 1, 6, "expected `:` after a key"),
            ("01", 1, 2, "expected the end of the document"),
            ("-", 1, 2, "expected a digit"),
            ("1.", 1, 3, "expected a digit"),
            ("\"a", 1, 3, "the string is not closed"),
            ("\"\\x\"", 1, 2, "unknown escape"),
            (
                "\"\\u12g4\"",
                1,
                2,
                "expected four hexadecimal digits after `\\u`",
            ),
            (
                "\"\n\"",
                1,
                2,
                "a control character in a string must be escaped",
            ),
            ("nul", 1, 1, "expected `null`"),
            ("[1]]", 1, 4, "expected the end of the document"),
        ];
        for (text, line, column, message) in cases {
            let expected = JsonError {
                line,
                column,
                message: message.into(),
            };
            assert_eq!(parse(text.as_bytes()), Err(expected), "{text:?}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn deep_nesting_is_an_error_not_a_crash() {
        let deep = "[".repeat(1_000_000);
        let error = parse(deep.as_bytes()).expect_err("too deep");
        assert_eq!(
            error.message,
            format!("nested deeper than {MAX_DEPTH} levels")
        );
        let allowed = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        let value = parse(allowed.as_bytes()).expect("as deep as allowed");
        assert_eq!(value.clone().into_owned().to_text(), allowed);
    }
}
