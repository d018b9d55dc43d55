//! Bans (contract §3.7, domain E.2).

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Row};

use crate::domain::bans::Ban;

/// Bans that have not ended and name one of the hashes or the address, in any case.
pub(crate) async fn candidates(
    pool: &PgPool,
    hashes: &[&str],
    address: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Ban>, sqlx::Error> {
    let rows = sqlx::query(
        // psycopg2 reads an infinite instant as the last one of Python.
        "SELECT type, provider, hash, address, \
                CASE WHEN end_time = 'infinity' THEN timestamptz '9999-12-31 23:59:59.999999+00' \
                ELSE end_time END, reason FROM ceramic_cache_ban \
         WHERE (end_time IS NULL OR end_time > $3) \
           AND (hash = ANY($1) OR upper(address) = upper($2)) \
         ORDER BY ctid",
    )
    .bind(hashes)
    .bind(address)
    .bind(now)
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Ban {
                kind: row.try_get(0)?,
                provider: row.try_get(1)?,
                hash: row.try_get(2)?,
                address: row.try_get(3)?,
                end_time: row.try_get(4)?,
                reason: row.try_get(5)?,
            })
        })
        .collect()
}
