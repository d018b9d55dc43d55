//! Durations (`250ms`, `5s`, `2m`, `1h`, `30d`) and sizes (`64KiB`, `1MiB`, `512`) as people write them.

use std::{str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de};

/// A length of time, written with its unit: `ms`, `s`, `m`, `h` or `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub struct Span(pub Duration);

impl Span {
    pub const fn millis(value: u64) -> Self {
        Self(Duration::from_millis(value))
    }

    pub const fn secs(value: u64) -> Self {
        Self(Duration::from_secs(value))
    }
}

/// A number of bytes: a plain integer, or text with `KiB`, `MiB` or `GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub struct Size(pub u64);

impl Size {
    pub const fn kib(value: u64) -> Self {
        Self(value * 1024)
    }

    pub const fn mib(value: u64) -> Self {
        Self(value * 1024 * 1024)
    }

    /// The size as an in-memory length, saturating on 32-bit machines.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (&text[..digits], text[digits..].trim())
}

fn parse_span(text: &str) -> Option<Span> {
    let (number, unit) = split_unit(text.trim());
    let number: u64 = number.parse().ok()?;
    let millis = match unit {
        "ms" => number,
        "s" => number.checked_mul(1_000)?,
        "m" => number.checked_mul(60_000)?,
        "h" => number.checked_mul(3_600_000)?,
        "d" => number.checked_mul(86_400_000)?,
        _ => return None,
    };
    Some(Span::millis(millis))
}

fn parse_size(text: &str) -> Option<Size> {
    let (number, unit) = split_unit(text.trim());
    let number: u64 = number.parse().ok()?;
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor).map(Size)
}

/// Why a text is no [`Span`].
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not a duration: write a whole number and a unit, such as `250ms`, `5s`, `2m`, `1h` or `30d`"
)]
pub struct NoSpan(String);

impl FromStr for Span {
    type Err = NoSpan;

    fn from_str(text: &str) -> Result<Self, NoSpan> {
        parse_span(text).ok_or_else(|| NoSpan(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Self(number)),
            Written::Text(text) => parse_size(&text).ok_or_else(|| {
                de::Error::custom(format!(
                    "`{text}` is not a size: write a whole number of bytes, or one with `KiB`, `MiB` or `GiB`"
                ))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_known_unit() {
        assert_eq!(parse_span("250ms"), Some(Span::millis(250)));
        assert_eq!(parse_span("2m"), Some(Span::secs(120)));
        assert_eq!(parse_span("30d"), Some(Span::secs(2_592_000)));
        for wrong in [
            "",
            "5",
            "s",
            "1.5s",
            "-1s",
            "5 days",
            "18446744073709551615h",
        ] {
            assert_eq!(parse_span(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_are_binary_multiples() {
        assert_eq!(parse_size("64KiB"), Some(Size::kib(64)));
        assert_eq!(parse_size("12"), Some(Size(12)));
        for wrong in ["", "KiB", "1kb", "1.5MiB", "18446744073709551615GiB"] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }
}
