//! Writes the stamp cache (domain D.1 to D.3).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use num_bigint::BigInt;
use sqlx::{PgPool, Row};

use super::{
    failure::{Cause, Failure},
    instant::Instant,
};
use crate::{
    domain::{
        plan::{json, text, timestamp, updated},
        snapshot::CachedStamp,
        stamp_write::{self, StampItem, StampRow, hashes, storable},
    },
    effects::{Cell, Change, Effects},
    message::Mode,
    python::{Dict, Value},
};

const TABLE: &str = "ceramic_cache_ceramiccache";
/// The type of every row this service writes.
const WRITTEN_TYPE: i32 = 1;

/// Stamps to write for an address.
#[derive(Debug, Clone)]
pub struct StampWrite {
    /// Not validated: stamps are stored for impossible addresses too.
    pub address: String,
    pub items: Vec<StampItem>,
    pub kind: WriteKind,
}

/// How stamps are written.
#[derive(Debug, Clone)]
pub enum WriteKind {
    /// Type-1 rows of the providers give way to new ones.
    Replace {
        /// 1 for the Passport app, 2 for embed.
        source_app: i32,
        /// Stored whether or not there is such a community; `None` cannot be stored.
        source_scorer_id: Option<BigInt>,
    },
    /// Rows of any type give way; a falsy stamp only deletes.
    Patch,
    /// Rows of any type are deleted; at least one must be.
    Delete,
}

/// What a write changed.
#[derive(Debug, Default)]
pub struct Written {
    pub effects: Effects,
    /// Rows deleted, so that a dry run can leave them out of what it reads.
    pub removed: Vec<i64>,
    /// Rows inserted, in the order given.
    pub added: Vec<CachedStamp>,
}

impl Written {
    /// Nullifiers of stamps that a dry run did not store.
    pub fn hashes(&self) -> Vec<String> {
        self.added
            .iter()
            .flat_map(|row| hashes(&row.stamp))
            .collect()
    }

    /// The rows as they would be read after this write.
    pub fn overlay(&self, rows: Vec<CachedStamp>) -> Vec<CachedStamp> {
        let kept = rows
            .into_iter()
            .filter(|row| !self.removed.contains(&row.id));
        kept.chain(self.added.iter().cloned()).collect()
    }
}

/// A stamp of a response.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedStamp {
    pub id: i64,
    pub address: String,
    pub provider: String,
    pub stamp: Arc<Value>,
}

impl ListedStamp {
    /// The stamp in wire order.
    pub fn to_value(&self) -> Value {
        Value::Dict(Dict::from_iter([
            ("id", self.id.into()),
            ("address", self.address.as_str().into()),
            ("provider", self.provider.as_str().into()),
            ("stamp", (*self.stamp).clone()),
        ]))
    }
}

impl From<&CachedStamp> for ListedStamp {
    fn from(row: &CachedStamp) -> Self {
        ListedStamp {
            id: row.id,
            address: row.address.clone(),
            provider: row.provider.clone(),
            stamp: row.stamp.clone(),
        }
    }
}

/// Deletes what the stamps replace and stores them: two statements, so that a failure of the second
/// leaves the first.
///
/// # Errors
/// Stamps that cannot be stored; nothing to delete; the database's.
pub async fn write(
    pool: &PgPool,
    write: &StampWrite,
    now: DateTime<Utc>,
    mode: Mode,
) -> Result<Written, Failure> {
    let address = write.address.to_lowercase();
    let exception = |error: stamp_write::Unstorable| Cause::Exception(error.to_string());
    let providers = write
        .items
        .iter()
        .map(|item| storable(&item.provider))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Failure::clean(exception(error)))?;
    let mut written = Written::default();
    if !providers.is_empty() {
        let type_one_only = matches!(write.kind, WriteKind::Replace { .. });
        let rows = remove(pool, &address, &providers, type_one_only, now, mode).await?;
        for (id, updated_at) in rows {
            let key = vec![("id", Cell::Int(id))];
            let cells = |updated_at, deleted_at| {
                vec![
                    ("updated_at", Cell::Timestamp(updated_at)),
                    ("deleted_at", timestamp(deleted_at)),
                ]
            };
            let change = updated(TABLE, key, cells(updated_at, None), cells(now, Some(now)));
            written.effects.0.extend(change);
            written.removed.push(id);
        }
    }
    let (source_app, source_scorer_id) = match &write.kind {
        WriteKind::Delete if written.removed.is_empty() => {
            return Err(Failure::clean(Cause::NothingToDelete));
        }
        WriteKind::Delete => return Ok(written),
        WriteKind::Patch => (None, None),
        WriteKind::Replace {
            source_app,
            source_scorer_id,
        } => (Some(*source_app), Some(source_scorer_id.as_ref())),
    };
    let only_truthy = matches!(write.kind, WriteKind::Patch);
    let items = write
        .items
        .iter()
        .filter(|item| !only_truthy || item.stamp.truthy());
    let inserted = async {
        let rows = stamp_write::rows(items).map_err(exception)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let address = stamp_write::stored_address(&address).map_err(exception)?;
        let scorer = source_scorer_id.map(|id| {
            id.and_then(|id| i64::try_from(id).ok())
                .ok_or_else(|| Cause::Exception("the source scorer cannot be stored".to_owned()))
        });
        let source = Source {
            app: source_app,
            scorer_id: scorer.transpose()?,
        };
        let ids = if mode.writes() {
            insert(pool, address, &rows, &source, now).await?
        } else {
            (1..).map(|id: i64| -id).take(rows.len()).collect()
        };
        Ok(ids
            .into_iter()
            .zip(rows)
            .map(|(id, row)| (inserted_change(id, address, &row, source, now), id, row))
            .collect())
    };
    match inserted.await {
        Ok(rows) => {
            for (change, id, row) in rows {
                written.effects.0.push(change);
                written.added.push(cached_stamp(id, &address, row, now));
            }
            Ok(written)
        }
        Err(cause) => Err(Failure {
            cause,
            effects: written.effects,
        }),
    }
}

/// Where a row comes from.
#[derive(Debug, Clone, Copy)]
struct Source {
    app: Option<i32>,
    scorer_id: Option<i64>,
}

/// Soft-deletes live rows, revoked ones included; gives their former `updated_at`.
async fn remove(
    pool: &PgPool,
    address: &str,
    providers: &[String],
    type_one_only: bool,
    now: DateTime<Utc>,
    mode: Mode,
) -> Result<Vec<(i64, DateTime<Utc>)>, Failure> {
    let statement = if mode.writes() {
        include_str!("sql/remove_stamps.sql")
    } else {
        include_str!("sql/removable_stamps.sql")
    };
    let rows = sqlx::query(statement)
        .bind(address)
        .bind(providers)
        .bind(type_one_only)
        .bind(now)
        .fetch_all(pool)
        .await?;
    let mut removed = Vec::with_capacity(rows.len());
    for row in rows {
        // A row deleted at this very instant holds the place of the one to delete.
        if mode == Mode::DryRun && row.try_get("occupied")? {
            let text = "two rows of a provider cannot be deleted at the same instant";
            return Err(Failure::clean(Cause::Exception(text.to_owned())));
        }
        let updated_at: Instant = row.try_get("updated_at")?;
        removed.push((row.try_get("id")?, updated_at.0));
    }
    Ok(removed)
}

/// One insert for all rows.
async fn insert(
    pool: &PgPool,
    address: &str,
    rows: &[StampRow],
    source: &Source,
    now: DateTime<Utc>,
) -> Result<Vec<i64>, sqlx::Error> {
    let column = |text: fn(&StampRow) -> String| rows.iter().map(text).collect::<Vec<_>>();
    let issuances: Vec<_> = rows.iter().map(|row| row.issuance_date).collect();
    let expirations: Vec<_> = rows.iter().map(|row| row.expiration_date).collect();
    sqlx::query_scalar(include_str!("sql/insert_stamps.sql"))
        .bind(address)
        .bind(column(|row| row.provider.clone()))
        .bind(column(|row| crate::python::json::dumps(&row.stamp)))
        .bind(column(|row| row.proof_value.clone()))
        .bind(issuances)
        .bind(expirations)
        .bind(now)
        .bind(source.app)
        .bind(source.scorer_id)
        .bind(WRITTEN_TYPE)
        .fetch_all(pool)
        .await
}

fn cached_stamp(id: i64, address: &str, row: StampRow, now: DateTime<Utc>) -> CachedStamp {
    CachedStamp {
        id,
        address: address.to_owned(),
        provider: row.provider,
        kind: WRITTEN_TYPE,
        stamp: Arc::new(row.stamp),
        updated_at: now,
        issuance_date: row.issuance_date,
        expiration_date: row.expiration_date,
    }
}

fn inserted_change(
    id: i64,
    address: &str,
    row: &StampRow,
    source: Source,
    now: DateTime<Utc>,
) -> Change {
    let int = |value: Option<i64>| value.map_or(Cell::Null, Cell::Int);
    Change::Inserted {
        table: TABLE,
        row: vec![
            ("id", Cell::Int(id)),
            ("address", text(Some(address))),
            ("provider", text(Some(&row.provider))),
            ("stamp", json(&row.stamp)),
            ("created_at", Cell::Timestamp(now)),
            ("updated_at", Cell::Timestamp(now)),
            ("type", Cell::Int(WRITTEN_TYPE.into())),
            ("deleted_at", Cell::Null),
            ("compose_db_save_status", text(Some("pending"))),
            ("compose_db_stream_id", text(Some(""))),
            ("expiration_date", timestamp(row.expiration_date)),
            ("issuance_date", timestamp(row.issuance_date)),
            ("proof_value", text(Some(&row.proof_value))),
            ("source_app", int(source.app.map(i64::from))),
            ("source_scorer_id", int(source.scorer_id)),
        ],
    }
}
