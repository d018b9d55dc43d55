//! Days of the proleptic Gregorian calendar.

use chrono::{Datelike, NaiveDate};

/// Days since 1970-01-01 of a valid date.
pub(super) fn days_from_epoch(year: i32, month: u32, day: u32) -> i64 {
    NaiveDate::from_ymd_opt(year, month, day).map_or(0, |date| i64::from(date.to_epoch_days()))
}

/// Year, month and day of an ISO week date; none if there is no such week or day. The year may be
/// 10000. The weeks 1 to 52 of the year 0 give a month that does not exist, as in CPython.
pub(super) fn from_week_date(year: i32, week: u32, day: u32) -> Option<(i32, u32, u32)> {
    if !(1..=7).contains(&day) {
        return None;
    }
    if year == 0 {
        return (1..=52).contains(&week).then_some((1, 0, 0));
    }
    let monday = NaiveDate::from_isoywd_opt(year, week, chrono::Weekday::Mon)?;
    let date = monday + chrono::Days::new(u64::from(day) - 1);
    Some((date.year(), date.month(), date.day()))
}
