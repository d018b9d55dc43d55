//! Reads rows of the reference's database, and nothing else.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};

use parity::effects::Effects;
use sqlx::{
    PgPool, Row as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::image::{Image, ImageRow};
use crate::{accounts::Fate, config::RowsConfig};

/// Most rows of one image.
const ROWS: i64 = 5_000;

const LINKS: &str = "registry_hashscorerlink";
const STAMPS: &str = "ceramic_cache_ceramiccache";

/// Timestamps as the candidate tells them, a session that cannot write whatever its role may, and
/// no statement that goes on when nobody waits for it any more.
const SESSION: &str = "SELECT set_config('TimeZone', 'UTC', false), \
    set_config('default_transaction_read_only', 'on', false), \
    set_config('statement_timeout', $1, false)";

/// A small pool of its own.
#[derive(Debug)]
pub(super) struct Database {
    pool: PgPool,
    /// Largest image, in bytes.
    cap: usize,
    /// Whether the last reading failed: told once, not for every request.
    failing: AtomicBool,
}

/// Where an address's rows stood.
#[derive(Debug)]
pub(super) struct Marks {
    /// Table, number and version of every row.
    pub(super) versions: BTreeSet<String>,
    last_event: i64,
    last_call: i64,
}

/// Whose rows a request may change.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    /// In lower case; empty when the request is about none.
    pub(super) address: String,
    /// Prefixes of the API keys in its headers.
    pub(super) keys: Vec<String>,
}

/// Which rows are looked at.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    subject: Subject,
    /// Decoded, as the service logs it.
    path: String,
    last_event: i64,
    last_call: i64,
    /// Nullifiers the candidate would claim.
    hashes: Vec<String>,
    links: Vec<i64>,
    stamps: Vec<i64>,
}

impl Reach {
    /// Rows of the address, and those the candidate names.
    pub(super) fn new(subject: Subject, path: String, marks: &Marks, told: &Effects) -> Self {
        let links = told.0.get(LINKS);
        let hashes = links.iter().flat_map(|rows| &rows.inserted);
        let numbers = links.iter().flat_map(|rows| &rows.updated);
        Self {
            hashes: hashes
                .filter_map(|row| Some(row.get("hash")?.as_str()?.into_owned()))
                .collect(),
            links: numbers
                .filter_map(|update| update.pk.to_text().parse().ok())
                .collect(),
            stamps: Vec::new(),
            subject,
            path,
            last_event: marks.last_event,
            last_call: marks.last_call,
        }
    }

    /// The same rows afterwards, also those that have another owner or are no longer live then.
    pub(super) fn onward(mut self, before: &Image) -> Self {
        self.links.extend(before.numbers_of(LINKS));
        self.stamps.extend(before.numbers_of(STAMPS));
        self
    }

    pub(super) fn address(&self) -> &str {
        &self.subject.address
    }
}

impl Database {
    pub(super) fn new(config: &RowsConfig, options: &PgConnectOptions) -> Self {
        let patience = config.deadline.0.as_millis().to_string();
        let pool = PgPoolOptions::new()
            .max_connections(config.connections)
            .acquire_timeout(config.deadline.0)
            .after_connect(move |connection, _| {
                let patience = patience.clone();
                Box::pin(async move {
                    sqlx::query(SESSION)
                        .bind(patience)
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .connect_lazy_with(options.clone().application_name("shadow-proxy rows"));
        Self {
            pool,
            cap: config.image_cap.bytes(),
            failing: AtomicBool::new(false),
        }
    }

    pub(super) async fn marks(&self, subject: &Subject) -> Result<Marks, Fate> {
        let read = async {
            let row = sqlx::query(include_str!("sql/marks.sql"))
                .bind(&subject.address)
                .bind(&subject.keys)
                .fetch_one(&self.pool)
                .await?;
            let versions: Vec<String> = row.try_get("versions")?;
            let marks = Marks {
                versions: versions.into_iter().collect(),
                last_event: row.try_get("last_event")?,
                last_call: row.try_get("last_call")?,
            };
            Ok((row.try_get("is_replica")?, marks))
        };
        match self.told(read.await)? {
            (true, _) => Err(Fate::Errored("replica")),
            (false, marks) => Ok(marks),
        }
    }

    pub(super) async fn image(&self, reach: &Reach) -> Result<Image, Fate> {
        let read = async {
            let rows = sqlx::query(include_str!("sql/image.sql"))
                .bind(&reach.subject.address)
                .bind(&reach.subject.keys)
                .bind(&reach.path)
                .bind(reach.last_event)
                .bind(reach.last_call)
                .bind(&reach.hashes)
                .bind(&reach.links)
                .bind(&reach.stamps)
                .bind(ROWS + 1)
                .fetch_all(&self.pool)
                .await?;
            rows.iter()
                .map(|row| {
                    Ok(ImageRow {
                        table: row.try_get("relation")?,
                        id: row.try_get("id")?,
                        version: row.try_get("version")?,
                        own: row.try_get("own")?,
                        text: row.try_get("row")?,
                    })
                })
                .collect::<Result<Vec<_>, sqlx::Error>>()
        };
        let rows = self.told(read.await)?;
        let bytes: usize = rows.iter().map(|row| row.text.len()).sum();
        if bytes > self.cap || rows.len() as i64 > ROWS {
            return Err(Fate::NotComparable("image_over_cap"));
        }
        Ok(Image::new(rows))
    }

    /// Whether any of these addresses was scored since the request came.
    pub(super) async fn active(
        &self,
        reach: &Reach,
        addresses: BTreeSet<String>,
    ) -> Result<bool, Fate> {
        let addresses: Vec<String> = addresses.into_iter().collect();
        let read = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM registry_event WHERE id > $1 AND address = ANY($2))",
        )
        .bind(reach.last_event)
        .bind(addresses)
        .fetch_one(&self.pool);
        self.told(read.await)
    }

    fn told<T>(&self, read: Result<T, sqlx::Error>) -> Result<T, Fate> {
        match read {
            Ok(value) => {
                self.failing.store(false, Ordering::Relaxed);
                Ok(value)
            }
            Err(error) => {
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "the reference's rows cannot be read");
                }
                Err(match error {
                    sqlx::Error::PoolTimedOut => Fate::TimedOut,
                    _ => Fate::Errored("database"),
                })
            }
        }
    }
}
