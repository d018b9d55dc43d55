//! What pydantic takes for a `bool`.

use super::Value;

/// A truth value in JSON as pydantic 2.10 reads it: 0 and 1 and some words will do.
#[must_use]
pub fn pydantic_bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Int(number) => match i64::try_from(number) {
            Ok(0) => Some(false),
            Ok(1) => Some(true),
            _ => None,
        },
        Value::Float(number) if *number == 0.0 => Some(false),
        Value::Float(number) if *number == 1.0 => Some(true),
        Value::Str(text) => pydantic_bool_str(text.as_str()?),
        Value::Float(_) | Value::None | Value::List(_) | Value::Dict(_) => None,
    }
}

/// A `bool` parameter in a query as pydantic 2.10 reads it.
#[must_use]
pub fn pydantic_bool_str(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "t" | "true" | "y" | "yes" => Some(true),
        "0" | "off" | "f" | "false" | "n" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::json;

    /// Measured with pydantic 2.10.3: `TypeAdapter(bool).validate_python`.
    #[test]
    fn pydantic_reads_numbers_and_words() {
        for (texts, expected) in [
            (
                &[
                    "true", "1", "1.0", r#""T""#, r#""yes""#, r#""oN""#, r#""1""#,
                ][..],
                Some(true),
            ),
            (
                &["false", "0", "0.0", "-0.0", r#""F""#, r#""No""#, r#""0""#][..],
                Some(false),
            ),
            (
                &["null", "2", "-1", "0.5", r#""""#, r#"" true""#, "[]", "{}"][..],
                None,
            ),
        ] {
            for text in texts {
                let value = json::loads(text.as_bytes()).unwrap();
                assert_eq!(pydantic_bool(&value), expected, "{text}");
            }
        }
    }
}
