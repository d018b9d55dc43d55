//! Writes what a scoring changes, in one round trip and atomically.

use std::collections::HashMap;

use chrono::{DateTime as Instant, Datelike, Utc};
use serde_json::value::RawValue;
use sqlx::{PgPool, Row, postgres::PgRow, types::Json};

use crate::{
    domain::{
        dedup::LinkChange,
        plan::{Identifiers, Plan},
        snapshot::{CachedStamp, ScoreColumns},
    },
    effects::{Cell, Change},
    python::{Dict, PyStr, Value, jsonb},
};

/// What came of a plan.
#[derive(Debug)]
pub(super) enum Applied {
    /// Written, under these identifiers.
    Written {
        identifiers: Identifiers,
        analytics_id: Option<i64>,
    },
    /// Another request was faster: nothing was written, look again.
    Conflict(Conflict),
}

/// What another request changed between reading and writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conflict {
    /// It claimed a nullifier.
    Link,
    /// It wrote the passport, its score, or a link that was read.
    Row,
}

/// Writes a plan and an analytics row, or neither.
///
/// # Errors
/// The database's, except conflicts with other requests.
pub(super) async fn apply(
    pool: &PgPool,
    plan: &Plan,
    analytics: Option<&Change>,
) -> Result<Applied, sqlx::Error> {
    let document = document(plan, analytics);
    let text = jsonb::to_text(&document).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let document =
        RawValue::from_string(text).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let result = sqlx::query(include_str!("sql/apply.sql"))
        .bind(Json(document))
        .bind(&plan.address)
        .bind(plan.community_id)
        .bind(plan.now)
        .bind(plan.passport_id)
        .bind(plan.score.as_ref().map(|score| score.id))
        .bind(plan.score.as_ref().map(|score| score.version.as_str()))
        .fetch_optional(pool)
        .await;
    match result {
        Ok(Some(row)) => Ok(Applied::Written {
            identifiers: identifiers(plan, &row)?,
            analytics_id: row.try_get("analytics_id")?,
        }),
        Ok(None) => Ok(Applied::Conflict(Conflict::Row)),
        Err(error) => conflict(&error).map(Applied::Conflict).ok_or(error),
    }
}

/// A row that another request inserted first, or a deadlock with it.
fn conflict(error: &sqlx::Error) -> Option<Conflict> {
    const UNIQUE_VIOLATION: &str = "23505";
    const SERIALIZATION_FAILURE: &str = "40001";
    const DEADLOCK_DETECTED: &str = "40P01";
    let error = error.as_database_error()?;
    match error.code()?.as_ref() {
        UNIQUE_VIOLATION if error.table() == Some("registry_hashscorerlink") => {
            Some(Conflict::Link)
        }
        UNIQUE_VIOLATION | SERIALIZATION_FAILURE | DEADLOCK_DETECTED => Some(Conflict::Row),
        _ => None,
    }
}

fn identifiers(plan: &Plan, row: &PgRow) -> Result<Identifiers, sqlx::Error> {
    let link_hashes: Vec<String> = row.try_get("link_hashes")?;
    let link_ids: Vec<i64> = row.try_get("link_ids")?;
    let mut events: Vec<i64> = row.try_get("dedup_event_ids")?;
    events.extend(row.try_get::<Option<i64>, _>("score_event_id")?);
    let points_keys: Vec<String> = row.try_get("points_keys")?;
    let points_ids: Vec<i64> = row.try_get("points_ids")?;
    let points: HashMap<String, i64> = points_keys.into_iter().zip(points_ids).collect();
    let points_id = |row: &crate::domain::snapshot::PointsRow| {
        let key = format!(
            "{}\n{}\n{}\n{}",
            row.action, row.chain_id, row.provider, row.tx_hash
        );
        points.get(&key).copied()
    };
    Ok(Identifiers {
        passport: row.try_get("passport_id")?,
        score: row.try_get("score_id")?,
        links: link_hashes.into_iter().zip(link_ids).collect(),
        events,
        stamps: row.try_get("stamp_ids")?,
        qualified: row.try_get("qualified_id")?,
        points: plan.award.rows.iter().map(points_id).collect(),
    })
}

/// The plan as the statement reads it.
fn document(plan: &Plan, analytics: Option<&Change>) -> Value {
    let (mut created, mut updated) = (Vec::new(), Vec::new());
    for change in &plan.links {
        match change {
            LinkChange::Created(claim) => created.push(object([
                ("hash", claim.hash.as_str().into()),
                ("address", claim.address.as_str().into()),
                ("expires_at", timestamp(claim.expires_at)),
            ])),
            LinkChange::Updated { before, after } => updated.push(object([
                ("id", before.id.into()),
                ("old_address", before.address.as_str().into()),
                ("old_expires_at", timestamp(before.expires_at)),
                ("address", after.address.as_str().into()),
                ("expires_at", timestamp(after.expires_at)),
            ])),
        }
    }
    let points = plan.award.rows.iter().enumerate().map(|(ord, row)| {
        object([
            ("ord", ord.into()),
            ("action", row.action.as_str().into()),
            ("tx_hash", row.tx_hash.as_str().into()),
            ("chain_id", row.chain_id.into()),
            ("provider", row.provider.as_str().into()),
        ])
    });
    let stamps = plan
        .stamps
        .as_ref()
        .map(|rewrite| Value::List(rewrite.inserted.iter().map(stamp).collect()));
    // The statement puts the real identifiers in.
    let score_event = plan.score_event.as_ref().map(|update| update.data(0, 0));
    object([
        ("score", plan.outcome.as_ref().map(score).into()),
        ("links_created", Value::List(created)),
        ("links_updated", Value::List(updated)),
        ("dedup_events", Value::List(plan.dedup_events.clone())),
        ("stamps", stamps.into()),
        ("qualifies", plan.award.qualifies.into()),
        ("points", Value::List(points.collect())),
        ("score_event", score_event.into()),
        ("analytics", analytics.map(inserted_row).into()),
    ])
}

fn score(columns: &ScoreColumns) -> Value {
    object([
        ("score", columns.score.clone().into()),
        (
            "last_score_timestamp",
            columns.last_score_timestamp.map(timestamp).into(),
        ),
        ("status", columns.status.clone().into()),
        ("error", columns.error.clone().into()),
        ("evidence", columns.evidence.clone()),
        ("stamp_scores", columns.stamp_scores.clone()),
        ("stamps", columns.stamps.clone()),
        (
            "expiration_date",
            columns.expiration_date.map(timestamp).into(),
        ),
    ])
}

/// A stamp to copy from the cache, or to send where Python would write its numbers differently.
fn stamp(stamp: &CachedStamp) -> Value {
    let credential = has_float(&stamp.stamp).then(|| (*stamp.stamp).clone());
    object([
        ("cached_id", stamp.id.into()),
        ("provider", stamp.provider.as_str().into()),
        ("credential", credential.into()),
    ])
}

/// Without recursion: a stamp may be nested as deep as the parser allows.
fn has_float(value: &Value) -> bool {
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Float(_) => return true,
            Value::List(items) => waiting.extend(items),
            Value::Dict(dict) => waiting.extend(dict.iter().map(|(_, value)| value)),
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Str(_) => {}
        }
    }
    false
}

/// The columns of a row to insert, as JSON.
fn inserted_row(change: &Change) -> Value {
    let Change::Inserted { row, .. } = change else {
        return Value::None;
    };
    object(
        row.iter()
            .filter(|(column, _)| *column != "id")
            .map(|(column, cell)| {
                let value = match cell {
                    Cell::Null => Value::None,
                    Cell::Bool(value) => (*value).into(),
                    Cell::Int(value) => (*value).into(),
                    Cell::Text(text) | Cell::Numeric(text) => text.as_str().into(),
                    Cell::Timestamp(instant) => timestamp(*instant),
                    Cell::Json(value) => value.clone(),
                };
                (*column, value)
            }),
    )
}

fn object<K: Into<PyStr>>(pairs: impl IntoIterator<Item = (K, Value)>) -> Value {
    Value::Dict(pairs.into_iter().collect::<Dict>())
}

/// An instant as PostgreSQL reads it, in any year.
fn timestamp(instant: Instant<Utc>) -> Value {
    let rest = instant.format("-%m-%d %H:%M:%S%.6f+00");
    match instant.year() {
        year @ 1.. => format!("{year:04}{rest}").into(),
        year => format!("{:04}{rest} BC", 1 - year).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_of_any_year_are_written_as_postgresql_reads_them() {
        for (given, expected) in [
            (
                "2026-01-15T12:00:00.123456Z",
                "2026-01-15 12:00:00.123456+00",
            ),
            (
                "9999-12-31T23:59:59-14:00",
                "10000-01-01 13:59:59.000000+00",
            ),
            (
                "0001-01-01T00:00:00+14:00",
                "0001-12-31 10:00:00.000000+00 BC",
            ),
        ] {
            let instant = Instant::parse_from_rfc3339(given).unwrap().to_utc();
            assert_eq!(timestamp(instant), Value::from(expected), "{given}");
        }
    }
}
