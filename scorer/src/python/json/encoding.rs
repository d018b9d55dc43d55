//! From bytes to text: `json.detect_encoding` and `bytes.decode(…, 'surrogatepass')`.
//!
//! Decoded text is *generalised UTF-8*: UTF-8 in which a lone surrogate is three bytes like any
//! other code point of its size.

use std::borrow::Cow;

use super::JsonError;
use crate::python::string::is_surrogate;

/// Byte order of a multi-byte encoding.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    Big,
    Little,
}

/// Decodes a JSON document the way `json.loads` does.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, [u8]>, JsonError> {
    use Order::{Big, Little};
    if let Some(rest) = bytes.strip_prefix(b"\x00\x00\xfe\xff") {
        return utf32(rest, Big, 4, "utf-32-be");
    }
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe\x00\x00") {
        return utf32(rest, Little, 4, "utf-32-le");
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return utf16(rest, Big, 2, "utf-16-be");
    }
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return utf16(rest, Little, 2, "utf-16-le");
    }
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return utf8(rest);
    }
    match *bytes {
        [0, 0, _, _, ..] => utf32(bytes, Big, 0, "utf-32-be"),
        [0, _, _, _, ..] | [0, _] => utf16(bytes, Big, 0, "utf-16-be"),
        [_, 0, 0, 0, ..] => utf32(bytes, Little, 0, "utf-32-le"),
        [_, 0, _, _, ..] | [_, 0] => utf16(bytes, Little, 0, "utf-16-le"),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, [u8]>, JsonError> {
    let mut checked = 0;
    while let Err(error) = std::str::from_utf8(&bytes[checked..]) {
        let start = checked + error.valid_up_to();
        if surrogate_at(&bytes[start..]) {
            checked = start + 3;
            continue;
        }
        let (length, reason) = match error.error_len() {
            None => (bytes.len() - start, "unexpected end of data"),
            Some(length) if starts_sequence(bytes[start]) => (length, "invalid continuation byte"),
            Some(length) => (length, "invalid start byte"),
        };
        return Err(JsonError::Encoding {
            codec: "utf-8",
            byte: bytes[start],
            start,
            end: start + length,
            reason,
        });
    }
    Ok(Cow::Borrowed(bytes))
}

fn starts_sequence(byte: u8) -> bool {
    (0xC2..=0xF4).contains(&byte)
}

fn surrogate_at(bytes: &[u8]) -> bool {
    matches!(bytes, [0xED, 0xA0..=0xBF, 0x80..=0xBF, ..])
}

fn utf16<'a>(
    bytes: &'a [u8],
    order: Order,
    mark: usize,
    codec: &'static str,
) -> Result<Cow<'a, [u8]>, JsonError> {
    let (units, rest) = bytes.as_chunks::<2>();
    let mut text = Vec::with_capacity(bytes.len());
    let mut units = units
        .iter()
        .map(|unit| match order {
            Order::Big => u16::from_be_bytes(*unit),
            Order::Little => u16::from_le_bytes(*unit),
        })
        .peekable();
    while let Some(unit) = units.next() {
        let mut point = u32::from(unit);
        if (0xD800..0xDC00).contains(&point)
            && let Some(low) = units.next_if(|next| (0xDC00..0xE000).contains(next))
        {
            point = 0x10000 + ((point - 0xD800) << 10) + (u32::from(low) - 0xDC00);
        }
        push_code_point(&mut text, point);
    }
    match rest {
        [] => Ok(Cow::Owned(text)),
        [byte, ..] => Err(JsonError::Encoding {
            codec,
            byte: *byte,
            start: mark + bytes.len() - 1,
            end: mark + bytes.len(),
            reason: "truncated data",
        }),
    }
}

fn utf32<'a>(
    bytes: &'a [u8],
    order: Order,
    mark: usize,
    codec: &'static str,
) -> Result<Cow<'a, [u8]>, JsonError> {
    let (units, rest) = bytes.as_chunks::<4>();
    let mut text = Vec::with_capacity(bytes.len() / 2);
    for (index, unit) in units.iter().enumerate() {
        let point = match order {
            Order::Big => u32::from_be_bytes(*unit),
            Order::Little => u32::from_le_bytes(*unit),
        };
        if point > 0x10_FFFF {
            let start = mark + 4 * index;
            return Err(JsonError::Encoding {
                codec,
                byte: unit[0],
                start,
                end: start + 4,
                reason: "code point not in range(0x110000)",
            });
        }
        push_code_point(&mut text, point);
    }
    match rest {
        [] => Ok(Cow::Owned(text)),
        [byte, ..] => Err(JsonError::Encoding {
            codec,
            byte: *byte,
            start: mark + bytes.len() - rest.len(),
            end: mark + bytes.len(),
            reason: "truncated data",
        }),
    }
}

/// Appends a code point (at most U+10FFFF) in generalised UTF-8.
pub(super) fn push_code_point(text: &mut Vec<u8>, point: u32) {
    if is_surrogate(point) {
        text.extend([
            0xE0 | (point >> 12) as u8,
            0x80 | (point >> 6 & 0x3F) as u8,
            0x80 | (point & 0x3F) as u8,
        ]);
    } else {
        let character = char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER);
        text.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// The code points of generalised UTF-8; other bytes become U+FFFD.
pub(crate) fn generalised_code_points(bytes: &[u8]) -> Vec<u32> {
    let mut points = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let valid = match std::str::from_utf8(rest) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or_default(),
        };
        points.extend(valid.chars().map(u32::from));
        rest = &rest[valid.len()..];
        match *rest {
            [] => {}
            [0xED, second @ 0xA0..=0xBF, third @ 0x80..=0xBF, ..] => {
                points.push(0xD000 | u32::from(second & 0x3F) << 6 | u32::from(third & 0x3F));
                rest = &rest[3..];
            }
            [_, ..] => {
                points.push(0xFFFD);
                rest = &rest[1..];
            }
        }
    }
    points
}
