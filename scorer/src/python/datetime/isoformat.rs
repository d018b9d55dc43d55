//! `datetime.fromisoformat` of CPython 3.12, oddities included.
//!
//! The C code walks a NUL-terminated byte string, sometimes over the border between two fields;
//! what it lets through that way is part of the behaviour. So this walks bytes too, and a byte
//! beyond the end is NUL.

use super::{DateTime, DateTimeError, MICROS_PER_DAY, MICROS_PER_SECOND, calendar};
use crate::python::PyStr;
use crate::python::string::is_surrogate;
use crate::python::text::repr_str;

/// Marks a text that follows none of the forms.
struct Malformed;

/// Parses what `isoformat()` prints and most of ISO 8601.
pub(super) fn parse(text: &PyStr) -> Result<DateTime, DateTimeError> {
    let malformed = |Malformed| DateTimeError::Format(repr_str(text));
    let bytes = sanitised(text).ok_or(Malformed).map_err(malformed)?;
    let cursor = Bytes(bytes.as_bytes());
    let separator = separator_position(&cursor);
    let (year, month, day) = date(&cursor, separator).map_err(malformed)?;
    let mut time = Time::default();
    if bytes.len() > separator {
        let width = match cursor.at(separator) {
            0..=0x7f => 1,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
            _ => 2,
        };
        let rest = bytes
            .as_bytes()
            .get(separator + width..)
            .unwrap_or_default();
        time = time_with_offset(&Bytes(rest)).map_err(malformed)?;
    }
    let Time {
        hour,
        minute,
        second,
        microsecond,
        offset,
    } = time;
    DateTime {
        year,
        month,
        day,
        hour,
        minute,
        second,
        microsecond,
        offset: offset.map(checked_offset).transpose()?,
    }
    .checked()
}

/// `date.fromisoformat(text)`, midnight of it. Of ten bytes it reads as many as the form has: the
/// `T3` of `20250101T3` is not looked at.
pub(super) fn parse_date(text: &str) -> Option<DateTime> {
    if !matches!(text.len(), 7 | 8 | 10) {
        return None;
    }
    let (year, month, day) = date(&Bytes(text.as_bytes()), text.len()).ok()?;
    DateTime::midnight(year, month, day).checked().ok()
}

/// UTF-8 of the text. A surrogate is allowed as separator only, where any character is.
fn sanitised(text: &PyStr) -> Option<String> {
    if text.len() < 7 {
        return None;
    }
    match text {
        PyStr::Text(text) => Some(text.clone()),
        PyStr::IllFormed(points) => {
            let mut points = points.clone();
            let separator = [7, 8, 10]
                .into_iter()
                .find(|at| points.get(*at).copied().is_some_and(is_surrogate))?;
            points[separator] = u32::from('T');
            points.into_iter().map(char::from_u32).collect()
        }
    }
}

/// A NUL-terminated byte string.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn at(&self, position: usize) -> u8 {
        self.0.get(position).copied().unwrap_or(0)
    }

    fn is_digit(&self, position: usize) -> bool {
        self.at(position).is_ascii_digit()
    }

    /// The number of exactly `count` digits from `position`.
    fn digits(&self, position: usize, count: usize) -> Result<u32, Malformed> {
        (position..position + count).try_fold(0, |number, at| match self.at(at) {
            digit @ b'0'..=b'9' => Ok(number * 10 + u32::from(digit - b'0')),
            _ => Err(Malformed),
        })
    }
}

/// Where the date ends, guessed from its first characters and the length.
fn separator_position(text: &Bytes<'_>) -> usize {
    let length = text.0.len();
    if length == 7 {
        return 7;
    }
    match (text.at(4), text.at(5)) {
        // YYYY-Www-D, unless two digits follow: then the hyphen was the separator.
        (b'-', b'W') if text.at(8) == b'-' && !text.is_digit(10) => 10,
        (b'-', b'W') => 8,
        (b'-', _) => 10,
        // YYYYWww or YYYYWwwD, and maybe a digit as separator: the count of digits tells.
        (b'W', _) => {
            let end = (7..length).find(|at| !text.is_digit(*at)).unwrap_or(length);
            match end {
                0..=8 => end,
                _ if end % 2 == 0 => 7,
                _ => 8,
            }
        }
        _ => 8,
    }
}

fn date(text: &Bytes<'_>, length: usize) -> Result<(i32, u32, u32), Malformed> {
    let year = text.digits(0, 4)? as i32;
    let extended = text.at(4) == b'-';
    let mut at = if extended { 5 } else { 4 };
    if text.at(at) == b'W' {
        let week = text.digits(at + 1, 2)?;
        at += 3;
        let mut day = 1;
        if at < length {
            if extended {
                if text.at(at) != b'-' {
                    return Err(Malformed);
                }
                at += 1;
            }
            day = text.digits(at, 1)?;
        }
        return calendar::from_week_date(year, week, day).ok_or(Malformed);
    }
    let month = text.digits(at, 2)?;
    at += 2;
    if extended {
        if text.at(at) != b'-' {
            return Err(Malformed);
        }
        at += 1;
    }
    Ok((year, month, text.digits(at, 2)?))
}

#[derive(Default)]
struct Time {
    hour: u32,
    minute: u32,
    second: u32,
    microsecond: u32,
    /// Microseconds east of UTC.
    offset: Option<i64>,
}

fn time_with_offset(text: &Bytes<'_>) -> Result<Time, Malformed> {
    let length = text.0.len();
    let mark = (0..length)
        .find(|at| matches!(text.at(*at), b'+' | b'-' | b'Z'))
        .unwrap_or(length);
    let (mut time, complete) = clock(text, 0, mark)?;
    if mark == length {
        return if complete { Ok(time) } else { Err(Malformed) };
    }
    // With an offset the character that ended the time is not looked at.
    if text.at(mark) == b'Z' {
        if text.at(mark + 1) != 0 {
            return Err(Malformed);
        }
        time.offset = Some(0);
        return Ok(time);
    }
    let (offset, complete) = clock(text, mark + 1, length)?;
    if !complete {
        return Err(Malformed);
    }
    let seconds = i64::from(offset.hour * 3600 + offset.minute * 60 + offset.second);
    let sign = if text.at(mark) == b'-' { -1 } else { 1 };
    // Below a second an offset is taken for UTC.
    let micros = if seconds == 0 {
        0
    } else {
        i64::from(offset.microsecond)
    };
    time.offset = Some(sign * (seconds * MICROS_PER_SECOND + micros));
    Ok(time)
}

/// `HH[:?MM[:?SS[.fff…]]]` between two positions, and whether the whole string ended there.
fn clock(text: &Bytes<'_>, start: usize, end: usize) -> Result<(Time, bool), Malformed> {
    let mut fields = [0; 3];
    let mut at = start;
    let mut separated = true;
    for (index, field) in fields.iter_mut().enumerate() {
        *field = text.digits(at, 2)?;
        let next = text.at(at + 2);
        at += 3;
        if index == 0 {
            separated = next == b':';
        }
        if at >= end {
            let [hour, minute, second] = fields;
            return Ok((
                Time {
                    hour,
                    minute,
                    second,
                    ..Time::default()
                },
                next == 0,
            ));
        }
        match next {
            b':' if separated => {}
            b'.' | b',' => break,
            _ if !separated => at -= 1,
            _ => return Err(Malformed),
        }
    }
    let digits = (end - at).min(6);
    let microsecond = text.digits(at, digits)? * 10_u32.pow(6 - digits as u32);
    at += digits;
    while text.is_digit(at) {
        at += 1;
    }
    let [hour, minute, second] = fields;
    Ok((
        Time {
            hour,
            minute,
            second,
            microsecond,
            offset: None,
        },
        text.at(at) == 0,
    ))
}

fn checked_offset(offset: i64) -> Result<i64, DateTimeError> {
    if offset.abs() < MICROS_PER_DAY {
        return Ok(offset);
    }
    Err(DateTimeError::Offset(timedelta_repr(offset)))
}

/// `repr(timedelta(microseconds=…))`
fn timedelta_repr(micros: i64) -> String {
    let days = micros.div_euclid(MICROS_PER_DAY);
    let rest = micros.rem_euclid(MICROS_PER_DAY);
    let parts = [
        ("days", days),
        ("seconds", rest / MICROS_PER_SECOND),
        ("microseconds", rest % MICROS_PER_SECOND),
    ];
    let shown: Vec<String> = parts
        .iter()
        .filter(|(_, value)| *value != 0)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    match shown.as_slice() {
        [] => "datetime.timedelta(0)".to_owned(),
        _ => format!("datetime.timedelta({})", shown.join(", ")),
    }
}
