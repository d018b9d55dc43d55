//! Which of the stored stamps a scoring looks at (domain B.3).

use chrono::{DateTime as Instant, Utc};

use super::{error::ScoringError, snapshot::CachedStamp};
use crate::python::{Value, datetime::DateTime, text};

/// The latest row of each provider, in the order in which the providers first appear.
///
/// # Errors
/// A stored date that Python cannot represent makes reading the rows fail.
pub fn latest_per_provider(rows: &[CachedStamp]) -> Result<Vec<&CachedStamp>, ScoringError> {
    check_readable(rows)?;
    let mut latest: Vec<&CachedStamp> = Vec::with_capacity(rows.len());
    for row in rows {
        match latest.iter_mut().find(|kept| kept.provider == row.provider) {
            Some(kept) if row.updated_at > kept.updated_at => *kept = row,
            Some(_) => {}
            None => latest.push(row),
        }
    }
    Ok(latest)
}

/// Whether Python can read these rows at all.
///
/// # Errors
/// The first date outside the years 1 to 9999.
pub fn check_readable(rows: &[CachedStamp]) -> Result<(), ScoringError> {
    rows.iter()
        .flat_map(|row| [Some(row.updated_at), row.issuance_date, row.expiration_date])
        .flatten()
        .try_for_each(check_readable_instant)
}

/// Whether Python can read a column with this instant.
///
/// # Errors
/// An instant outside the years 1 to 9999.
pub fn check_readable_instant(instant: Instant<Utc>) -> Result<(), ScoringError> {
    DateTime::from_utc(instant)?;
    Ok(())
}

/// `str(value)` of a value that came out of the database, where no surrogate is alone.
pub fn plain_text(value: &Value) -> String {
    text::str(value).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{at, cached};

    #[test]
    fn the_latest_update_wins_and_the_first_of_a_tie() {
        let mut rows = [
            cached(1, "A"),
            cached(2, "B"),
            cached(3, "A"),
            cached(4, "B"),
        ];
        rows[2].updated_at = at("2026-02-01T00:00:00Z");
        let ids: Vec<i64> = latest_per_provider(&rows)
            .unwrap()
            .iter()
            .map(|row| row.id)
            .collect();
        assert_eq!(ids, [3, 2]);
    }

    #[test]
    fn a_date_outside_python_s_calendar_fails_the_read() {
        let mut rows = [cached(1, "A")];
        rows[0].expiration_date = Some(at("0000-12-31T10:00:00Z"));
        let error = latest_per_provider(&rows).unwrap_err();
        assert_eq!(error.to_string(), "year -1 is out of range");
    }
}
