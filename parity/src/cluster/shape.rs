//! What a value looks like, so that like divergences are recognised.

use crate::{
    decimal::Decimal,
    json::{self, Value},
};

/// Shape of a value as a divergence shows it: JSON text, header text, or nothing.
pub(super) fn of(value: Option<&str>) -> String {
    let Some(text) = value else {
        return "absent".to_owned();
    };
    match json::parse(text.as_bytes()) {
        Ok(Value::String(text)) => of_text(&text.decoded()),
        Ok(Value::Number(number)) if number.contains(['.', 'e', 'E', 'N', 'I']) => {
            "float".to_owned()
        }
        Ok(Value::Number(_)) => "integer".to_owned(),
        Ok(Value::Bool(value)) => value.to_string(),
        Ok(value) => value.type_name().to_owned(),
        Err(_) => of_text(text),
    }
}

fn of_text(text: &str) -> String {
    if text.is_empty() {
        "empty text".to_owned()
    } else if Decimal::parse(text).is_some() {
        match text.split_once('.') {
            Some((_, fraction)) => format!("decimal({})", fraction.len()),
            None => "digits".to_owned(),
        }
    } else if is_timestamp(text) {
        // Notations differ in what follows the seconds.
        let tail: String = text[19..]
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        format!("timestamp{tail}")
    } else if text.starts_with("0x") && text[2..].bytes().all(|byte| byte.is_ascii_hexdigit()) {
        format!("hex({})", text.len() - 2)
    } else {
        "text".to_owned()
    }
}

/// A shape is shown where its value may not be: nothing but a fraction and an offset may follow.
fn is_timestamp(text: &str) -> bool {
    text.is_ascii()
        && text.len() >= 19
        && text[19..]
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b".+-:Z".contains(&byte))
        && text
            .bytes()
            .zip(*b"0000-00-00T00:00:00")
            .all(|(byte, form)| {
                if form == b'0' {
                    byte.is_ascii_digit()
                } else {
                    byte == form
                }
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_apart_by_what_they_look_like() {
        for (value, shape) in [
            (None, "absent"),
            (Some("null"), "null"),
            (Some("12"), "integer"),
            (Some("1.5"), "float"),
            (Some("true"), "true"),
            (Some(r#""0.52500""#), "decimal(5)"),
            (Some(r#""12""#), "digits"),
            (
                Some(r#""2026-01-15T12:00:00.123456+00:00""#),
                "timestamp.000000+00:00",
            ),
            (Some(r#""2026-01-15T12:00:00Z""#), "timestampZ"),
            (Some(r#""2026-01-15T12:00:00 and more""#), "text"),
            (Some(r#""0xfC75""#), "hex(4)"),
            (Some(r#""Not found""#), "text"),
            (Some("text/html"), "text"),
            (Some("[1]"), "array"),
            (Some("{}"), "object"),
            (Some(r#""""#), "empty text"),
        ] {
            assert_eq!(of(value), shape, "{value:?}");
        }
    }
}
