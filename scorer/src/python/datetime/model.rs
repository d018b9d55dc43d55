//! What a Django `DateTimeField` makes of a JSON value on its way into a `timestamptz` column.
//!
//! Contract §3.3 (date columns), domain D.1.

use chrono::{DateTime as ChronoDateTime, Utc};

use super::{DateTime, MICROS_PER_SECOND, isoformat};
use crate::python::Value;
use crate::python::unicode::{decimal_digit, is_space};

/// PostgreSQL refuses offsets of sixteen hours and more.
const DATABASE_OFFSET_LIMIT: i64 = 16 * 3600 * MICROS_PER_SECOND;

/// The value is no date to the column: the Python service fails with an unhandled exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value is no date that the column takes")]
pub struct InvalidModelDate;

/// The instant that is stored for a JSON value; none for `null`. Without offset it is UTC, a date
/// alone is its midnight.
///
/// Tried in turn: `datetime.fromisoformat`, Django's own pattern for a date and time,
/// `date.fromisoformat`, Django's pattern for a date.
///
/// # Errors
///
/// Anything but text or `null`, text of another form, a date or offset out of range.
pub fn parse_model_datetime(
    value: &Value,
) -> Result<Option<ChronoDateTime<Utc>>, InvalidModelDate> {
    if value.is_none() {
        return Ok(None);
    }
    let datetime = match DateTime::from_value(value) {
        Ok(datetime) => datetime,
        Err(_) => lenient(value.as_str().ok_or(InvalidModelDate)?)?,
    };
    let offset = datetime.offset.unwrap_or(0);
    // PostgreSQL also knows no fraction of a second in an offset.
    if offset.abs() >= DATABASE_OFFSET_LIMIT || offset % MICROS_PER_SECOND != 0 {
        return Err(InvalidModelDate);
    }
    Ok(Some(datetime.instant()))
}

fn lenient(text: &str) -> Result<DateTime, InvalidModelDate> {
    // A text that matches the first pattern is not tried as a date, even if it is out of range.
    if let Some(datetime) = pattern_datetime(text) {
        return datetime.checked().map_err(|_| InvalidModelDate);
    }
    isoformat::parse_date(text)
        .or_else(|| pattern_date(text)?.checked().ok())
        .ok_or(InvalidModelDate)
}

/// `YYYY-M-D[T ]H:M[:S[.f]] [Z|±HH[[:]MM]]` with digits of any script.
fn pattern_datetime(text: &str) -> Option<DateTime> {
    let mut scan = Scan::new(text);
    let mut datetime = scan.date()?;
    scan.one_of(&['T', ' '])?;
    datetime.hour = scan.number(1, 2)?;
    scan.one_of(&[':'])?;
    datetime.minute = scan.number(1, 2)?;
    if scan.peek() == Some(':') {
        scan.one_of(&[':'])?;
        datetime.second = scan.number(1, 2)?;
        if scan.one_of(&['.', ',']).is_some() {
            datetime.microsecond = scan.fraction()?;
        }
    }
    scan.skip_space();
    datetime.offset = scan.offset()?;
    scan.at_end().then_some(datetime)
}

/// `YYYY-M-D`
fn pattern_date(text: &str) -> Option<DateTime> {
    let mut scan = Scan::new(text);
    let date = scan.date()?;
    scan.at_end().then_some(date)
}

struct Scan {
    rest: Vec<char>,
    at: usize,
}

impl Scan {
    fn new(text: &str) -> Self {
        Scan {
            rest: text.chars().collect(),
            at: 0,
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn one_of(&mut self, wanted: &[char]) -> Option<char> {
        let found = self.peek().filter(|character| wanted.contains(character))?;
        self.at += 1;
        Some(found)
    }

    /// Up to `most` digits, at least `least`.
    fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        let start = self.at;
        let mut number = 0;
        while self.at < start + most
            && let Some(digit) = self.peek().and_then(decimal_digit)
        {
            number = number * 10 + u32::from(digit);
            self.at += 1;
        }
        (self.at - start >= least).then_some(number)
    }

    fn date(&mut self) -> Option<DateTime> {
        let year = self.number(4, 4)? as i32;
        self.one_of(&['-'])?;
        let month = self.number(1, 2)?;
        self.one_of(&['-'])?;
        let day = self.number(1, 2)?;
        Some(DateTime::midnight(year, month, day))
    }

    /// One to six digits of microseconds, then up to six more that are cut off.
    fn fraction(&mut self) -> Option<u32> {
        let start = self.at;
        let digits = self.number(1, 6)?;
        let missing = 6 - (self.at - start) as u32;
        self.number(0, 6)?;
        Some(digits * 10_u32.pow(missing))
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    /// Microseconds east of UTC. The outer `None` means that the text does not match.
    fn offset(&mut self) -> Option<Option<i64>> {
        let sign = match self.one_of(&['Z', '+', '-']) {
            None => return Some(None),
            Some('Z') => return Some(Some(0)),
            Some('-') => -1,
            Some(_) => 1,
        };
        let hours = self.number(2, 2)?;
        let colon = self.one_of(&[':']).is_some();
        let minutes = if self.at_end() && !colon {
            0
        } else {
            self.number(2, 2)?
        };
        Some(Some(
            sign * i64::from(hours * 60 + minutes) * 60 * MICROS_PER_SECOND,
        ))
    }

    /// The end, or one line feed before it.
    fn at_end(&self) -> bool {
        matches!(self.rest[self.at..], [] | ['\n'])
    }
}
