//! Instants as psycopg2 reads them: PostgreSQL has more of them than Python, and than `chrono`.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use sqlx::{
    Decode, Postgres, Type,
    error::BoxDynError,
    postgres::{PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef},
};

/// Microseconds from 1970 to 2000, where PostgreSQL begins to count.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// What a `timestamptz` column holds. `infinity` and `-infinity` are the last and the first instant of
/// Python; a year that `chrono` does not know becomes one that Python does not know either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instant(pub(super) DateTime<Utc>);

impl Instant {
    /// `micros` count from 2000; the two extremes stand for the infinities.
    fn from_postgres(micros: i64) -> Self {
        let known = match micros {
            i64::MAX => end_of_python(),
            i64::MIN => start_of_python(),
            finite => DateTime::from_timestamp_micros(finite.saturating_add(EPOCH_MICROS)),
        };
        Self(known.unwrap_or(if micros < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        }))
    }
}

fn start_of_python() -> Option<DateTime<Utc>> {
    let date = NaiveDate::from_ymd_opt(1, 1, 1)?;
    Some(date.and_time(NaiveTime::MIN).and_utc())
}

fn end_of_python() -> Option<DateTime<Utc>> {
    let date = NaiveDate::from_ymd_opt(9999, 12, 31)?;
    Some(date.and_hms_micro_opt(23, 59, 59, 999_999)?.and_utc())
}

impl From<Instant> for DateTime<Utc> {
    fn from(instant: Instant) -> Self {
        instant.0
    }
}

impl Type<Postgres> for Instant {
    fn type_info() -> PgTypeInfo {
        DateTime::<Utc>::type_info()
    }
}

impl PgHasArrayType for Instant {
    fn array_type_info() -> PgTypeInfo {
        DateTime::<Utc>::array_type_info()
    }
}

impl Decode<'_, Postgres> for Instant {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => Ok(Self::from_postgres(i64::decode(value)?)),
            PgValueFormat::Text => Err("a timestamp arrived as text".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_cannot_hold_is_its_last_instant_or_beyond() {
        for (micros, expected) in [
            (0, "2000-01-01T00:00:00+00:00"),
            (-1, "1999-12-31T23:59:59.999999+00:00"),
            (i64::MAX, "9999-12-31T23:59:59.999999+00:00"),
            (i64::MIN, "0001-01-01T00:00:00+00:00"),
        ] {
            assert_eq!(Instant::from_postgres(micros).0.to_rfc3339(), expected);
        }
        // The last second of PostgreSQL, in 294276.
        let last = Instant::from_postgres(9_223_371_331_199_999_999);
        assert_eq!(last.0, DateTime::<Utc>::MAX_UTC);
    }
}
