//! The identity of a credential in the cache: SHA-256 of exactly what was given.

use sha2::{Digest, Sha256};

use crate::python::{PyStr, Value};

/// SHA-256 of a value, key order and number types included.
pub(super) type Fingerprint = [u8; 32];

/// Two values have the same fingerprint only if they are the same in every bit: every part is
/// preceded by its kind and, where it is not of fixed size, its length.
pub(super) fn of(value: &Value) -> Fingerprint {
    let mut bytes = Vec::with_capacity(4096);
    write_value(&mut bytes, value);
    Sha256::digest(&bytes).into()
}

fn write_value(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::None => bytes.push(b'n'),
        Value::Bool(truth) => bytes.push(if *truth { b't' } else { b'f' }),
        Value::Int(integer) => {
            let digits = integer.to_signed_bytes_le();
            bytes.push(b'i');
            write_length(bytes, digits.len());
            bytes.extend(digits);
        }
        Value::Float(float) => {
            bytes.push(b'd');
            bytes.extend(float.to_bits().to_le_bytes());
        }
        Value::Str(text) => write_text(bytes, text),
        Value::List(items) => {
            bytes.push(b'l');
            write_length(bytes, items.len());
            for item in items {
                write_value(bytes, item);
            }
        }
        Value::Dict(members) => {
            bytes.push(b'm');
            write_length(bytes, members.len());
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
            bytes.push(b's');
            write_length(bytes, text.len());
            bytes.extend(text.as_bytes());
        }
        PyStr::IllFormed(code_points) => {
            bytes.push(b'u');
            write_length(bytes, code_points.len());
            for code_point in code_points {
                bytes.extend(code_point.to_le_bytes());
            }
        }
    }
}

fn write_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend((length as u64).to_le_bytes());
}
