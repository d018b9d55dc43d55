//! Python's `datetime`: parsing, printing and comparing.
//!
//! Rules: contract §1.5 and §3.3, domain B.4.1, B.8, B.9 and F.

mod calendar;
mod isoformat;
mod model;

use std::cmp::Ordering;

use chrono::{DateTime as ChronoDateTime, Datelike, NaiveDate, Timelike, Utc};

pub use model::{InvalidModelDate, parse_model_datetime};

use super::Value;

/// A date and time of day in the years 1 to 9999, microsecond precision, with or without an offset
/// from UTC.
///
/// Equality is of the fields: the same instant at another offset is another value. See
/// [`DateTime::compare`] for the order of instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DateTime {
    year: i32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    microsecond: u32,
    /// Microseconds east of UTC, within a day; none makes the value naive.
    offset: Option<i64>,
}

/// What Python raises; the text is that of the exception.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DateTimeError {
    /// `TypeError`: the value is no text.
    #[error("fromisoformat: argument must be str")]
    NotText,
    /// The text follows none of the forms; holds its `repr`.
    #[error("Invalid isoformat string: {0}")]
    Format(String),
    #[error("year {0} is out of range")]
    Year(i32),
    #[error("month must be in 1..12")]
    Month,
    #[error("day is out of range for month")]
    Day,
    #[error("hour must be in 0..23")]
    Hour,
    #[error("minute must be in 0..59")]
    Minute,
    #[error("second must be in 0..59")]
    Second,
    /// The offset is a day or more; holds the `repr` of the `timedelta`.
    #[error(
        "offset must be a timedelta strictly between -timedelta(hours=24) and \
         timedelta(hours=24), not {0}."
    )]
    Offset(String),
    /// `TypeError`: only one of two compared values has an offset.
    #[error("can't compare offset-naive and offset-aware datetimes")]
    NaiveAndAware,
    /// `OverflowError`: in UTC the value leaves the years 1 to 9999.
    #[error("date value out of range")]
    Overflow,
}

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

impl DateTime {
    /// `datetime.fromisoformat(value)` of a JSON value.
    ///
    /// # Errors
    ///
    /// What Python raises.
    pub fn from_value(value: &Value) -> Result<Self, DateTimeError> {
        match value {
            Value::Str(text) => isoformat::parse(text),
            _ => Err(DateTimeError::NotText),
        }
    }

    /// `datetime.fromisoformat(text)` of Python 3.12 (domain B.4.1).
    ///
    /// # Errors
    ///
    /// What Python raises.
    pub fn fromisoformat(text: &str) -> Result<Self, DateTimeError> {
        isoformat::parse(&text.into())
    }

    /// An instant in UTC, for example from a `timestamptz` column; nanoseconds are cut off.
    ///
    /// # Errors
    ///
    /// Reading a column fails in Python outside the years 1 to 9999; the year before 1 is -1
    /// (contract quirk 68).
    pub fn from_utc(instant: ChronoDateTime<Utc>) -> Result<Self, DateTimeError> {
        let year = instant.year();
        if !(1..=9999).contains(&year) {
            return Err(DateTimeError::Year(if year < 1 { year - 1 } else { year }));
        }
        Ok(DateTime {
            year,
            month: instant.month(),
            day: instant.day(),
            hour: instant.hour(),
            minute: instant.minute(),
            second: instant.second(),
            // A leap second, which chrono counts as nanoseconds beyond a second, is cut off.
            microsecond: (instant.nanosecond() / 1000).min(999_999),
            offset: Some(0),
        })
    }

    /// A naive value whose date is yet to be checked.
    fn midnight(year: i32, month: u32, day: u32) -> Self {
        DateTime {
            year,
            month,
            day,
            hour: 0,
            minute: 0,
            second: 0,
            microsecond: 0,
            offset: None,
        }
    }

    /// Checks the fields as Python's constructor does.
    fn checked(self) -> Result<Self, DateTimeError> {
        if !(1..=9999).contains(&self.year) {
            return Err(DateTimeError::Year(self.year));
        }
        if !(1..=12).contains(&self.month) {
            return Err(DateTimeError::Month);
        }
        if NaiveDate::from_ymd_opt(self.year, self.month, self.day).is_none() {
            return Err(DateTimeError::Day);
        }
        if self.hour > 23 {
            return Err(DateTimeError::Hour);
        }
        if self.minute > 59 {
            return Err(DateTimeError::Minute);
        }
        if self.second > 59 {
            return Err(DateTimeError::Second);
        }
        Ok(self)
    }

    /// Whether the value has no offset from UTC.
    #[must_use]
    pub fn is_naive(&self) -> bool {
        self.offset.is_none()
    }

    /// The instant; a naive value counts as UTC. Unlike Python's `astimezone` it may leave the
    /// years 1 to 9999, as a `timestamptz` column may.
    #[must_use]
    pub fn instant(&self) -> ChronoDateTime<Utc> {
        ChronoDateTime::from_timestamp_micros(self.timestamp_micros()).unwrap_or_default()
    }

    /// `self.astimezone(timezone.utc)`; a naive value counts as UTC.
    ///
    /// # Errors
    ///
    /// `Overflow` if that leaves the years 1 to 9999.
    pub fn to_utc(&self) -> Result<DateTime, DateTimeError> {
        Self::from_utc(self.instant()).map_err(|_| DateTimeError::Overflow)
    }

    /// Microseconds since 1970-01-01 UTC; a naive value counts as UTC.
    fn timestamp_micros(&self) -> i64 {
        let days = calendar::days_from_epoch(self.year, self.month, self.day);
        let seconds = i64::from(self.hour * 3600 + self.minute * 60 + self.second);
        days * MICROS_PER_DAY + seconds * MICROS_PER_SECOND + i64::from(self.microsecond)
            - self.offset.unwrap_or(0)
    }

    /// The order of `<`, `<=`, `>` and `>=`: by instant.
    ///
    /// # Errors
    ///
    /// `NaiveAndAware` if exactly one of the two is naive.
    pub fn compare(&self, other: &DateTime) -> Result<Ordering, DateTimeError> {
        if self.is_naive() != other.is_naive() {
            return Err(DateTimeError::NaiveAndAware);
        }
        Ok(self.timestamp_micros().cmp(&other.timestamp_micros()))
    }

    /// `isoformat()`: six digits of fraction unless zero, the offset as it is, `+00:00` for UTC.
    #[must_use]
    pub fn isoformat(&self) -> String {
        let fraction = match self.microsecond {
            0 => String::new(),
            micros => format!(".{micros:06}"),
        };
        self.with_fraction(&fraction)
    }

    /// The form of Django's JSON encoder, in events and bans: milliseconds, further digits cut off,
    /// no fraction if there are no microseconds, `Z` for UTC.
    #[must_use]
    pub fn iso_millis(&self) -> String {
        let fraction = match self.microsecond {
            0 => String::new(),
            micros => format!(".{:03}", micros / 1000),
        };
        let text = self.with_fraction(&fraction);
        match text.strip_suffix("+00:00") {
            Some(utc) => format!("{utc}Z"),
            None => text,
        }
    }

    fn with_fraction(&self, fraction: &str) -> String {
        let DateTime {
            year,
            month,
            day,
            hour,
            minute,
            second,
            ..
        } = self;
        let offset = self.offset.map(offset_text).unwrap_or_default();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{offset}")
    }
}

/// `±HH:MM[:SS[.ffffff]]`
fn offset_text(offset: i64) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let micros = offset.abs();
    let seconds = micros / MICROS_PER_SECOND;
    let mut text = format!("{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
    let (second, micros) = (seconds % 60, micros % MICROS_PER_SECOND);
    if second != 0 || micros != 0 {
        text.push_str(&format!(":{second:02}"));
    }
    if micros != 0 {
        text.push_str(&format!(".{micros:06}"));
    }
    text
}

#[cfg(test)]
mod tests;
