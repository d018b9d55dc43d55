//! Instants as services write them.

use chrono::{DateTime, NaiveDateTime};

/// An instant and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// Microseconds since 1970; naive times count as UTC.
    pub(crate) micros: i64,
    /// Digits of the fraction of a second.
    pub(crate) fraction: u32,
    /// The text with every digit before the offset as `0`, and names of days and months as `a`:
    /// equal for instants that are written in the same form and with the same precision.
    pub(crate) notation: String,
}

impl Written {
    /// Reads RFC 3339, RFC 2822 (as in HTTP dates) and ISO 8601 without an offset.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // An offset must be the same on both sides: its digits stay.
        let offset = text
            .rfind(['+', '-'])
            .filter(|at| text[..*at].contains(':'))
            .unwrap_or(text.len());
        let micros = micros(text)?;
        // In `Thu, 15 Jan 2026 12:00:00 GMT` day and month are names.
        let names = match text.starts_with(|c: char| c.is_ascii_alphabetic()) {
            true => text.rfind(' ').unwrap_or_default(),
            false => 0,
        };
        let fraction = text[..offset].split_once('.').map_or(0, |(_, rest)| {
            rest.bytes().take_while(u8::is_ascii_digit).count()
        });
        Some(Self {
            micros,
            fraction: u32::try_from(fraction).unwrap_or(u32::MAX),
            notation: text
                .char_indices()
                .map(|(at, c)| {
                    if c.is_ascii_digit() && at < offset {
                        '0'
                    } else if c.is_ascii_alphabetic() && at < names {
                        'a'
                    } else {
                        c
                    }
                })
                .collect(),
        })
    }

    /// Microseconds that one unit of its last digit stands for.
    pub(crate) fn unit(&self) -> i64 {
        10_i64.pow(6_u32.saturating_sub(self.fraction))
    }

    /// Its notation without the fraction of a second.
    pub(crate) fn notation_without_fraction(&self) -> String {
        match self.notation.split_once('.') {
            Some((before, after)) => {
                format!("{before}{}", after.trim_start_matches('0'))
            }
            None => self.notation.clone(),
        }
    }
}

fn micros(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.timestamp_micros())
        .or_else(|_| DateTime::parse_from_rfc2822(text).map(|time| time.timestamp_micros()))
        .or_else(|_| {
            NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
                .map(|time| time.and_utc().timestamp_micros())
        })
        .ok()
}
