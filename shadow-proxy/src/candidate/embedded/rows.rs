//! The rows of a dry-run, in the form row capture gives them.

use chrono::{DateTime, Datelike as _, Utc};
use parity::{
    effects::{Effects, RowUpdate},
    json::{self, Json, Value},
};
use scorer::{
    effects::{Cell, Change, Row},
    python::jsonb,
};

/// What a dry-run says it would have written, as rows of the database read.
pub fn effects(changes: &scorer::effects::Effects) -> Effects {
    let mut effects = Effects::default();
    for change in &changes.0 {
        match change {
            Change::Inserted { table, row } => {
                effects
                    .0
                    .entry((*table).to_owned())
                    .or_default()
                    .inserted
                    .push(object(row));
            }
            Change::Deleted { table, row } => {
                effects
                    .0
                    .entry((*table).to_owned())
                    .or_default()
                    .deleted
                    .push(object(row));
            }
            Change::Updated {
                table,
                key,
                before,
                after,
            } => {
                let pk = match key.as_slice() {
                    [(_, only)] => cell(only),
                    several => Value::Array(several.iter().map(|(_, part)| cell(part)).collect()),
                };
                effects
                    .0
                    .entry((*table).to_owned())
                    .or_default()
                    .updated
                    .push(RowUpdate {
                        pk,
                        before: object(before),
                        after: object(after),
                    });
            }
        }
    }
    effects
}

fn object(row: &Row) -> Json {
    Value::Object(
        row.iter()
            .map(|(name, value)| (json::Text::from_decoded(name), cell(value)))
            .collect(),
    )
}

fn cell(value: &Cell) -> Json {
    match value {
        Cell::Null => Value::Null,
        Cell::Bool(value) => Value::Bool(*value),
        Cell::Int(value) => Value::number(value),
        Cell::Text(text) | Cell::Numeric(text) => Value::string(text),
        Cell::Timestamp(instant) => Value::string(&timestamp(*instant)),
        Cell::Json(value) => {
            let text = jsonb::printed(value);
            json::parse(text.as_bytes())
                .expect("a normalised jsonb value prints as JSON")
                .into_owned()
        }
    }
}

/// As PostgreSQL's `to_json` writes it: no zeros at the end of the fraction, no sign before the
/// year, and years before the first as `BC`.
fn timestamp(instant: DateTime<Utc>) -> String {
    let (year, era) = match instant.year() {
        year @ ..=0 => (1 - year, " BC"),
        year => (year, ""),
    };
    let fraction = format!(".{:06}", instant.timestamp_subsec_micros());
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!(
        "{year:04}-{}{fraction}+00:00{era}",
        instant.format("%m-%dT%H:%M:%S")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_read_as_postgres_writes_them() {
        for text in [
            "2026-01-16T12:00:00+00:00",
            "2026-01-16T12:00:00.5+00:00",
            "2026-01-16T12:00:00.000001+00:00",
            "2026-01-16T12:00:00.12345+00:00",
        ] {
            assert_eq!(timestamp(text.parse().unwrap()), text);
        }
        let year_zero = "0000-12-31T10:00:00Z".parse().unwrap();
        assert_eq!(timestamp(year_zero), "0001-12-31T10:00:00+00:00 BC");
        let far = "+10000-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(timestamp(far), "10000-01-01T00:00:00+00:00");
    }
}
