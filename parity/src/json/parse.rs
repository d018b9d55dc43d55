//! The parser: one pass over the bytes, no recursion, no copies of text.

use std::borrow::Cow;

use super::{
    JsonError, Text, Value,
    layout::{After, Layout},
    scan,
};

/// Arrays and objects may nest this deep: whatever walks the value may recurse this far on the 2 MiB
/// stack of a thread, unoptimised as well. Documents that are deeper are compared as bytes.
pub const MAX_DEPTH: usize = 500;

/// Reads one document. White space may surround it; nothing else may follow.
///
/// # Errors
/// Says where the first character stands that cannot be JSON, and what was expected there.
pub fn parse(bytes: &[u8]) -> Result<Value<'_>, JsonError> {
    parse_with_layout(bytes).map(|(value, _)| value)
}

/// Reads one document, and how it is laid out.
///
/// # Errors
/// As [`parse`].
pub fn parse_with_layout(bytes: &[u8]) -> Result<(Value<'_>, Layout<'_>), JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        error_at(
            bytes,
            error.valid_up_to(),
            "the document is not valid UTF-8",
        )
    })?;
    let mut parser = Parser {
        text,
        bytes,
        at: 0,
        open: Vec::new(),
        elements: Vec::new(),
        members: Vec::new(),
        keys: Vec::new(),
        layout: Layout::default(),
    };
    match parser.document() {
        Ok(value) => Ok((value, parser.layout)),
        Err(message) => Err(error_at(bytes, parser.at, message)),
    }
}

/// A container that is not closed yet.
#[derive(Clone, Copy)]
enum Open {
    /// Its elements so far are those from this index on.
    Array { from: usize },
    /// Its members so far are those from this index on.
    Object { from: usize },
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    open: Vec<Open>,
    /// Of all open arrays, one after the other, so that each is allocated once, at its final size.
    elements: Vec<Value<'a>>,
    /// Of all open objects.
    members: Vec<(Text<'a>, Value<'a>)>,
    /// One for each open object: that of the member whose value comes next.
    keys: Vec<Text<'a>>,
    layout: Layout<'a>,
}

/// What was expected and is not there.
type Expected = &'static str;

impl<'a> Parser<'a> {
    fn document(&mut self) -> Result<Value<'a>, Expected> {
        self.space(After::Nothing);
        loop {
            let Some(mut value) = self.value_or_open()? else {
                continue;
            };
            // The value is complete: put it where it belongs, closing all containers that end here.
            loop {
                self.space(After::Value);
                match self.open.last() {
                    None => {
                        return match self.peek() {
                            None => Ok(value),
                            Some(_) => Err("expected the end of the document"),
                        };
                    }
                    Some(&Open::Array { from }) => {
                        self.elements.push(value);
                        match self.peek() {
                            Some(b',') => {
                                self.at += 1;
                                self.space(After::Comma);
                            }
                            Some(b']') => {
                                self.at += 1;
                                self.open.pop();
                                value = Value::Array(self.elements.split_off(from));
                                continue;
                            }
                            _ => return Err("expected `,` or `]`"),
                        }
                    }
                    Some(&Open::Object { from }) => {
                        if let Some(key) = self.keys.pop() {
                            self.members.push((key, value));
                        }
                        match self.peek() {
                            Some(b',') => {
                                self.at += 1;
                                self.space(After::Comma);
                                self.key()?;
                            }
                            Some(b'}') => {
                                self.at += 1;
                                self.open.pop();
                                value = Value::Object(self.members.split_off(from));
                                continue;
                            }
                            _ => return Err("expected `,` or `}`"),
                        }
                    }
                }
                break;
            }
        }
    }

    /// Reads a scalar or an empty container; opens a container that has content.
    fn value_or_open(&mut self) -> Result<Option<Value<'a>>, Expected> {
        let Some(first) = self.peek() else {
            return Err("expected a value, but the document ends");
        };
        Ok(Some(match first {
            b'{' => {
                self.enter(After::Brace)?;
                if self.peek() == Some(b'}') {
                    self.at += 1;
                    Value::Object(Vec::new())
                } else {
                    let from = self.members.len();
                    self.open.push(Open::Object { from });
                    self.key()?;
                    return Ok(None);
                }
            }
            b'[' => {
                self.enter(After::Bracket)?;
                if self.peek() == Some(b']') {
                    self.at += 1;
                    Value::Array(Vec::new())
                } else {
                    let from = self.elements.len();
                    self.open.push(Open::Array { from });
                    return Ok(None);
                }
            }
            b'"' => Value::String(self.string()?),
            b't' => self.word(b"true", "expected `true`", Value::Bool(true))?,
            b'f' => self.word(b"false", "expected `false`", Value::Bool(false))?,
            b'n' => self.word(b"null", "expected `null`", Value::Null)?,
            b'N' => self.word(b"NaN", "expected `NaN`", number("NaN"))?,
            b'I' => self.infinity(number("Infinity"))?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return Err("expected a value"),
        }))
    }

    fn enter(&mut self, after: After) -> Result<(), Expected> {
        const { assert!(MAX_DEPTH == 500, "the message names it") };
        if self.open.len() >= MAX_DEPTH {
            return Err("nested deeper than 500 levels");
        }
        self.at += 1;
        self.space(after);
        Ok(())
    }

    /// Begins a member of the innermost object: its key, up to where its value starts.
    fn key(&mut self) -> Result<(), Expected> {
        if self.peek() != Some(b'"') {
            return Err("expected a key in double quotes");
        }
        let key = self.string()?;
        self.keys.push(key);
        self.space(After::Key);
        if self.peek() != Some(b':') {
            return Err("expected `:` after a key");
        }
        self.at += 1;
        self.space(After::Colon);
        Ok(())
    }

    #[inline(always)]
    fn string(&mut self) -> Result<Text<'a>, Expected> {
        self.at += 1;
        let start = self.at;
        loop {
            self.at += scan::plain_text(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    let written = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(Text::from_written(written));
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err("a control character in a string must be escaped"),
                None => return Err("the string is not closed"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Expected> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err("expected four hexadecimal digits after `\\u`");
                }
                self.at += 6;
            }
            _ => return Err("unknown escape"),
        }
        Ok(())
    }

    fn word<const LENGTH: usize>(
        &mut self,
        word: &[u8; LENGTH],
        otherwise: Expected,
        value: Value<'a>,
    ) -> Result<Value<'a>, Expected> {
        if self.bytes[self.at..].first_chunk() != Some(word) {
            return Err(otherwise);
        }
        self.at += LENGTH;
        Ok(value)
    }

    fn infinity(&mut self, value: Value<'a>) -> Result<Value<'a>, Expected> {
        self.word(b"Infinity", "expected `Infinity`", value)
    }

    fn number(&mut self) -> Result<Value<'a>, Expected> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
            if self.peek() == Some(b'I') {
                return self.infinity(number("-Infinity"));
            }
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err("expected a digit"),
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
        Ok(number(&self.text[start..self.at]))
    }

    fn some_digits(&mut self) -> Result<(), Expected> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err("expected a digit");
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

    /// Passes over white space and notes it.
    #[inline(always)]
    fn space(&mut self, after: After) {
        match self.peek() {
            Some(b' ') if !self.bytes.get(self.at + 1).is_some_and(is_space) => {
                self.at += 1;
                self.layout.note_one(after);
            }
            Some(byte) if is_space(&byte) => self.longer_space(after),
            _ => self.layout.note_none(after),
        }
    }

    #[cold]
    fn longer_space(&mut self, after: After) {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take_while(|byte| is_space(byte)).count();
        self.layout.note(after, &rest[..length]);
        self.at += length;
    }
}

fn is_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

fn number(text: &str) -> Value<'_> {
    Value::Number(Cow::Borrowed(text))
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
