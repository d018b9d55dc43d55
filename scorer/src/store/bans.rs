//! Bans (contract §3.7, domain E.2).

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Row};

use super::instant::Instant;
use crate::domain::bans::Ban;

/// Bans that have not ended and name one of the hashes or the address, in any case.
pub(crate) async fn candidates(
    pool: &PgPool,
    hashes: &[&str],
    address: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Ban>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT type, provider, hash, address, end_time, reason FROM ceramic_cache_ban \
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
                end_time: row.try_get::<Option<Instant>, _>(4)?.map(DateTime::from),
                reason: row.try_get(5)?,
            })
        })
        .collect()
}
