//! Pages of an address's stamps, newest first (extra endpoint `GET /v2/stamps/{address}`).

use sqlx::{PgPool, Row};

/// Which page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cursor {
    First,
    /// Stamps older than this one.
    After(i64),
    /// Stamps newer than this one, the nearest of them.
    Before(i64),
}

/// A page of stamps.
#[derive(Debug)]
pub(crate) struct Page {
    /// Identifier and JSON text, newest first.
    pub(crate) stamps: Vec<(i64, String)>,
    pub(crate) has_newer: bool,
    pub(crate) has_older: bool,
}

/// Live stamps of the lower-cased address, revoked ones included.
pub(crate) async fn page(
    pool: &PgPool,
    address: &str,
    cursor: Cursor,
    limit: i64,
) -> Result<Page, sqlx::Error> {
    let (newer_than, older_than) = match cursor {
        Cursor::First => (None, None),
        Cursor::After(id) => (None, Some(id)),
        Cursor::Before(id) => (Some(id), None),
    };
    let rows = sqlx::query(
        "WITH live AS ( \
           SELECT id, stamp FROM ceramic_cache_ceramiccache \
           WHERE address = $1 AND deleted_at IS NULL), \
         page AS ( \
           SELECT id, stamp FROM live \
           WHERE ($2::bigint IS NULL OR id > $2) AND ($3::bigint IS NULL OR id < $3) \
           ORDER BY CASE WHEN $2::bigint IS NULL THEN -id ELSE id END LIMIT $4) \
         SELECT page.id, page.stamp::text, \
                EXISTS (SELECT 1 FROM live WHERE live.id > (SELECT max(id) FROM page)), \
                EXISTS (SELECT 1 FROM live WHERE live.id < (SELECT min(id) FROM page)) \
         FROM page ORDER BY page.id DESC",
    )
    .bind(address)
    .bind(newer_than)
    .bind(older_than)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    let (has_newer, has_older) = match rows.first() {
        Some(row) => (row.try_get(2)?, row.try_get(3)?),
        None => (false, false),
    };
    let stamps = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    Ok(Page {
        stamps: stamps.collect::<Result<_, sqlx::Error>>()?,
        has_newer,
        has_older,
    })
}
