//! The identity of a credential in the cache: BLAKE3 of exactly what was given.
//!
//! A stamp is looked up in every scoring, so this is the hot path of a repeated one. BLAKE3 is as hard
//! to find collisions for as SHA-256, and needs a fraction of its instructions on every processor.

use crate::python::{PyStr, Value};

/// BLAKE3 of a value, key order and number types included.
pub(super) type Fingerprint = [u8; 32];

/// Room for a usual stamp.
const USUAL_SIZE: usize = 4096;

/// Two values have the same fingerprint only if they are the same in every bit: every part is
/// preceded by its kind and, where it is not of fixed size, its length.
pub(super) fn of(value: &Value) -> Fingerprint {
    let mut bytes = Vec::with_capacity(USUAL_SIZE);
    write_value(&mut bytes, value);
    blake3::hash(&bytes).into()
}

fn write_value(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::None => bytes.push(b'n'),
        Value::Bool(truth) => bytes.push(if *truth { b't' } else { b'f' }),
        Value::Int(integer) => {
            let digits = integer.to_signed_bytes_le();
            write_head(bytes, b'i', digits.len());
            bytes.extend_from_slice(&digits);
        }
        Value::Float(float) => {
            bytes.push(b'd');
            bytes.extend_from_slice(&float.to_bits().to_le_bytes());
        }
        Value::Str(text) => write_text(bytes, text),
        Value::List(items) => {
            write_head(bytes, b'l', items.len());
            for item in items {
                write_value(bytes, item);
            }
        }
        Value::Dict(members) => {
            write_head(bytes, b'm', members.len());
            for (name, value) in members.iter() {
                write_text(bytes, name);
                write_value(bytes, value);
            }
        }
    }
}

fn write_text(bytes: &mut Vec<u8>, text: &PyStr) {
    match text {
        PyStr::Text(text) => {
            write_head(bytes, b's', text.len());
            bytes.extend_from_slice(text.as_bytes());
        }
        PyStr::IllFormed(code_points) => {
            write_head(bytes, b'u', code_points.len());
            for code_point in code_points {
                bytes.extend_from_slice(&code_point.to_le_bytes());
            }
        }
    }
}

/// A kind and a length: one byte for a short one, else a mark and eight.
fn write_head(bytes: &mut Vec<u8>, kind: u8, length: usize) {
    const LONG: u8 = u8::MAX;
    match u8::try_from(length) {
        Ok(short) if short != LONG => bytes.extend_from_slice(&[kind, short]),
        _ => {
            bytes.extend_from_slice(&[kind, LONG]);
            bytes.extend_from_slice(&(length as u64).to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::python::json;

    #[test]
    fn values_that_differ_anywhere_have_other_fingerprints() {
        let long = "x".repeat(255);
        let longer = "x".repeat(256);
        let texts = [
            "null",
            "true",
            "false",
            "0",
            "0.0",
            "-0.0",
            "1",
            "256",
            r#""""#,
            r#""0""#,
            r#""\ud800""#,
            r#""a""#,
            r#"["a"]"#,
            r#"["a", "b"]"#,
            r#"["ab"]"#,
            r#"[["a"], "b"]"#,
            r#"["a", ["b"]]"#,
            "[]",
            "{}",
            "[[]]",
            "[{}]",
            r#"{"a": "b"}"#,
            r#"{"a": "b", "c": null}"#,
            r#"{"c": null, "a": "b"}"#,
            r#"{"a": {"b": null}}"#,
            r#"{"as": "b"}"#,
            &format!("\"{long}\""),
            &format!("\"{longer}\""),
            &format!("[\"{long}\"]"),
        ];
        let mut seen = HashMap::new();
        for text in texts {
            let value = json::loads(text.as_bytes()).unwrap();
            assert_eq!(of(&value), of(&value.clone()));
            let twin = seen.insert(of(&value), text);
            assert_eq!(twin, None, "{text} looks like it");
        }
    }
}
