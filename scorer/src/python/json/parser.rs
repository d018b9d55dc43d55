//! The JSON grammar as CPython's scanner reads it. Iterative: depth costs no stack.

use num_bigint::BigInt;

use super::JsonError;
use super::encoding::push_code_point;
use crate::python::int::MAX_DIGITS;
use crate::python::{Dict, PyStr, Value};

/// Deepest nesting of arrays and objects that the Python service accepts (contract §10).
pub const MAX_NESTING: usize = 1451;

/// Parses a document in generalised UTF-8.
pub(super) fn parse(text: &[u8]) -> Result<Value, JsonError> {
    let mut parser = Parser { text, at: 0 };
    parser.skip_space();
    let value = parser.document()?;
    parser.skip_space();
    if parser.at < text.len() {
        return Err(parser.error("Extra data", parser.at));
    }
    Ok(value)
}

/// An array or object that is not closed yet.
enum Open {
    List(Vec<Value>),
    Dict(Dict, PyStr),
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Value, JsonError> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let mut complete = match self.peek() {
                Some(b'[') => {
                    self.enter(&open, "array")?;
                    if self.peek() != Some(b']') {
                        open.push(Open::List(Vec::new()));
                        continue;
                    }
                    self.at += 1;
                    Value::List(Vec::new())
                }
                Some(b'{') => {
                    self.enter(&open, "object")?;
                    if self.peek() != Some(b'}') {
                        open.push(Open::Dict(Dict::new(), self.key()?));
                        continue;
                    }
                    self.at += 1;
                    Value::Dict(Dict::new())
                }
                _ => self.scalar()?,
            };
            // Hand the value to the container around it, and that to the next, while they close.
            loop {
                self.skip_space_if(!open.is_empty());
                let close = match open.last() {
                    None => return Ok(complete),
                    Some(Open::List(_)) => b']',
                    Some(Open::Dict(..)) => b'}',
                };
                let next = self.peek();
                if next != Some(close) && next != Some(b',') {
                    return Err(self.error("Expecting ',' delimiter", self.at));
                }
                self.at += 1;
                let closed = next == Some(close);
                if !closed {
                    self.skip_space();
                }
                match open.pop() {
                    Some(Open::List(mut items)) => {
                        items.push(complete);
                        if !closed {
                            open.push(Open::List(items));
                            break;
                        }
                        complete = Value::List(items);
                    }
                    Some(Open::Dict(mut dict, key)) => {
                        dict.insert(key, complete);
                        if !closed {
                            let key = self.key()?;
                            open.push(Open::Dict(dict, key));
                            break;
                        }
                        complete = Value::Dict(dict);
                    }
                    None => return Ok(complete),
                }
            }
        }
    }

    /// Steps over an opening bracket and the space after it.
    fn enter(&mut self, open: &[Open], container: &'static str) -> Result<(), JsonError> {
        if open.len() >= MAX_NESTING {
            return Err(JsonError::TooDeep { container });
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    /// A key, its colon and the space around it.
    fn key(&mut self) -> Result<PyStr, JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.error("Expecting property name enclosed in double quotes", self.at));
        }
        let key = self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.error("Expecting ':' delimiter", self.at));
        }
        self.at += 1;
        self.skip_space();
        Ok(key)
    }

    fn scalar(&mut self) -> Result<Value, JsonError> {
        if self.peek() == Some(b'"') {
            return self.string().map(Value::Str);
        }
        let rest = &self.text[self.at..];
        for (word, value) in [
            (&b"null"[..], Value::None),
            (b"true", Value::Bool(true)),
            (b"false", Value::Bool(false)),
            (b"NaN", Value::Float(f64::NAN)),
            (b"Infinity", Value::Float(f64::INFINITY)),
            (b"-Infinity", Value::Float(f64::NEG_INFINITY)),
        ] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        self.number()
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        let digits_from = |from: usize| {
            self.text[from..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        };
        let first = start + usize::from(self.peek() == Some(b'-'));
        let digits = match self.text.get(first) {
            Some(b'0') => 1,
            _ => digits_from(first),
        };
        if digits == 0 {
            return Err(self.error("Expecting value", start));
        }
        let mut end = first + digits;
        let mut is_float = false;
        if self.text.get(end) == Some(&b'.') {
            let fraction = digits_from(end + 1);
            if fraction > 0 {
                end += 1 + fraction;
                is_float = true;
            }
        }
        if matches!(self.text.get(end), Some(b'e' | b'E')) {
            let sign = matches!(self.text.get(end + 1), Some(b'+' | b'-'));
            let exponent = digits_from((end + 1 + usize::from(sign)).min(self.text.len()));
            if exponent > 0 {
                end += 1 + usize::from(sign) + exponent;
                is_float = true;
            }
        }
        self.at = end;
        let literal = std::str::from_utf8(&self.text[start..end]).unwrap_or_default();
        if is_float {
            return literal
                .parse()
                .map(Value::Float)
                .map_err(|_| self.error("Expecting value", start));
        }
        if digits > MAX_DIGITS {
            return Err(JsonError::IntegerTooLong { digits });
        }
        if digits <= 18 {
            return literal
                .parse::<i64>()
                .map(Value::from)
                .map_err(|_| self.error("Expecting value", start));
        }
        literal
            .parse::<BigInt>()
            .map(Value::Int)
            .map_err(|_| self.error("Expecting value", start))
    }

    /// A string, from its opening quote on.
    fn string(&mut self) -> Result<PyStr, JsonError> {
        let begin = self.at;
        self.at += 1;
        let mut unescaped: Option<Vec<u8>> = None;
        loop {
            let chunk = self.at;
            let length = self.text[chunk..]
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))
                .ok_or_else(|| self.error("Unterminated string starting at", begin))?;
            self.at += length;
            let plain = &self.text[chunk..self.at];
            match self.text[self.at] {
                b'"' => {
                    self.at += 1;
                    return Ok(match unescaped {
                        None => PyStr::from_generalised_utf8(plain),
                        Some(mut whole) => {
                            whole.extend(plain);
                            PyStr::from_generalised_utf8(&whole)
                        }
                    });
                }
                b'\\' => {
                    let whole = unescaped.get_or_insert_default();
                    whole.extend(plain);
                    let point = self.escape(begin)?;
                    push_code_point(whole, point);
                }
                _ => return Err(self.error("Invalid control character at", self.at)),
            }
        }
    }

    /// The code point behind a backslash.
    fn escape(&mut self, begin: usize) -> Result<u32, JsonError> {
        let backslash = self.at;
        let Some(&letter) = self.text.get(backslash + 1) else {
            return Err(self.error("Unterminated string starting at", begin));
        };
        self.at += 2;
        let character = match letter {
            b'"' | b'\\' | b'/' => letter,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unicode_escape(backslash),
            _ => return Err(self.error("Invalid \\escape", backslash)),
        };
        Ok(u32::from(character))
    }

    fn unicode_escape(&mut self, backslash: usize) -> Result<u32, JsonError> {
        let high = self.four_hex_digits(backslash)?;
        let paired = (0xD800..0xDC00).contains(&high)
            && self.text[self.at..].starts_with(b"\\u")
            && self.text.len() > self.at + 6;
        if !paired {
            return Ok(high);
        }
        let after = self.at;
        self.at += 2;
        let low = self.four_hex_digits(after)?;
        if (0xDC00..0xE000).contains(&low) {
            return Ok(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
        }
        self.at = after;
        Ok(high)
    }

    fn four_hex_digits(&mut self, backslash: usize) -> Result<u32, JsonError> {
        let error = |parser: &Self| parser.error("Invalid \\uXXXX escape", backslash + 1);
        // At least the closing quote must follow.
        if self.at + 4 >= self.text.len() {
            return Err(error(self));
        }
        let mut value = 0;
        for &byte in &self.text[self.at..self.at + 4] {
            let digit = char::from(byte).to_digit(16).ok_or_else(|| error(self))?;
            value = value * 16 + digit;
        }
        self.at += 4;
        Ok(value)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn skip_space_if(&mut self, condition: bool) {
        if condition {
            self.skip_space();
        }
    }

    /// An error at a byte position, counted in code points as Python does.
    fn error(&self, message: &'static str, at: usize) -> JsonError {
        let characters = |bytes: &[u8]| bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        let before = &self.text[..at.min(self.text.len())];
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        JsonError::Syntax {
            message,
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            column: 1 + characters(&before[line_start..]),
            position: characters(before),
        }
    }
}
